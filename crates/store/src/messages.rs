//! Reading the timeline.

use chat_protocol::{ClientMessageId, Entry, MessageId, RoomId, UserId};

use crate::{Store, StoreError, queries, row};

/// Part of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the order asked for.
    pub entries: Vec<Entry>,
    /// Whether there is more in that direction.
    pub more: bool,
}

impl Page {
    /// From `limit` + 1 rows asked for.
    fn from_rows(rows: &[tokio_postgres::Row], room_id: RoomId, limit: u32) -> Result<Self, StoreError> {
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

    /// What a sender's command became.
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
