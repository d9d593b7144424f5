//! When users last had a session.

use std::collections::HashMap;

use chat_protocol::{RoomId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{Store, StoreError, queries, row};

impl Store {
    /// These users were seen then. The latest time stays, in whatever order the gateways say it. Each user at most once in `seen`.
    pub async fn raise_last_seen(&self, seen: &[(UserId, Timestamp)]) -> Result<(), StoreError> {
        let users: Vec<Uuid> = seen.iter().map(|(user, _)| user.0).collect();
        let times: Vec<Timestamp> = seen.iter().map(|(_, at)| *at).collect();
        self.execute(queries::RAISE_LAST_SEEN, &[&users, &times]).await.map(drop)
    }

    /// When users were last seen; who never was is not in it.
    pub async fn last_seen(&self, users: &[UserId]) -> Result<HashMap<UserId, Timestamp>, StoreError> {
        let rows = self.rows(queries::LAST_SEEN, &[&row::uuids(users, |id| id.0)]).await?;
        rows.iter().map(|row| Ok((row::user_id(row, "user_id")?, row.try_get("seen_at")?))).collect()
    }

    /// The active members of a room, and when each was last seen.
    pub async fn last_seen_of_members(&self, room_id: RoomId) -> Result<Vec<(UserId, Option<Timestamp>)>, StoreError> {
        let rows = self.rows(queries::LAST_SEEN_OF_MEMBERS, &[&room_id.0]).await?;
        rows.iter().map(|row| Ok((row::user_id(row, "user_id")?, row.try_get("seen_at")?))).collect()
    }
}
