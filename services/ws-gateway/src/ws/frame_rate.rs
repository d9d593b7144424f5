//! How many messages and pings a connection may send: over the rate it is told, and cut when it goes on.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

type Limiter<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The rates of one connection.
pub struct FrameRate<C: Clock = DefaultClock> {
    clock: C,
    /// Told when this is over …
    rate: Limiter<C>,
    /// … and cut when this is: the same rate with twice the burst.
    patience: Limiter<C>,
    /// Told once a second, so that a flood is not answered with a flood.
    telling: Limiter<C>,
}

/// What is to be done with a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Pace {
    /// Nothing.
    Fine,
    /// Tell the client to wait for this long.
    Tell(Duration),
    /// End the connection.
    Cut,
}

impl FrameRate {
    /// So many per second, and at once.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self::with_clock(per_second, burst, DefaultClock::default())
    }
}

impl<C: Clock + Clone> FrameRate<C> {
    fn with_clock(per_second: u32, burst: u32, clock: C) -> Self {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(per_second));
        let limiter = |quota: Quota| RateLimiter::direct_with_clock(quota, clock.clone());
        Self {
            rate: limiter(quota.allow_burst(at_least_one(burst))),
            patience: limiter(quota.allow_burst(at_least_one(burst.saturating_mul(2)))),
            telling: limiter(Quota::per_second(NonZeroU32::MIN)),
            clock,
        }
    }

    /// Counts a message.
    pub fn count(&self) -> Pace {
        if self.patience.check().is_err() {
            return Pace::Cut;
        }
        match self.rate.check() {
            Err(not_until) if self.telling.check().is_ok() => Pace::Tell(not_until.wait_time_from(self.clock.now())),
            _ => Pace::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_flood_is_told_once_a_second_and_cut_after_another_burst() {
        let rate = FrameRate::with_clock(10, 100, FakeRelativeClock::default());
        let paces: Vec<_> = (0..201).map(|_| rate.count()).collect();
        assert!(paces[..100].iter().all(|pace| *pace == Pace::Fine));
        assert_eq!(paces[100], Pace::Tell(Duration::from_millis(100)));
        assert!(paces[101..200].iter().all(|pace| *pace == Pace::Fine), "told already");
        assert_eq!(paces[200], Pace::Cut);
    }

    #[test]
    fn who_heeds_it_goes_on() {
        let clock = FakeRelativeClock::default();
        let rate = FrameRate::with_clock(10, 100, clock.clone());
        for _ in 0..50 {
            for _ in 0..101 {
                assert_ne!(rate.count(), Pace::Cut);
            }
            clock.advance(Duration::from_secs(11));
        }
    }

    #[test]
    fn a_steady_sender_below_the_rate_is_never_told() {
        let clock = FakeRelativeClock::default();
        let rate = FrameRate::with_clock(10, 100, clock.clone());
        for _ in 0..10_000 {
            assert_eq!(rate.count(), Pace::Fine);
            clock.advance(Duration::from_millis(100));
        }
    }
}
