//! Rates that hold for all gateways together (GCRA): one number per key, decided and moved in one step.

use std::{num::NonZeroU32, time::Duration};

use redis::Script;

use crate::{RedisError, RedisPool};

/// `KEYS[1]`: when the next event would be due if all came evenly, in microseconds. `ARGV`: the time between two events, and how far ahead of
/// their time events may come. Answers how long to wait, 0 when the event is admitted. By Redis' clock: those of gateways differ.
const TAKE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = due - tonumber(ARGV[2]) - now
if wait > 0 then return wait end
due = due + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000))
return 0";

/// So many events in a time; as many may come at once.
#[derive(Debug, Clone, Copy)]
pub struct SharedRate {
    /// How many.
    pub events: NonZeroU32,
    /// In what time.
    pub per: Duration,
}

/// Rates kept in Redis; clones share the pool.
#[derive(Clone)]
pub struct SharedRates {
    pool: RedisPool,
    script: std::sync::Arc<Script>,
}

impl SharedRates {
    /// Keeps them in this Redis.
    pub fn new(pool: RedisPool) -> Self {
        Self { pool, script: std::sync::Arc::new(Script::new(TAKE)) }
    }

    /// Counts an event of `whose` towards the limit `what`; how long to wait when it is not admitted.
    pub async fn take(&self, what: &str, whose: &str, rate: SharedRate) -> Result<Option<Duration>, RedisError> {
        let apart = u64::try_from((rate.per / rate.events.get()).as_micros()).unwrap_or(u64::MAX).max(1);
        let ahead = apart.saturating_mul(u64::from(rate.events.get() - 1));
        let mut connection = self.pool.connection().await?;
        let mut take = self.script.key(self.pool.keys().rate(what, whose));
        let wait: u64 = take.arg(apart).arg(ahead).invoke_async(&mut connection).await?;
        Ok((wait > 0).then_some(Duration::from_micros(wait)))
    }
}
