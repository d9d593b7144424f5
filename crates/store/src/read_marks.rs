//! Read marks.

use chat_protocol::{MessageId, ReadReceipt, RoomId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{Store, StoreError, queries, row};

/// A mark to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Where.
    pub room_id: RoomId,
    /// Whose.
    pub user_id: UserId,
    /// How far.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
}

/// How far a member has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberMark {
    /// Who.
    pub user_id: UserId,
    /// Up to and including this entry.
    pub read_seq: i64,
    /// When.
    pub read_at: Timestamp,
}

impl Store {
    /// The marks of a room's active members.
    pub async fn list_read_marks(&self, room_id: RoomId) -> Result<Vec<MemberMark>, StoreError> {
        let rows = self.rows(queries::LIST_READ_MARKS, &[&room_id.0]).await?;
        let mark = |row: &tokio_postgres::Row| {
            let user_id = row::user_id(row, "user_id")?;
            Ok(MemberMark { user_id, read_seq: row.try_get("read_seq")?, read_at: row.try_get("read_at")? })
        };
        rows.iter().map(mark).collect()
    }

    /// Moves marks forward and returns those that moved. Each (room, user) at most once in `marks`; others than members are passed over.
    pub async fn apply_read_marks(&self, marks: &[Mark]) -> Result<Vec<ReadReceipt>, StoreError> {
        let room_ids: Vec<Uuid> = marks.iter().map(|mark| mark.room_id.0).collect();
        let user_ids: Vec<Uuid> = marks.iter().map(|mark| mark.user_id.0).collect();
        let seqs: Vec<i64> = marks.iter().map(|mark| mark.seq).collect();
        let times: Vec<Timestamp> = marks.iter().map(|mark| mark.at).collect();
        let rows = self.rows(queries::APPLY_READ_MARKS, &[&room_ids, &user_ids, &seqs, &times]).await?;
        let receipt = |row: &tokio_postgres::Row| {
            Ok(ReadReceipt {
                room_id: row::room_id(row, "room_id")?,
                user_id: row::user_id(row, "user_id")?,
                last_read_seq: row.try_get("read_seq")?,
                last_read_message_id: row.try_get::<_, Option<Uuid>>("message_id")?.map(MessageId),
                last_read_number: None,
                read_at: row.try_get("read_at")?,
            })
        };
        rows.iter().map(receipt).collect()
    }
}
