//! Frames that could not be read, counted: a client that sends nothing else is a broken one, and is cut.

use std::time::{Duration, Instant};

/// One strike is forgotten in this time, so that a long session is not closed for a few of them a day.
const FADES_IN: Duration = Duration::from_mins(1);

/// The count of one session.
#[derive(Debug)]
pub struct Strikes {
    /// So many at a time are too many.
    most: u32,
    /// When all of them are forgotten.
    forgotten_at: Option<Instant>,
}

impl Strikes {
    /// None so far; the `most`-th ends the session.
    pub fn new(most: u32) -> Self {
        Self { most, forgotten_at: None }
    }

    /// Counts one. `true` when it was one too many.
    pub fn strike(&mut self, now: Instant) -> bool {
        let forgotten_at = self.forgotten_at.map_or(now, |at| at.max(now)) + FADES_IN;
        self.forgotten_at = Some(forgotten_at);
        forgotten_at - now > FADES_IN * (self.most - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_strike_at_a_time_is_one_too_many() {
        let (mut strikes, now) = (Strikes::new(3), Instant::now());
        assert_eq!([strikes.strike(now), strikes.strike(now), strikes.strike(now)], [false, false, true]);
        assert!(Strikes::new(1).strike(now));
    }

    #[test]
    fn a_strike_a_minute_is_forgiven_for_ever() {
        let (mut strikes, now) = (Strikes::new(3), Instant::now());
        strikes.strike(now);
        for minute in 0..100 {
            assert!(!strikes.strike(now + FADES_IN * minute), "minute {minute}");
        }
        let later = now + FADES_IN * 99;
        assert!(strikes.strike(later), "two are not yet forgotten");
    }
}
