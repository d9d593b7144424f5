//! Whether delivery works, judged by the canaries that came back. Pure.

use std::time::{Duration, Instant};

/// What the canaries say.
#[derive(Debug)]
pub struct Verdict {
    lost_after: Duration,
    last_back: Option<Instant>,
}

impl Verdict {
    /// Delivery counts as lost when no canary has come back for this long. Before the first one it is not there yet.
    pub fn new(lost_after: Duration) -> Self {
        Self { lost_after, last_back: None }
    }

    /// A canary came back. A late one proves as much as one in time: that the way works now.
    pub fn back(&mut self, now: Instant) {
        self.last_back = self.last_back.max(Some(now));
    }

    /// Whether delivery works.
    pub fn holds(&self, now: Instant) -> bool {
        self.lost_at().is_some_and(|at| now < at)
    }

    /// When the verdict changes unless another canary comes back; `None` before the first.
    pub fn lost_at(&self) -> Option<Instant> {
        self.last_back.map(|at| at + self.lost_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivery_is_lost_when_no_canary_came_back_for_long_enough_and_found_with_the_next() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        // When canaries came back, when one asks, and the answer; canaries are lost after 20 s.
        for (backs, asked, holds) in [
            (&[][..], 0, false),
            (&[], 1_000, false),
            (&[0], 0, true),
            (&[0], 19, true),
            (&[0], 20, false),
            (&[0], 1_000, false),
            (&[0, 5, 10], 29, true),
            (&[0, 5, 10], 30, false),
            // Found again after an outage.
            (&[0, 500], 500, true),
            (&[0, 500], 519, true),
            (&[0, 500], 520, false),
            // Noted out of order.
            (&[10, 0], 29, true),
        ] {
            let mut verdict = Verdict::new(Duration::from_secs(20));
            for back in backs {
                verdict.back(at(*back));
            }
            assert_eq!(verdict.holds(at(asked)), holds, "back at {backs:?}, asked at {asked}");
            let lost_at = backs.iter().max().map(|last| at(last + 20));
            assert_eq!(verdict.lost_at(), lost_at, "back at {backs:?}");
        }
    }
}
