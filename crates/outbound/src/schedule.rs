//! When to call again after a failure.

use std::time::Duration;

/// Longest wait that a server may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);

/// Growing delays, a limited number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// After the first attempt.
    pub first: Duration,
    /// Every delay is this many times the one before, …
    pub factor: u32,
    /// … but not longer than this.
    pub longest: Duration,
    /// Attempts in all.
    pub attempts: u32,
}

impl Schedule {
    /// How long to wait after `made` attempts; `None` when that was the last one. `random` from 0 to 1 takes up to a fifth off or puts it on,
    /// so that what failed together does not come back together. A server that asks for more time gets it, up to a day.
    pub fn delay(&self, made: u32, retry_after: Option<Duration>, random: f64) -> Option<Duration> {
        if made >= self.attempts {
            return None;
        }
        let factor = self.factor.checked_pow(made.saturating_sub(1)).unwrap_or(u32::MAX);
        let delay = self.first.saturating_mul(factor).min(self.longest).mul_f64(0.8 + 0.4 * random.clamp(0.0, 1.0));
        Some(retry_after.map_or(delay, |asked| delay.max(asked.min(LONGEST_RETRY_AFTER))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule =
        Schedule { first: Duration::from_secs(5), factor: 4, longest: Duration::from_hours(6), attempts: 14 };

    #[test]
    fn delays_grow_up_to_a_limit_and_end() {
        let table = [
            (1, None, 0.5, Some(5)),
            (1, None, 0.0, Some(4)),
            (1, None, 1.0, Some(6)),
            (2, None, 0.5, Some(20)),
            (5, None, 0.5, Some(1_280)),
            (8, None, 0.5, Some(21_600)),
            (13, None, 0.5, Some(21_600)),
            (13, None, 1.0, Some(25_920)),
            (14, None, 0.5, None),
            (u32::MAX, None, 0.5, None),
            (1, Some(60), 0.5, Some(60)),
            (3, Some(60), 0.5, Some(80)),
            (1, Some(1_000_000_000), 0.5, Some(86_400)),
            (14, Some(60), 0.5, None),
        ];
        for (made, retry_after, random, expected) in table {
            let delay = SCHEDULE.delay(made, retry_after.map(Duration::from_secs), random);
            assert_eq!(delay, expected.map(Duration::from_secs), "{made} {retry_after:?} {random}");
        }
    }

    #[test]
    fn a_schedule_of_this_kind_goes_on_for_more_than_a_day() {
        let all: Duration = (1..).map_while(|made| SCHEDULE.delay(made, None, 0.0)).sum();
        assert!(all > Duration::from_hours(24), "{all:?}");
    }
}
