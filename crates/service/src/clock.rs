//! The source of the current time, so that tests can set it.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// The current time.
pub trait Clock: Send + Sync + Debug {
    /// The time of day, which may be stepped: for what is shown and stored.
    fn now(&self) -> Timestamp;
    /// Time that only moves forward: for measuring and for timeouts.
    fn monotonic(&self) -> Instant;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Instant {
        Instant::now()
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct TestClock(Mutex<(Timestamp, Instant)>);

impl TestClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(Mutex::new((now, Instant::now())))
    }

    /// Steps the time of day; the monotonic time stays.
    pub fn set(&self, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = now;
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.0 += SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        times.1 += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn monotonic(&self) -> Instant {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_the_day_does_not_move_the_monotonic_time() {
        let clock = TestClock::new(Timestamp::UNIX_EPOCH);
        let before = clock.monotonic();
        clock.set("2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(clock.monotonic(), before);
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.monotonic() - before, Duration::from_secs(2));
        assert_eq!(clock.now().to_string(), "2026-01-01T00:00:02Z");
    }
}
