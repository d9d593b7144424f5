//! Full-text search.

use std::time::Duration;

use chat_protocol::{Entry, MessageId, RoomId, UserId};
use tokio_postgres::{Row, error::SqlState};

use crate::{Store, StoreError, queries, row};

/// How long PostgreSQL may look; then the question was too broad.
const BUDGET: Duration = Duration::from_secs(2);

/// What to look for, and where.
#[derive(Debug, Clone, Copy)]
pub struct SearchQuery<'a> {
    /// Only rooms this user is a member of, and only what was said since the user joined.
    pub user_id: UserId,
    /// Only this room.
    pub room_id: Option<RoomId>,
    /// Words, all of which must occur anywhere in the message; case and width do not matter.
    pub text: &'a str,
    /// Only messages older than this one.
    pub before: Option<MessageId>,
    /// Most messages.
    pub limit: u32,
}

/// A message found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundMessage {
    /// Name of its room; empty for a direct one.
    pub room_name: String,
    /// The message.
    pub entry: Entry,
}

/// How a search ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchOutcome {
    /// Newest first.
    Found {
        /// At most as many as asked for.
        messages: Vec<FoundMessage>,
        /// Whether there are older ones.
        more: bool,
    },
    /// `before` is no message.
    UnknownBefore,
    /// There is too much to look through: a room or a longer word would help.
    TooBroad,
}

impl Store {
    /// Messages with all the words, newest first.
    pub async fn search(&self, query: SearchQuery<'_>) -> Result<SearchOutcome, StoreError> {
        self.search_within(query, BUDGET).await
    }

    /// The same with another limit of time: for tests.
    pub async fn search_within(&self, query: SearchQuery<'_>, budget: Duration) -> Result<SearchOutcome, StoreError> {
        let SearchQuery { user_id, room_id, text, before, limit } = query;
        let (room_id, before) = (room_id.map(|id| id.0), before.map(|id| id.0));
        let rows = i64::from(limit) + 1; // one more: whether there is more
        let budget_ms = i64::try_from(budget.as_millis()).unwrap_or(i64::MAX);
        let found = self.rows(queries::SEARCH, &[&user_id.0, &room_id, &text, &before, &rows, &budget_ms]).await;
        let rows = match found {
            Err(StoreError::Query(error)) => match error.code().map(SqlState::code) {
                Some("CH001") => return Ok(SearchOutcome::UnknownBefore),
                Some("CH002") => return Ok(SearchOutcome::TooBroad),
                _ => return Err(error.into()),
            },
            rows => rows?,
        };
        let limit = limit as usize;
        let messages = rows.iter().take(limit).map(message).collect::<Result<_, _>>()?;
        Ok(SearchOutcome::Found { messages, more: rows.len() > limit })
    }
}

fn message(row: &Row) -> Result<FoundMessage, StoreError> {
    let entry = row::entry(row, row::room_id(row, "room_id")?, &row::TIMELINE)?;
    Ok(FoundMessage { room_name: row.try_get("room_name")?, entry })
}
