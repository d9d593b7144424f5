//! The way of the service: an atomic maximum in Redis answers, and PostgreSQL follows in batches.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::bail;
use chat_protocol::{MessageId, PlacedMark, RoomId, UserId};
use chat_redis::{Raise, Raised, ReadMarks, RedisPool};
use chat_store::{Mark, Store};
use jiff::Timestamp;

/// How long a mark may be in Redis alone; the service's default.
pub const FLUSH_EVERY: Duration = Duration::from_millis(250);
/// Marks in one call of the database.
const FLUSHED_AT_ONCE: usize = 500;

/// A mark to be raised.
pub type Wanted = (RoomId, UserId, i64);

/// Marks in Redis, and those of them that PostgreSQL has not got yet.
pub struct Marks {
    redis: ReadMarks,
    store: Store,
    dirty: Mutex<BTreeMap<(RoomId, UserId), i64>>,
}

impl Marks {
    /// None yet.
    pub fn new(pool: RedisPool, store: Store) -> Self {
        Self { redis: ReadMarks::new(pool), store, dirty: Mutex::default() }
    }

    /// Raises marks, each (room, user) at most once; where each was at most, in order.
    pub async fn raise(&self, wanted: &[Wanted]) -> anyhow::Result<Vec<i64>> {
        let mut raises: Vec<Raise> = wanted.iter().map(|mark| Raise { mark: stored(mark), floor: None }).collect();
        let mut raised = self.redis.raise(&raises).await?;
        // On a connection that nobody used before, Redis is compared with the database once; here nobody has read anything in it.
        if raised.contains(&Raised::Unknown) {
            for raise in &mut raises {
                raise.floor = Some(PlacedMark { seq: 1, number: 0, ..raise.mark });
            }
            raised = self.redis.raise(&raises).await?;
        }
        let mut found = Vec::with_capacity(wanted.len());
        let mut dirty = self.lock();
        for ((room, user, seq), raised) in wanted.iter().zip(raised) {
            found.push(match raised {
                Raised::Moved => {
                    let kept = dirty.entry((*room, *user)).or_default();
                    *kept = (*kept).max(*seq);
                    *seq - 1
                }
                Raised::Behind(mark) => mark.seq,
                Raised::Unknown => bail!("Redis knows no mark although it was given one"),
            });
        }
        Ok(found)
    }

    /// Writes to PostgreSQL what has moved since the last time.
    pub async fn flush(&self) -> anyhow::Result<()> {
        let dirty = std::mem::take(&mut *self.lock());
        let at = Timestamp::now();
        let marks: Vec<Mark> =
            dirty.into_iter().map(|((room_id, user_id), seq)| Mark { room_id, user_id, seq, at }).collect();
        for marks in marks.chunks(FLUSHED_AT_ONCE) {
            self.store.apply_read_marks(marks).await?;
        }
        Ok(())
    }

    /// The marks of these rooms as Redis has them.
    pub async fn read(&self, rooms: BTreeSet<RoomId>) -> anyhow::Result<BTreeMap<(RoomId, UserId), i64>> {
        let mut marks = BTreeMap::new();
        for room in rooms {
            marks.extend(self.redis.of_room(room).await?.iter().map(|mark| ((room, mark.user_id), mark.seq)));
        }
        Ok(marks)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(RoomId, UserId), i64>> {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stored((room_id, user_id, seq): &Wanted) -> PlacedMark {
    let message_id = Some(MessageId::generate());
    PlacedMark { room_id: *room_id, user_id: *user_id, seq: *seq, number: *seq - 1, at: Timestamp::now(), message_id }
}
