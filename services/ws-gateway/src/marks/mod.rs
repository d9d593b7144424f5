//! How far people have read: the higher of what Redis and PostgreSQL say. A mark is in Redis when it is told, and in PostgreSQL a moment
//! later; while Redis does not answer, what it said lately and PostgreSQL.

pub mod places;
pub mod summary;

use std::{collections::HashMap, hash::Hash, sync::Arc, time::Duration};

use chat_protocol::{PlacedMark, RoomId, UserId};
use chat_redis::ReadMarks;
use chat_store::{MemberMark, MemberRow, OwnRoom, RoomSummary, Store, StoreError};
use moka::sync::Cache;

use crate::pause::Pause;

/// What Redis said counts for this long when it does not answer: far longer than a mark takes to PostgreSQL.
const LATELY: Duration = Duration::from_mins(1);
/// Most marks that are remembered so, of rooms and of users each.
const REMEMBERED: u64 = 200_000;

/// Marks of a room by user, or of a user by room.
type Told<K> = Arc<HashMap<K, PlacedMark>>;

/// Reads marks.
#[derive(Clone)]
pub struct Marks {
    store: Store,
    redis: ReadMarks,
    pause: Pause,
    rooms: Cache<RoomId, Told<UserId>>,
    users: Cache<UserId, Told<RoomId>>,
}

impl Marks {
    /// Of these stores.
    pub fn new(store: Store, redis: ReadMarks, pause: Pause) -> Self {
        Self { store, redis, pause, rooms: remembered(), users: remembered() }
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

    /// What Redis has of a user.
    pub async fn of_user(&self, user_id: UserId) -> ToldMarks {
        let answer = self.pause.redis("read marks", Box::pin(self.redis.of_user(user_id))).await;
        ToldMarks(or_lately(&self.users, user_id, answer, |mark| mark.room_id))
    }

    async fn told_in(&self, room_id: RoomId) -> Told<UserId> {
        let answer = self.pause.redis("read marks", Box::pin(self.redis.of_room(room_id))).await;
        or_lately(&self.rooms, room_id, answer, |mark| mark.user_id)
    }
}

fn remembered<K: Hash + Eq + Send + Sync + 'static, V: Send + Sync + 'static>() -> Cache<K, Told<V>> {
    let weight = |_: &K, told: &Told<V>| u32::try_from(told.len() + 1).unwrap_or(u32::MAX);
    Cache::builder().max_capacity(REMEMBERED).weigher(weight).time_to_live(LATELY).build()
}

/// What Redis answered; what it said lately when it does not, so that nobody who asks again is given less.
fn or_lately<K, V>(
    lately: &Cache<K, Told<V>>,
    key: K,
    answer: Option<Vec<PlacedMark>>,
    of: impl Fn(&PlacedMark) -> V,
) -> Told<V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Hash + Eq + Send + Sync + 'static,
{
    let Some(marks) = answer else { return lately.get(&key).unwrap_or_default() };
    let told: Told<V> = Arc::new(marks.into_iter().map(|mark| (of(&mark), mark)).collect());
    lately.insert(key, told.clone());
    told
}

/// A user's marks as they were told, by room.
#[derive(Debug, Default)]
pub struct ToldMarks(Told<RoomId>);

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

    fn ahead_of(&self, room_id: RoomId, seq: i64) -> Option<&PlacedMark> {
        self.0.get(&room_id).filter(|told| told.seq > seq)
    }
}
