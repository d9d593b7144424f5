//! The farthest read mark of every member, as it was told: an atomic maximum, so that nobody is told of a mark that goes back.
//!
//! Never the only copy. A mark told is in Kafka until it is in PostgreSQL, and what is missing here is asked for there, as a *floor*.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use chat_protocol::{
    PlacedMark, RoomId, UserId,
    redis_key::{READ_MARKS_MAX, READ_MARKS_TTL},
};
use jiff::Timestamp;
use redis::{AsyncCommands as _, ErrorKind, Pipeline, RedisResult, Script, ServerErrorKind, Value};

use crate::{RedisError, RedisPool};

/// `KEYS`: the marks of a room, and those of the user of each item. `ARGV`: life time, most marks in a key, the room, then user, mark and
/// floor (or nothing) of each item. Answers 1 where the mark moved, 0 where neither a mark nor a floor is known, else the mark that it is
/// not ahead of.
static RAISE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local function seq(mark) return tonumber(string.match(mark, '^-?%d+')) end \
         local function keep(key, field, mark) \
           if redis.call('HLEN', key) >= tonumber(ARGV[2]) then redis.call('UNLINK', key) end \
           redis.call('HSET', key, field, mark) \
           redis.call('PEXPIRE', key, ARGV[1]) \
         end \
         local answers = {} \
         for i = 2, #KEYS do \
           local user, mark, floor = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i] \
           local kept = redis.call('HGET', KEYS[1], user) or '' \
           if not seq(kept) then kept = '' end \
           local known = kept \
           if floor ~= '' and (kept == '' or seq(floor) > seq(kept)) then known = floor end \
           local answer = known \
           if known == '' then answer = 0 \
           elseif seq(mark) > seq(known) then answer = 1 known = mark end \
           if known ~= kept then keep(KEYS[1], user, known) keep(KEYS[i], ARGV[3], known) end \
           answers[i - 1] = answer \
         end \
         return answers",
    )
});
/// Marks raised by one script: Redis does nothing else meanwhile.
const MARKS_PER_SCRIPT: usize = 500;
/// Marks raised in one round trip.
const MARKS_PER_TRIP: usize = 2_000;
/// Most pairs that are remembered as met. At this many all are forgotten, and asked for once more.
const MET_MAX: usize = 200_000;

fn pair(mark: &PlacedMark) -> (RoomId, UserId) {
    (mark.room_id, mark.user_id)
}

/// As it is kept.
fn value(mark: &PlacedMark) -> String {
    let (seq, number, at) = (mark.seq, mark.number, mark.at.as_millisecond());
    mark.message_id.map_or_else(|| format!("{seq} {number} {at}"), |id| format!("{seq} {number} {at} {id}"))
}

/// Inverse of [`value`].
fn parse(room_id: RoomId, user_id: UserId, value: &str) -> Option<PlacedMark> {
    let mut parts = value.split(' ');
    let (seq, number) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let at = Timestamp::from_millisecond(parts.next()?.parse().ok()?).ok()?;
    let message_id = parts.next().map(str::parse).transpose().ok()?;
    Some(PlacedMark { room_id, user_id, seq, number, at, message_id })
}

/// A mark to move forward.
#[derive(Debug, Clone, Copy)]
pub struct Raise {
    /// To here.
    pub mark: PlacedMark,
    /// What is known of the same member elsewhere: the mark is never told to be less.
    pub floor: Option<PlacedMark>,
}

/// What became of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raised {
    /// It is ahead of everything known, and the farthest from now on.
    Moved,
    /// It is not ahead of this one; nothing goes back.
    Behind(PlacedMark),
    /// Nothing is known to compare it with: Redis has nothing, or may have lost something since this process asked last. Raise it again with a
    /// floor from the database.
    Unknown,
}

/// The marks; clones share the pool and what was met.
#[derive(Clone)]
pub struct ReadMarks {
    pool: RedisPool,
    met: Arc<Mutex<Met>>,
}

/// Pairs that had a floor since the last connection was made. Another one may lead to a Redis that was restored from a while ago, or that
/// missed marks which were stored while it was away: what it has is less than what was told, then.
#[derive(Default)]
struct Met {
    connections: u64,
    pairs: HashSet<(RoomId, UserId)>,
}

impl ReadMarks {
    /// Keeps them in this Redis.
    pub fn new(pool: RedisPool) -> Self {
        Self { pool, met: Arc::default() }
    }

    /// Moves marks forward, and says of each, in order, what became of it. After an error some may have moved; raised again, these are behind
    /// themselves.
    pub async fn raise(&self, raises: &[Raise]) -> Result<Vec<Raised>, RedisError> {
        let raised = self.try_raise(raises).await;
        if raised.is_err() {
            self.forget();
        }
        raised
    }

    /// Takes nothing that Redis has for the farthest any more: something was stored that Redis could not be told of. Every mark needs a floor
    /// once more.
    pub fn forget(&self) {
        self.lock().pairs.clear();
    }

    /// The marks of a room, in no order. Whoever has left may be among them.
    pub async fn of_room(&self, room_id: RoomId) -> Result<Vec<PlacedMark>, RedisError> {
        let key = self.pool.keys().room_marks(room_id);
        self.read(&key, |user, mark| parse(room_id, user.parse().ok()?, mark)).await
    }

