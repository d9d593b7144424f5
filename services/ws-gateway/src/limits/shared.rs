//! Rates that hold for all gateways together, and for this one alone while Redis is away or slow.

use std::{hash::Hash, num::NonZeroU32, time::Duration};

use chat_redis::{RedisPool, SharedRate, SharedRates};
use sha2::{Digest as _, Sha256};

use super::rate::Rate;
use crate::pause::Pause;

/// The first half of a SHA-256: keys that must not be kept in clear.
pub type Digest = [u8; 16];

/// Digest of a text.
pub fn digest(text: &str) -> Digest {
    let whole = Sha256::digest(text.as_bytes());
    std::array::from_fn(|index| whole[index])
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
    pub fn new(what: &'static str, per_minute: u32, redis: RedisPool, pause: Pause) -> Self {
        let everywhere = NonZeroU32::new(per_minute).map(|events| SharedRate { events, per: Duration::from_mins(1) });
        let (here, redis) = (Rate::per_minute(per_minute), SharedRates::new(redis));
        Self { what, here, everywhere, redis, pause }
    }

    /// Counts one more; how long to wait when it is too much. What is too much for this gateway alone is so for all: Redis is not asked.
    pub async fn count(&self, key: &K, named: &str) -> Result<(), Duration> {
        self.here.count(key)?;
        let Some(rate) = self.everywhere else { return Ok(()) };
        let whose = format!("{:032x}", u128::from_be_bytes(digest(named)));
        let wait = self.pause.redis("rates of log-ins", self.redis.take(self.what, &whose, rate)).await;
        wait.flatten().map_or(Ok(()), Err)
    }
}
