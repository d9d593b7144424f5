//! Everything that is stored, for proofs about small databases.

use chat_protocol::{ClientMessageId, RoomId, UserId};
use uuid::Uuid;

use crate::{Store, StoreError, queries};

/// A row of the timeline: an entry or a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredItem {
    /// The room.
    pub room_id: RoomId,
    /// Its place.
    pub seq: i64,
    /// Ordinal of the last message up to here.
    pub number: i64,
    /// Who wrote it.
    pub sender_id: UserId,
    /// The sender's id of it.
    pub client_message_id: ClientMessageId,
    /// `TEXT`, `EDIT`, `SYSTEM_CREATE`, …
    pub kind: String,
    /// Of a message: its text as it is now.
    pub content: String,
    /// Of a change: the place of the message.
    pub target_seq: Option<i64>,
    /// Whom a system entry names, at most 20.
    pub member_ids: Vec<UserId>,
}

/// A membership with its read mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredMember {
    /// The room.
    pub room_id: RoomId,
    /// Who.
    pub user_id: UserId,
    /// The entry by which it began.
    pub joined_seq: i64,
    /// The entry by which it ended.
    pub left_seq: Option<i64>,
    /// Read up to and including this place.
    pub read_seq: i64,
}

impl Store {
    /// Every row of every timeline, by room and place. All of it is held in memory.
    pub async fn dump_timeline(&self) -> Result<Vec<StoredItem>, StoreError> {
        let rows = self.rows(queries::DUMP_TIMELINE, &[]).await?;
        rows.iter()
            .map(|row| {
                let members: Option<Vec<Uuid>> = row.try_get("member_ids")?;
                Ok(StoredItem {
                    room_id: RoomId(row.try_get("room_id")?),
                    seq: row.try_get("seq")?,
                    number: row.try_get("number")?,
                    sender_id: UserId(row.try_get("sender_id")?),
                    client_message_id: ClientMessageId::from_stored(row.try_get("client_message_id")?),
                    kind: row.try_get("type")?,
                    content: row.try_get("content")?,
                    target_seq: row.try_get("target_seq")?,
                    member_ids: members.unwrap_or_default().into_iter().map(UserId).collect(),
                })
            })
            .collect()
    }

    /// Every membership, the ended ones too. All of it is held in memory.
    pub async fn dump_members(&self) -> Result<Vec<StoredMember>, StoreError> {
        let rows = self.rows(queries::DUMP_MEMBERS, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(StoredMember {
                    room_id: RoomId(row.try_get("room_id")?),
                    user_id: UserId(row.try_get("user_id")?),
                    joined_seq: row.try_get("joined_seq")?,
                    left_seq: row.try_get("left_seq")?,
                    read_seq: row.try_get("read_seq")?,
                })
            })
            .collect()
    }
}