    /// The marks of a user, in no order. Rooms that the user has left may be among them.
    pub async fn of_user(&self, user_id: UserId) -> Result<Vec<PlacedMark>, RedisError> {
        let key = self.pool.keys().user_marks(user_id);
        self.read(&key, |room, mark| parse(room.parse().ok()?, user_id, mark)).await
    }

    async fn read(
        &self,
        key: &str,
        mark: impl Fn(&str, &str) -> Option<PlacedMark>,
    ) -> Result<Vec<PlacedMark>, RedisError> {
        let mut connection = self.pool.connection().await?;
        let marks: Vec<(String, String)> = connection.hgetall(key).await?;
        Ok(marks.iter().filter_map(|(field, value)| mark(field, value)).collect())
    }

    async fn try_raise(&self, raises: &[Raise]) -> Result<Vec<Raised>, RedisError> {
        let mut raised = vec![Raised::Unknown; raises.len()];
        if raises.is_empty() {
            return Ok(raised);
        }
        let mut connection = self.pool.connection().await?;
        let connections = self.pool.connections_made();
        let comparable = self.comparable(raises, connections);
        let mut rooms: BTreeMap<RoomId, Vec<usize>> = BTreeMap::new();
        for &item in &comparable {
            rooms.entry(raises[item].mark.room_id).or_default().push(item);
        }
        let calls: Vec<&[usize]> = rooms.values().flat_map(|items| items.chunks(MARKS_PER_SCRIPT)).collect();
        for calls in trips(&calls) {
            self.call(&mut connection, raises, calls, &mut raised).await?;
        }
        let mut met = self.lock();
        if met.connections == connections {
            met.pairs.extend(comparable.iter().map(|&item| pair(&raises[item].mark)));
            if met.pairs.len() > MET_MAX {
                met.pairs.clear();
            }
        }
        Ok(raised)
    }

    /// Which raises Redis can decide.
    fn comparable(&self, raises: &[Raise], connections: u64) -> Vec<usize> {
        let mut met = self.lock();
        if met.connections != connections {
            met.pairs.clear();
            met.connections = connections;
        }
        let decidable = |raise: &Raise| raise.floor.is_some() || met.pairs.contains(&pair(&raise.mark));
        (0..raises.len()).filter(|&item| decidable(&raises[item])).collect()
    }

    /// One script for each of `calls`, all in one round trip; a second one for those that met a Redis without the script.
    async fn call(
        &self,
        connection: &mut deadpool_redis::Connection,
        raises: &[Raise],
        calls: &[&[usize]],
        raised: &mut [Raised],
    ) -> Result<(), RedisError> {
        let mut answers = self.answers(connection, raises, calls).await?;
        let unscripted = |answer: &RedisResult<Vec<Value>>| {
            let error = answer.as_ref().err();
            error.is_some_and(|error| error.kind() == ErrorKind::Server(ServerErrorKind::NoScript))
        };
        if answers.iter().any(unscripted) {
            RAISE.load_async(connection).await?;
            let again: Vec<usize> = (0..calls.len()).filter(|&call| unscripted(&answers[call])).collect();
            let repeated: Vec<&[usize]> = again.iter().map(|&call| calls[call]).collect();
            for (call, answer) in again.into_iter().zip(self.answers(connection, raises, &repeated).await?) {
                answers[call] = answer;
            }
        }
        for (items, answer) in calls.iter().zip(answers) {
            for (&item, value) in items.iter().zip(answer?) {
                let mark = raises[item].mark;
                raised[item] = match value {
                    Value::Int(1) => Raised::Moved,
                    Value::BulkString(value) => {
                        let value = String::from_utf8_lossy(&value);
                        parse(mark.room_id, mark.user_id, &value).map_or(Raised::Unknown, Raised::Behind)
                    }
                    _ => Raised::Unknown,
                };
            }
        }
        Ok(())
    }

    async fn answers(
        &self,
        connection: &mut deadpool_redis::Connection,
        raises: &[Raise],
        calls: &[&[usize]],
    ) -> RedisResult<Vec<RedisResult<Vec<Value>>>> {
        let keys = self.pool.keys();
        let mut pipeline = Pipeline::with_capacity(calls.len());
        for items in calls {
            let room_id = raises[items[0]].mark.room_id;
            let call = pipeline.cmd("EVALSHA").arg(RAISE.get_hash()).arg(items.len() + 1);
            call.arg(keys.room_marks(room_id));
            for &item in *items {
                call.arg(keys.user_marks(raises[item].mark.user_id));
            }
            call.arg(READ_MARKS_TTL.as_millis().to_string()).arg(READ_MARKS_MAX).arg(room_id.to_string());
            for &item in *items {
                let Raise { mark, floor } = &raises[item];
                let floor = floor.map_or_else(String::new, |floor| value(&floor));
                call.arg(mark.user_id.to_string()).arg(value(mark)).arg(floor);
            }
        }
        pipeline.ignore_errors().query_async(connection).await
    }

    fn lock(&self) -> MutexGuard<'_, Met> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Scripts that fit into one round trip.
fn trips<'a>(calls: &'a [&'a [usize]]) -> impl Iterator<Item = &'a [&'a [usize]]> {
    let mut rest = calls;
    std::iter::from_fn(move || {
        let mut marks = 0;
        let fits = |items: &&&[usize]| {
            marks += items.len();
            marks <= MARKS_PER_TRIP
        };
        let (now, later) = rest.split_at(rest.iter().take_while(fits).count());
        rest = later;
        (!now.is_empty()).then_some(now)
    })
}
