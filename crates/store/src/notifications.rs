//! What members want to be told of their rooms.

use std::collections::HashMap;

use chat_protocol::{NotifyLevel, RoomId, RoomType, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::{Store, StoreError, queries, row};

/// What a member wants to be told of a room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoomNotifications {
    /// Of which messages.
    pub level: NotifyLevel,
    /// Of none at all before then.
    pub muted_until: Option<Timestamp>,
}

/// A member, as far as it matters for whether to notify them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    /// Who.
    pub user_id: UserId,
    /// The seq by which they joined: what was before it is not for them.
    pub joined_seq: i64,
    /// How far they have read.
    pub read_seq: i64,
    /// What they want.
    pub wants: RoomNotifications,
}

/// A room's members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listeners {
    /// Whether the room is a direct one.
    pub direct: bool,
    /// All of them.
    pub members: Vec<Listener>,
}

impl Store {
    /// What a member wants to be told; `None` for others than members.
    pub async fn room_notifications(
        &self,
        room_id: RoomId,
        user_id: UserId,
    ) -> Result<Option<RoomNotifications>, StoreError> {
        let rows = self.rows(queries::ROOM_NOTIFICATIONS, &[&room_id.0, &user_id.0]).await?;
        rows.first().map(wants).transpose()
    }

    /// Changes it; `false` for others than members.
    pub async fn set_room_notifications(
        &self,
        room_id: RoomId,
        user_id: UserId,
        wants: RoomNotifications,
    ) -> Result<bool, StoreError> {
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&room_id.0, &user_id.0, &wants.level.as_str(), &wants.muted_until];
        Ok(self.execute(queries::SET_ROOM_NOTIFICATIONS, &params).await? == 1)
    }

    /// The active members of several rooms, with all that decides whether they are notified.
    pub async fn listeners_of(&self, rooms: &[RoomId]) -> Result<HashMap<RoomId, Listeners>, StoreError> {
        let rows = self.rows(queries::LISTENERS_OF, &[&row::uuids(rooms, |id| id.0)]).await?;
        let mut listeners: HashMap<RoomId, Listeners> = HashMap::new();
        for row in &rows {
            let room = listeners.entry(row::room_id(row, "room_id")?).or_default();
            room.direct = row::room_type(row)? == RoomType::Direct;
            room.members.push(Listener {
                user_id: row::user_id(row, "user_id")?,
                joined_seq: row.try_get("joined_seq")?,
                read_seq: row.try_get("read_seq")?,
                wants: wants(row)?,
            });
        }
        Ok(listeners)
    }
}

/// Columns `notify_level` and `muted_until`.
pub(crate) fn wants(row: &Row) -> Result<RoomNotifications, StoreError> {
    let name: &str = row.try_get("notify_level")?;
    let level = NotifyLevel::parse(name).ok_or_else(|| StoreError::Data(format!("level {name}")))?;
    Ok(RoomNotifications { level, muted_until: row.try_get("muted_until")? })
}
