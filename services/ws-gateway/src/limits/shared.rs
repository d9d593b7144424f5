//! Rates that hold for all gateways together, and for this one alone while Redis is away or slow.

use std::{
    hash::Hash,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chat_redis::{RedisPool, SharedRate, SharedRates};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::rate::Rate;

/// What is asked of Redis is answered within this, or not waited for.
pub const REDIS_WITHIN: Duration = Duration::from_millis(100);
/// … and then not asked for this long.
const PAUSE: Duration = Duration::from_secs(1);

/// The first half of a SHA-256: keys that must not be kept in clear.
pub type Digest = [u8; 16];

/// Digest of a text.
pub fn digest(text: &str) -> Digest {
    let whole = Sha256::digest(text.as_bytes());
    std::array::from_fn(|index| whole[index])
}

/// When Redis has not answered, nobody waits for it for a moment.
#[derive(Debug, Default)]
pub struct Pause(Mutex<Option<Instant>>);

impl Pause {
    /// Whether it is one.
    pub fn is_on(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    /// Begins one.
    pub fn begin(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
    }
}

/// A rate, here and in Redis.
pub struct Shared<K: Hash + Eq + Clone> {
    what: &'static str,
    here: Rate<K>,
    everywhere: Option<SharedRate>,
    redis: SharedRates,
    pause: Pause,
}

impl<K: Hash + Eq + Clone> Shared<K> {
    /// So many per minute; 0: no limit. `what` names it in Redis.
    pub fn new(what: &'static str, per_minute: u32, redis: RedisPool) -> Self {
        let everywhere = NonZeroU32::new(per_minute).map(|events| SharedRate { events, per: Duration::from_mins(1) });
        let (here, redis) = (Rate::per_minute(per_minute), SharedRates::new(redis));
        Self { what, here, everywhere, redis, pause: Pause::default() }
    }

    /// Counts one more; how long to wait when it is too much. What is too much for this gateway alone is so for all: Redis is not asked.
    pub async fn count(&self, key: &K, named: &str) -> Result<(), Duration> {
        self.here.count(key)?;
        let Some(rate) = self.everywhere.filter(|_| !self.pause.is_on()) else { return Ok(()) };
        let whose = format!("{:032x}", u128::from_be_bytes(digest(named)));
        match timeout(REDIS_WITHIN, self.redis.take(self.what, &whose, rate)).await {
            Ok(Ok(None)) => return Ok(()),
            Ok(Ok(Some(wait))) => return Err(wait),
            Ok(Err(error)) => tracing::warn!(limit = self.what, %error, "counted on this gateway alone"),
            Err(_) => tracing::warn!(limit = self.what, "redis is slow, counted on this gateway alone"),
        }
        self.pause.begin();
        Ok(())
    }
}
