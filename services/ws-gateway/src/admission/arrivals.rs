//! New connections, by rate: after a restart everybody comes at once, and each costs a token check and database reads. Who comes in takes
//! part at full speed; the others are told to come again, each at another time.

use std::{num::NonZeroU32, time::Duration};

use chat_protocol::{ErrorCode, Rejection};
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use rand::Rng;

/// Those refused come back spread over this.
const SPREAD: Duration = Duration::from_secs(4);

/// The connections admitted lately.
pub struct Arrivals {
    limiter: DefaultDirectRateLimiter,
}

impl Arrivals {
    /// Admits `per_second`, and `burst` at once.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let at_least_one = |rate| NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst));
        Self { limiter: RateLimiter::direct(quota) }
    }

    /// Counts one more, unless there are too many just now.
    pub fn enter(&self) -> Result<(), Rejection> {
        self.limiter.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            let wait = wait + SPREAD.mul_f64(rand::rng().random_range(0.0..1.0));
            let message = "too many connections come at once: try again after the time told";
            Rejection::new(ErrorCode::Unavailable, message).retry_after(wait)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_wave_is_admitted_up_to_the_burst_and_the_rest_is_spread() {
        let arrivals = Arrivals::new(1, 10);
        let (admitted, refused): (Vec<_>, Vec<_>) = (0..60).map(|_| arrivals.enter()).partition(Result::is_ok);
        assert!((10..=11).contains(&admitted.len()), "{}", admitted.len());
        let waits: Vec<u64> = refused.into_iter().map(|refused| refused.unwrap_err().retry_after_ms.unwrap()).collect();
        assert!(waits.iter().all(|wait| (1..=5_000).contains(wait)), "{waits:?}");
        assert!(waits.iter().collect::<HashSet<_>>().len() > waits.len() / 2, "not all at once: {waits:?}");
    }

    #[test]
    fn what_was_used_comes_back_with_time() {
        let arrivals = Arrivals::new(100, 1);
        assert!(arrivals.enter().is_ok());
        assert!(arrivals.enter().is_err());
        std::thread::sleep(Duration::from_millis(20));
        assert!(arrivals.enter().is_ok());
    }
}
