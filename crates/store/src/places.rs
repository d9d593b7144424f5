//! Places in a room that read marks stand at.

use chat_protocol::{MessageId, RoomId, UserId};
use uuid::Uuid;

use crate::{Store, StoreError, queries, row};

/// Where a mark stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadPlace {
    /// Not beyond the room's head.
    pub seq: i64,
    /// The number of the last entry up to it.
    pub number: i64,
    /// That entry; `None` before the first one.
    pub message_id: Option<MessageId>,
}

/// An entry as those who read it are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentMessage {
    /// Its place.
    pub seq: i64,
    /// Who sent it.
    pub sender_id: UserId,
}

impl Store {
    /// Where a mark at `seq` stands; `None` when there is no such room.
    pub async fn read_place(&self, room_id: RoomId, seq: i64) -> Result<Option<ReadPlace>, StoreError> {
        let rows = self.rows(queries::READ_PLACE, &[&room_id.0, &seq]).await?;
        let place = |row: &tokio_postgres::Row| {
            Ok(ReadPlace {
                seq: row.try_get("seq")?,
                number: row.try_get("number")?,
                message_id: row.try_get::<_, Option<Uuid>>("message_id")?.map(MessageId),
            })
        };
        rows.first().map(place).transpose()
    }

    /// An entry of the room.
    pub async fn sent_message(
        &self,
        room_id: RoomId,
        message_id: MessageId,
    ) -> Result<Option<SentMessage>, StoreError> {
        let rows = self.rows(queries::SEQ_OF_MESSAGE, &[&room_id.0, &message_id.0]).await?;
        let sent = |row: &tokio_postgres::Row| {
            Ok(SentMessage { seq: row.try_get("seq")?, sender_id: row::user_id(row, "sender_id")? })
        };
        rows.first().map(sent).transpose()
    }
}
