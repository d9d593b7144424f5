//! How far people have read: the higher of what Redis and PostgreSQL say. A mark is in Redis when it is told, and in PostgreSQL a moment
//! later; while Redis is away, PostgreSQL alone says it.

pub mod places;
pub mod summary;

use std::collections::HashMap;

use chat_protocol::{RoomId, UserId};
use chat_redis::{ReadMarks, RedisError, StoredMark};
use chat_store::{MemberMark, MemberRow, OwnRoom, RoomSummary, Store, StoreError};

use crate::pause::Pause;

/// Reads marks.
#[derive(Clone)]
pub struct Marks {
    store: Store,
    redis: ReadMarks,
    pause: Pause,
}

impl Marks {
    /// Of these stores.
    pub fn new(store: Store, redis: ReadMarks) -> Self {
        Self { store, redis, pause: Pause::default() }
    }

    /// Those of a room's members.
    pub async fn of_room(&self, room_id: RoomId) -> Result<Vec<MemberMark>, StoreError> {
        let (stored, told) = tokio::join!(self.store.list_read_marks(room_id), self.told_in(room_id));
        let mut marks = stored?;
        for mark in &mut marks {
            if let Some(told) = told.get(&mark.user_id).filter(|told| told.seq > mark.read_seq) {
                (mark.read_seq, mark.read_at) = (told.seq, told.at);
            }
        }
        Ok(marks)
    }

    /// A room's members with theirs.
    pub async fn members(&self, room_id: RoomId) -> Result<Vec<MemberRow>, StoreError> {
        let (stored, told) = tokio::join!(self.store.list_members(room_id), self.told_in(room_id));
        let mut members = stored?;
        for member in &mut members {
            member.read_seq = told.get(&member.user_id).map_or(member.read_seq, |told| told.seq.max(member.read_seq));
        }
        Ok(members)
    }

    /// One of the user's rooms.
    pub async fn room(&self, user_id: UserId, room_id: RoomId) -> Result<Option<RoomSummary>, StoreError> {
        // In this order: the room is then at least as far as the mark.
        let told = self.of_user(user_id).await;
        let mut room = self.store.room(user_id, room_id).await?;
        if let Some(room) = &mut room {
            told.raise_room(room);
        }
        Ok(room)
    }

    /// What Redis has of a user; nothing while it is away.
    pub async fn of_user(&self, user_id: UserId) -> ToldMarks {
        let told = self.redis(Box::pin(self.redis.of_user(user_id))).await;
        ToldMarks(told.into_iter().map(|mark| (mark.room_id, mark)).collect())
    }

    async fn told_in(&self, room_id: RoomId) -> HashMap<UserId, StoredMark> {
        let told = self.redis(Box::pin(self.redis.of_room(room_id))).await;
        told.into_iter().map(|mark| (mark.user_id, mark)).collect()
    }

    /// Of a boxed call, because the client's futures are large.
    async fn redis(&self, call: impl Future<Output = Result<Vec<StoredMark>, RedisError>>) -> Vec<StoredMark> {
        self.pause.redis("read marks", call).await.unwrap_or_default()
    }
}

/// A user's marks as they were told, by room.
#[derive(Debug, Default)]
pub struct ToldMarks(HashMap<RoomId, StoredMark>);

impl ToldMarks {
    /// A room of the user is not shown as less read than was told.
    pub fn raise_own(&self, own: &mut OwnRoom) {
        if let Some(told) = self.ahead_of(own.room_id, own.read_seq) {
            (own.read_seq, own.read_number) = (told.seq, told.number);
        }
    }

    /// The same for a room that is put together already.
    pub fn raise_room(&self, room: &mut RoomSummary) {
        if let Some(told) = self.ahead_of(room.room_id, room.read_seq) {
            // The newest entry has the room's last number.
            let last = room.last_entry.as_ref().map_or(told.number, |entry| entry.number);
            (room.read_seq, room.unread_count) = (told.seq, (last - told.number).max(0));
        }
    }

    fn ahead_of(&self, room_id: RoomId, seq: i64) -> Option<&StoredMark> {
        self.0.get(&room_id).filter(|told| told.seq > seq)
    }
}
