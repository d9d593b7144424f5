//! A rate per key (GCRA): so many in a time, as many at once as the burst allows.

use std::{hash::Hash, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
};

use super::shards::Shards;

/// Keys remembered per rate: about 5 MB when all are taken.
const KEYS: usize = 100_000;

/// The rate; `None` inside admits everything.
pub struct Rate<K: Hash + Eq + Clone, C: Clock = DefaultClock>(Option<Limiter<K, C>>);

type Limiter<K, C> = RateLimiter<K, Shards<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

impl<K: Hash + Eq + Clone> Rate<K> {
    /// So many per second, and at once; 0 per second: no limit.
    pub fn per_second(rate: u32, burst: u32) -> Self {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        Self::with_clock(
            NonZeroU32::new(rate).map(|rate| Quota::per_second(rate).allow_burst(burst)),
            DefaultClock::default(),
        )
    }

    /// So many per minute, all at once if need be; 0: no limit.
    pub fn per_minute(rate: u32) -> Self {
        Self::with_clock(NonZeroU32::new(rate).map(Quota::per_minute), DefaultClock::default())
    }
}

impl<K: Hash + Eq + Clone, C: Clock> Rate<K, C> {
    fn with_clock(quota: Option<Quota>, clock: C) -> Self {
        Self(quota.map(|quota| RateLimiter::new(quota, Shards::new(KEYS), clock)))
    }

    /// Counts one more; how long to wait when it is too much.
    pub fn count(&self, key: &K) -> Result<(), Duration> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        limiter.check_key(key).map_err(|not_until| not_until.wait_time_from(limiter.clock().now()))
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_burst_is_admitted_then_the_rate_and_each_key_has_its_own() {
        let clock = FakeRelativeClock::default();
        let quota = Quota::per_second(NonZeroU32::new(10).unwrap()).allow_burst(NonZeroU32::new(3).unwrap());
        let rate = Rate::with_clock(Some(quota), clock.clone());
        assert_eq!((0..5).filter(|_| rate.count(&"alice").is_ok()).count(), 3);
        assert_eq!(rate.count(&"alice"), Err(Duration::from_millis(100)));
        assert!(rate.count(&"bob").is_ok());
        clock.advance(Duration::from_millis(100));
        assert!(rate.count(&"alice").is_ok());
        assert!(rate.count(&"alice").is_err());
    }

    #[test]
    fn a_rate_of_zero_is_none() {
        let rate = Rate::per_second(0, 1);
        assert!((0..1_000).all(|_| rate.count(&1).is_ok()));
    }

    #[test]
    fn a_flood_of_keys_takes_a_bounded_place_and_who_waits_is_forgotten_last() {
        let clock = FakeRelativeClock::default();
        let shards = Shards::new(320);
        let limiter: RateLimiter<_, _, _, NoOpMiddleware<_>> =
            RateLimiter::new(Quota::per_minute(NonZeroU32::MIN), shards, clock.clone());
        for key in 0..100_000 {
            limiter.check_key(&key).ok();
            clock.advance(Duration::from_millis(1));
        }
        assert!(limiter.into_state_store().count() <= 320);

        let limiter: RateLimiter<_, _, _, NoOpMiddleware<_>> = RateLimiter::new(
            Quota::per_second(NonZeroU32::MIN).allow_burst(NonZeroU32::new(60).unwrap()),
            Shards::new(3_200),
            clock.clone(),
        );
        while limiter.check_key(&0).is_ok() {}
        // As many as there is place for, each through with its wait when the next come.
        for key in 1..30_000 {
            limiter.check_key(&key).ok();
            clock.advance(Duration::from_millis(1));
        }
        assert!(limiter.check_key(&0).is_ok(), "30 s have passed");
        assert_eq!((0..60).filter(|_| limiter.check_key(&0).is_ok()).count(), 28, "and no more than that was forgiven");
    }
}
