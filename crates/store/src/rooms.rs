//! Rooms as their members see them.

use std::collections::HashMap;

use chat_protocol::{Entry, RoomId, RoomType, UserId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    Store, StoreError, queries,
    row::{self, EntryColumns},
};

/// A line of a user's room list.
#[derive(Debug, Clone)]
pub struct RoomSummary {
    /// The room.
    pub room_id: RoomId,
    /// Its kind.
    pub room_type: RoomType,
    /// Its name; of a direct room, the other's nickname.
    pub name: String,
    /// Whether everybody who knows its id may join.
    pub open: bool,
    /// Active members.
    pub member_count: i32,
    /// Last seq.
    pub head_seq: i64,
    /// The user's mark.
    pub read_seq: i64,
    /// Messages after the mark.
    pub unread_count: i64,
    /// The newest entry.
    pub last_entry: Option<Entry>,
}

/// What a member may see of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// The room's last seq when it was asked.
    pub head: i64,
    /// The entry by which the member came; what is before it is not shown.
    pub joined_seq: i64,
}

impl Store {
    /// The user's rooms, latest first (at most 1,000).
    pub async fn list_rooms(&self, user_id: UserId) -> Result<Vec<RoomSummary>, StoreError> {
        let rows = self.rows(queries::LIST_ROOMS, &[&user_id.0, &None::<Uuid>]).await?;
        rows.iter().map(summary).collect()
    }

    /// One of the user's rooms.
    pub async fn room(&self, user_id: UserId, room_id: RoomId) -> Result<Option<RoomSummary>, StoreError> {
        self.rows(queries::LIST_ROOMS, &[&user_id.0, &Some(room_id.0)]).await?.first().map(summary).transpose()
    }

    /// The membership of each pair of room and user that there is.
    pub async fn memberships(
        &self,
        pairs: &[(RoomId, UserId)],
    ) -> Result<HashMap<(RoomId, UserId), Membership>, StoreError> {
        let room_ids: Vec<Uuid> = pairs.iter().map(|(room, _)| room.0).collect();
        let user_ids: Vec<Uuid> = pairs.iter().map(|(_, user)| user.0).collect();
        let rows = self.rows(queries::MEMBERSHIPS, &[&room_ids, &user_ids]).await?;
        let pair = |row: &Row| {
            let membership = Membership { head: row.try_get("head_seq")?, joined_seq: row.try_get("joined_seq")? };
            Ok(((row::room_id(row, "id")?, row::user_id(row, "user_id")?), membership))
        };
        rows.iter().map(pair).collect()
    }

    /// One user's membership of one room.
    pub async fn membership(&self, room_id: RoomId, user_id: UserId) -> Result<Option<Membership>, StoreError> {
        Ok(self.memberships(&[(room_id, user_id)]).await?.remove(&(room_id, user_id)))
    }

    /// Last seq of each room.
    pub async fn heads(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, i64)>, StoreError> {
        let rows = self.rows(queries::HEADS, &[&row::uuids(rooms, |id| id.0)]).await?;
        rows.iter().map(|row| Ok((row::room_id(row, "id")?, row.try_get("head_seq")?))).collect()
    }
}

fn summary(row: &Row) -> Result<RoomSummary, StoreError> {
    let room_id = row::room_id(row, "id")?;
    let columns = EntryColumns { entry_type: "entry_type" };
    let has_entry = row.try_get::<_, Option<i64>>("seq")?.is_some();
    Ok(RoomSummary {
        room_id,
        room_type: row::room_type(row)?,
        name: row.try_get("name")?,
        open: row.try_get("open")?,
        member_count: row.try_get("member_count")?,
        head_seq: row.try_get("head_seq")?,
        read_seq: row.try_get("read_seq")?,
        unread_count: row.try_get("unread")?,
        last_entry: has_entry.then(|| row::entry(row, room_id, &columns)).transpose()?,
    })
}
