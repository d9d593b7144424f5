//! What everybody reads at last: the whole of their rooms, by REST.

use std::time::Duration;

use anyhow::Context as _;
use chat_checker::history::{Op, Outcome, Via};
use chat_client::{RestClient, rest::PageQuery};
use chat_protocol::{RoomId, UserId};

use super::{Person, record};
use crate::history::History;

const PAGE: u32 = 200;
const WITHIN: Duration = Duration::from_mins(2);

/// Number of unread messages that a user is told, room by room.
pub type Unread = Vec<((RoomId, UserId), i64)>;

/// Reads everything of a person's rooms, and what the room list says.
pub async fn read_all(person: &Person, address: &str, history: &History) -> anyhow::Result<Unread> {
    let reading = async {
        let rest = RestClient::new(address)?.with_token(&person.token);
        for room in &person.rooms {
            let mut after = 0;
            loop {
                let page = PageQuery { after: Some(after), limit: Some(PAGE), ..PageQuery::default() };
                let page = match rest.messages(*room, page).await {
                    // Left, and not back: there is nothing to be read.
                    Err(error) if person.wanders == Some(*room) && matches!(error.status(), Some(403 | 404)) => break,
                    page => page?,
                };
                for entry in &page.messages {
                    let event = history.event(&person.process, "", Outcome::Ok, Op::Recv);
                    history.put_event(record::entry(event, entry, Via::Final));
                    after = entry.seq;
                }
                if !page.more || page.messages.is_empty() {
                    break;
                }
            }
        }
        let rooms = rest.rooms().await?;
        anyhow::Ok(rooms.iter().map(|room| ((room.room_id, person.id), room.unread_count)).collect())
    };
    let reading = tokio::time::timeout(WITHIN, reading).await;
    reading.with_context(|| format!("last reads of {}", person.process))?
}
