//! The parts that room lists are put together from, cached beside the database: a line per room, and the rooms of a user with their marks.
//!
//! One key holds either a part or the lease of whoever is about to write it. A reader who finds nothing takes the lease, then reads the
//! database, then writes, and the write is refused when the lease has gone. Whoever tells of a change drops the key first, part or lease.
//! So no part is ever older than what was told last: it was read under a lease, which was taken after the drop.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use bytes::Bytes;
use chat_protocol::{
    Event, RoomId, UserId,
    redis_key::{Keys, ROOM_LIST_LEASE, ROOM_LIST_TTL},
};
use redis::{AsyncCommands as _, ExistenceCheck, Pipeline, Script, SetExpiry, SetOptions};
use uuid::Uuid;

use crate::{RedisError, RedisPool};

/// Writes each part whose key still holds the lease; returns how many.
static KEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local kept = 0 \
         for i, key in ipairs(KEYS) do \
           if redis.call('GET', key) == ARGV[1] then redis.call('SET', key, ARGV[i + 2], 'PX', ARGV[2]) kept = kept + 1 end \
         end \
         return kept",
    )
});
/// How a lease is told from a part, which is JSON.
const LEASE: &[u8] = b"lease:";
/// Keys in one command.
const KEYS_PER_COMMAND: usize = 1_000;
/// Parts written by one script, each with up to a whole message in it.
const PARTS_PER_SCRIPT: usize = 100;
/// Most parts that are remembered as not dropped yet. Beyond it only [`ROOM_LIST_TTL`] ends them.
const OWED_MAX: usize = 100_000;

/// What is cached by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// What all members see alike of a room.
    Line(RoomId),
    /// A user's rooms and marks.
    Rooms(UserId),
}

impl Part {
    fn key(self, keys: &Keys) -> String {
        match self {
            Self::Line(room) => keys.room_line(room),
            Self::Rooms(user) => keys.user_rooms(user),
        }
    }
}

/// What something made wrong, each once: to be dropped before anybody is told.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Outdated {
    parts: BTreeSet<Part>,
    /// Who is no member any more: their read marks are none.
    left: BTreeSet<(RoomId, UserId)>,
}

impl Outdated {
    /// What an event changes.
    pub fn add_event(&mut self, event: &Event) {
        if event.entry.is_some() {
            self.add_rooms([event.room_id]);
            self.add_users(event.concerned.iter().copied());
            self.add_left(event.room_id, event.removed.iter().copied());
        }
    }

    /// What all members see of the rooms.
    pub fn add_rooms(&mut self, rooms: impl IntoIterator<Item = RoomId>) {
        self.parts.extend(rooms.into_iter().map(Part::Line));
    }

    /// Which rooms the users have, or how far they have read.
    pub fn add_users(&mut self, users: impl IntoIterator<Item = UserId>) {
        self.parts.extend(users.into_iter().map(Part::Rooms));
    }

    /// Who has left a room. With the mark in Redis goes what a further one would be compared with: it needs a floor from the database, and
    /// whoever is no member has none there.
    pub fn add_left(&mut self, room: RoomId, users: impl IntoIterator<Item = UserId>) {
        self.left.extend(users.into_iter().map(|user| (room, user)));
    }

    /// Whether nothing is outdated.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.left.is_empty()
    }

    pub(crate) fn add_drops(&self, keys: &Keys, pipeline: &mut Pipeline) {
        let names: Vec<String> = self.parts.iter().map(|part| part.key(keys)).collect();
        for names in names.chunks(KEYS_PER_COMMAND) {
            pipeline.unlink(names).ignore();
        }
        for &(room, user) in &self.left {
            pipeline.hdel(keys.room_marks(room), user.to_string()).ignore();
            pipeline.hdel(keys.user_marks(user), room.to_string()).ignore();
        }
    }
}

/// The right to write parts, until any of them is dropped: then not that one.
#[derive(Debug)]
pub struct Lease {
    token: String,
    parts: BTreeSet<Part>,
}

/// The cache; clones share its pool, and what could not be dropped yet.
#[derive(Clone)]
pub struct RoomListCache {
    pool: RedisPool,
    owed: Arc<Mutex<Owed>>,
}

