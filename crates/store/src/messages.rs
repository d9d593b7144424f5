//! Reading the timeline.

use std::collections::HashMap;

use chat_protocol::{Change, ClientMessageId, Entry, MessageId, RoomId, TimelineKind, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{Store, StoreError, queries, row};

/// What has a place in a room's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimelineItem {
    /// A message or a system entry.
    Entry(Entry),
    /// A change of an earlier message.
    Change(TimelineKind, Change),
}

/// Where a command ended up, for whoever missed its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredOutcome {
    /// The entry it became, or the message it changed.
    pub message_id: MessageId,
    /// Its place.
    pub seq: i64,
    /// When it was committed.
    pub at: Timestamp,
}

impl TimelineItem {
    /// Its place.
    pub fn seq(&self) -> i64 {
        match self {
            Self::Entry(entry) => entry.seq,
            Self::Change(_, change) => change.seq,
        }
    }
}

/// The entries of a part of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the order asked for.
    pub entries: Vec<Entry>,
    /// Whether there is more in that direction.
    pub more: bool,
}

impl Page {
    /// From `limit` + 1 rows asked for.
    fn from_rows(rows: &[Row], room_id: RoomId, limit: u32) -> Result<Self, StoreError> {
        let limit = limit as usize;
        let entries =
            rows.iter().take(limit).map(|row| row::entry(row, room_id, &row::TIMELINE)).collect::<Result<_, _>>()?;
        Ok(Self { entries, more: rows.len() > limit })
    }
}

impl Store {
    /// Entries with a lower seq than `before`, newest first, none below `visible_from`.
    pub async fn page_before(
        &self,
        room_id: RoomId,
        before: i64,
        visible_from: i64,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let rows =
            self.rows(queries::PAGE_BEFORE, &[&room_id.0, &before, &visible_from, &(i64::from(limit) + 1)]).await?;
        Page::from_rows(&rows, room_id, limit)
    }

    /// Entries with a higher seq than `after`, oldest first.
    pub async fn page_after(&self, room_id: RoomId, after: i64, limit: u32) -> Result<Page, StoreError> {
        let rows = self.rows(queries::PAGE_AFTER, &[&room_id.0, &after, &(i64::from(limit) + 1)]).await?;
        Page::from_rows(&rows, room_id, limit)
    }

    /// Entries after the `offset` newest ones, newest first, none below `visible_from`. Passing over costs time: bound the offset.
    pub async fn page_at_offset(
        &self,
        room_id: RoomId,
        visible_from: i64,
        offset: u32,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let (offset, rows) = (i64::from(offset), i64::from(limit) + 1);
        let rows = self.rows(queries::PAGE_AT_OFFSET, &[&room_id.0, &visible_from, &offset, &rows]).await?;
        Page::from_rows(&rows, room_id, limit)
    }

    /// The place of an entry in its room.
    pub async fn seq_of_message(&self, room_id: RoomId, message_id: MessageId) -> Result<Option<i64>, StoreError> {
        let rows = self.rows(queries::SEQ_OF_MESSAGE, &[&room_id.0, &message_id.0]).await?;
        Ok(rows.first().map(|row| row.try_get("seq")).transpose()?)
    }

    /// Everything with a higher seq than `after`, oldest first, at most `limit`: without a gap.
    pub async fn items_after(&self, room_id: RoomId, after: i64, limit: u32) -> Result<Vec<TimelineItem>, StoreError> {
        let rows = self.rows(queries::ITEMS_AFTER, &[&room_id.0, &after, &i64::from(limit)]).await?;
        rows.iter().map(|row| item(row, room_id)).collect()
    }

    /// The entries at these places, those that there are.
    pub(crate) async fn entries_at(
        &self,
        places: &[(RoomId, i64)],
    ) -> Result<HashMap<(RoomId, i64), Entry>, StoreError> {
        let room_ids: Vec<Uuid> = places.iter().map(|(room_id, _)| room_id.0).collect();
        let seqs: Vec<i64> = places.iter().map(|(_, seq)| *seq).collect();
        let rows = self.rows(queries::ENTRIES_AT, &[&room_ids, &seqs]).await?;
        let found = |row: &Row| {
            let entry = row::entry(row, row::room_id(row, "room_id")?, &row::TIMELINE)?;
            Ok(((entry.room_id, entry.seq), entry))
        };
        rows.iter().map(found).collect()
    }

    /// Where a command ended up; `None` while it was not executed, or when it left nothing in the timeline.
    pub async fn stored_outcome(
        &self,
        room_id: RoomId,
        actor_id: UserId,
        client_message_id: &ClientMessageId,
    ) -> Result<Option<StoredOutcome>, StoreError> {
        let id = client_message_id.as_stored();
        let rows = self.rows(queries::STORED_OUTCOME, &[&room_id.0, &actor_id.0, &id]).await?;
        let outcome = |row: &Row| {
            let message_id = MessageId(row.try_get("message_id")?);
            Ok(StoredOutcome { message_id, seq: row.try_get("seq")?, at: row.try_get("created_at")? })
        };
        rows.first().map(outcome).transpose()
    }

    /// What a sender's message or room command became.
    pub async fn by_client_message_id(
        &self,
        room_id: RoomId,
        sender_id: UserId,
        client_message_id: &ClientMessageId,
    ) -> Result<Option<Entry>, StoreError> {
        let id = client_message_id.as_stored();
        let rows = self.rows(queries::BY_CLIENT_MESSAGE_ID, &[&room_id.0, &sender_id.0, &id]).await?;
        rows.first().map(|row| row::entry(row, room_id, &row::TIMELINE)).transpose()
    }
}

/// A row of `items_after.sql`.
fn item(row: &Row, room_id: RoomId) -> Result<TimelineItem, StoreError> {
    match row.try_get::<_, Option<&str>>("change")? {
        None => row::entry(row, room_id, &row::TIMELINE).map(TimelineItem::Entry),
        Some(_) => change(row, room_id).map(|(kind, change)| TimelineItem::Change(kind, change)),
    }
}

/// A row with the columns of view `message_changes`.
pub(crate) fn change(row: &Row, room_id: RoomId) -> Result<(TimelineKind, Change), StoreError> {
    let kind = match row.try_get("change")? {
        "EDIT" => TimelineKind::Edit,
        "DELETE" => TimelineKind::Delete,
        "REACT" => TimelineKind::React,
        other => return Err(StoreError::Data(format!("change {other}"))),
    };
    let change = Change {
        room_id,
        seq: row.try_get("place")?,
        actor_id: row::user_id(row, "actor_id")?,
        actor_nickname: row.try_get("actor_nickname")?,
        client_message_id: ClientMessageId::from_stored(row.try_get("change_id")?),
        changed_at: row.try_get("changed_at")?,
        emoji: row.try_get("emoji")?,
        removed: row.try_get::<_, Option<bool>>("removed")?.unwrap_or_default(),
        message: row::entry(row, room_id, &row::TIMELINE)?,
    };
    Ok((kind, change))
}
