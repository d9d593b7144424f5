//! Wrong passwords and tokens, counted by address: guessing is slow, and costs the guesser's address its log-ins.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chat_protocol::{ErrorCode, Rejection};
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use moka::sync::Cache;

/// Addresses remembered; above it those that failed least are forgotten.
const ADDRESSES: u64 = 100_000;

/// The failures of the last minute.
pub struct Failures {
    by_address: Cache<IpAddr, Arc<Failing>>,
    quota: Quota,
}

struct Failing {
    limiter: DefaultDirectRateLimiter,
    blocked_until: Mutex<Option<Instant>>,
}

impl Failures {
    /// Admits `per_minute` failures from each address.
    pub fn new(per_minute: u32) -> Self {
        let per_minute = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        // After a minute without failures there is nothing left to remember.
        let by_address = Cache::builder().max_capacity(ADDRESSES).time_to_idle(Duration::from_mins(1)).build();
        Self { by_address, quota: Quota::per_minute(per_minute) }
    }

    /// Refuses addresses that have failed too often, before anything is looked at.
    pub fn check(&self, address: IpAddr) -> Result<(), Rejection> {
        let Some(failing) = self.by_address.get(&address) else { return Ok(()) };
        let blocked_until = *failing.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
        match blocked_until.and_then(|until| until.checked_duration_since(Instant::now())) {
            Some(wait) if !wait.is_zero() => Err(too_many(wait)),
            _ => Ok(()),
        }
    }

    /// Counts a failure; what is refused is answered so instead of with the failure.
    pub fn count(&self, address: IpAddr) -> Result<(), Rejection> {
        let new = || Arc::new(Failing { limiter: RateLimiter::direct(self.quota), blocked_until: Mutex::default() });
        let failing = self.by_address.get_with(address, new);
        match failing.limiter.check() {
            Ok(()) => Ok(()),
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                *failing.blocked_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + wait);
                Err(too_many(wait))
            }
        }
    }
}

fn too_many(wait: Duration) -> Rejection {
    let message = "too many wrong passwords or tokens from this address: wait for the time told";
    Rejection::new(ErrorCode::RateLimited, message).retry_after(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_fails_too_often_has_to_wait_and_others_do_not() {
        let failures = Failures::new(3);
        let (guesser, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..3 {
            assert!(failures.check(guesser).is_ok());
            assert!(failures.count(guesser).is_ok());
        }
        assert!(failures.check(guesser).is_ok(), "the limit itself is admitted");
        let refused = failures.count(guesser).unwrap_err();
        assert_eq!(refused.code, ErrorCode::RateLimited);
        assert!(matches!(refused.retry_after_ms, Some(10_000..=20_000)), "one in 20 s: {refused:?}");
        assert!(failures.check(guesser).is_err());
        assert!(failures.check(other).is_ok());
        assert!(failures.count(other).is_ok());
    }
}