/// What could not be dropped yet.
#[derive(Default)]
struct Owed {
    /// How often something was remembered.
    times: u64,
    /// Each part with the last time.
    parts: BTreeMap<Part, u64>,
}

impl RoomListCache {
    /// Keeps it in this Redis.
    pub fn new(pool: RedisPool) -> Self {
        Self { pool, owed: Arc::default() }
    }

    /// The parts, in this order; `None` for those that nobody has written since they were dropped.
    pub async fn read(&self, parts: &[Part]) -> Result<Vec<Option<Bytes>>, RedisError> {
        let mut read = Vec::with_capacity(parts.len());
        let mut connection = self.pool.connection().await?;
        for parts in parts.chunks(KEYS_PER_COMMAND) {
            let values: Vec<Option<Vec<u8>>> = connection.mget(self.keys(parts)).await?;
            let is_part = |value: &Vec<u8>| !value.starts_with(LEASE);
            read.extend(values.into_iter().map(|value| value.filter(is_part).map(Bytes::from)));
        }
        Ok(read)
    }

    /// Takes the lease of those parts that nobody else has it of, before they are read from the database.
    pub async fn lease(&self, parts: &[Part]) -> Result<Lease, RedisError> {
        let token = format!("lease:{}", Uuid::new_v4().simple());
        let ttl = SetExpiry::PX(millis(ROOM_LIST_LEASE));
        let options = SetOptions::default().conditional_set(ExistenceCheck::NX).with_expiration(ttl);
        let mut pipeline = Pipeline::with_capacity(parts.len());
        for key in self.keys(parts) {
            pipeline.set_options(key, &token, options.clone());
        }
        let mut taken: Vec<Option<String>> = Vec::new();
        if !pipeline.is_empty() {
            let mut connection = self.pool.connection().await?;
            taken = pipeline.query_async(&mut connection).await?;
        }
        let parts = parts.iter().zip(taken).filter_map(|(part, taken)| taken.map(|_| *part)).collect();
        Ok(Lease { token, parts })
    }

    /// Keeps what was read under a lease, but for what was dropped since. Returns how many parts are kept.
    pub async fn keep(
        &self,
        lease: &Lease,
        read: impl IntoIterator<Item = (Part, Vec<u8>)>,
    ) -> Result<usize, RedisError> {
        let leased: Vec<(Part, Vec<u8>)> = read.into_iter().filter(|(part, _)| lease.parts.contains(part)).collect();
        if leased.is_empty() {
            return Ok(0);
        }
        let mut connection = self.pool.connection().await?;
        let mut kept = 0;
        for some in leased.chunks(PARTS_PER_SCRIPT) {
            let mut call = KEEP.arg(&lease.token);
            call.arg(millis(ROOM_LIST_TTL));
            for (part, value) in some {
                call.key(part.key(self.pool.keys())).arg(&value[..]);
            }
            kept += call.invoke_async::<usize>(&mut connection).await?;
        }
        Ok(kept)
    }

    /// Drops parts, before anybody is told what made them wrong. Where that fails, [`Self::owe`] remembers them.
    pub async fn drop_outdated(&self, outdated: &Outdated) -> Result<(), RedisError> {
        self.pool.publish_after(outdated, &[]).await
    }

    /// Remembers parts that are still to be dropped, by [`Self::settle`]. Marks of those who left are not: whoever tells of a leave tries until
    /// Redis has dropped them.
    pub fn owe(&self, outdated: Outdated) {
        let mut owed = self.lock();
        for part in outdated.parts {
            if owed.parts.len() < OWED_MAX || owed.parts.contains_key(&part) {
                owed.times += 1;
                let times = owed.times;
                owed.parts.insert(part, times);
            }
        }
    }

    /// Drops everything that is remembered, before the cache is used again.
    pub async fn settle(&self) -> Result<(), RedisError> {
        let owed = self.lock().parts.clone();
        if owed.is_empty() {
            return Ok(());
        }
        self.pool
            .publish_after(&Outdated { parts: owed.keys().copied().collect(), ..Outdated::default() }, &[])
            .await?;
        // What was remembered again meanwhile may have changed after it was dropped.
        self.lock().parts.retain(|part, time| owed.get(part) != Some(time));
        Ok(())
    }

    fn keys(&self, parts: &[Part]) -> Vec<String> {
        parts.iter().map(|part| part.key(self.pool.keys())).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Owed> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
