//! Who is in a room.

use std::collections::HashMap;

use chat_protocol::{Role, RoomId, UserId};
use jiff::Timestamp;

use crate::{Store, StoreError, queries, row};

/// A member of a room.
#[derive(Debug, Clone)]
pub struct MemberRow {
    /// Who.
    pub user_id: UserId,
    /// The name shown.
    pub nickname: String,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
    /// How far they have read.
    pub read_seq: i64,
}

impl Store {
    /// The active members, longest standing first.
    pub async fn list_members(&self, room_id: RoomId) -> Result<Vec<MemberRow>, StoreError> {
        let rows = self.rows(queries::LIST_MEMBERS, &[&room_id.0]).await?;
        let member = |row: &tokio_postgres::Row| {
            Ok(MemberRow {
                user_id: row::user_id(row, "id")?,
                nickname: row.try_get("nickname")?,
                role: row::role(row, "role")?,
                joined_at: row.try_get("joined_at")?,
                read_seq: row.try_get("read_seq")?,
            })
        };
        rows.iter().map(member).collect()
    }

    /// The active members of several rooms, each with the seq by which they joined: what was before it is not for them.
    pub async fn members_of(&self, rooms: &[RoomId]) -> Result<HashMap<RoomId, Vec<(UserId, i64)>>, StoreError> {
        let rows = self.rows(queries::MEMBERS_OF, &[&row::uuids(rooms, |id| id.0)]).await?;
        let mut members: HashMap<RoomId, Vec<(UserId, i64)>> = HashMap::new();
        for row in &rows {
            members
                .entry(row::room_id(row, "room_id")?)
                .or_default()
                .push((row::user_id(row, "user_id")?, row.try_get("joined_seq")?));
        }
        Ok(members)
    }
}
