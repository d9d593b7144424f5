//! Read marks.

use chat_protocol::{MessageId, PlacedMark, RoomId, UserId};
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
    /// The entry by which they came.
    pub joined_seq: i64,
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
            Ok(MemberMark {
                user_id: row::user_id(row, "user_id")?,
                joined_seq: row.try_get("joined_seq")?,
                read_seq: row.try_get("read_seq")?,
                read_at: row.try_get("read_at")?,
            })
        };
        rows.iter().map(mark).collect()
    }

    /// Moves marks forward and returns those that moved, as they are now. Each (room, user) at most once in `marks`; others than members are
    /// passed over.
    pub async fn apply_read_marks(&self, marks: &[Mark]) -> Result<Vec<Mark>, StoreError> {
        let room_ids: Vec<Uuid> = marks.iter().map(|mark| mark.room_id.0).collect();
        let user_ids: Vec<Uuid> = marks.iter().map(|mark| mark.user_id.0).collect();
        let seqs: Vec<i64> = marks.iter().map(|mark| mark.seq).collect();
        let times: Vec<Timestamp> = marks.iter().map(|mark| mark.at).collect();
        let rows = self.rows(queries::APPLY_READ_MARKS, &[&room_ids, &user_ids, &seqs, &times]).await?;
        let moved = |row: &tokio_postgres::Row| {
            Ok(Mark {
                room_id: row::room_id(row, "room_id")?,
                user_id: row::user_id(row, "user_id")?,
                seq: row.try_get("read_seq")?,
                at: row.try_get("read_at")?,
            })
        };
        rows.iter().map(moved).collect()
    }

    /// Where the marks of these members are, in no order; others than members have none.
    pub async fn placed_marks(&self, of: &[(RoomId, UserId)]) -> Result<Vec<PlacedMark>, StoreError> {
        let (room_ids, user_ids): (Vec<Uuid>, Vec<Uuid>) = of.iter().map(|(room, user)| (room.0, user.0)).unzip();
        let rows = self.rows(queries::PLACED_MARKS, &[&room_ids, &user_ids]).await?;
        let placed = |row: &tokio_postgres::Row| {
            Ok(PlacedMark {
                room_id: row::room_id(row, "room_id")?,
                user_id: row::user_id(row, "user_id")?,
                seq: row.try_get("read_seq")?,
                number: row.try_get("read_number")?,
                at: row.try_get("read_at")?,
                message_id: row.try_get::<_, Option<Uuid>>("message_id")?.map(MessageId),
            })
        };
        rows.iter().map(placed).collect()
    }
}
