//! One per endpoint: after some failures in a row it is left alone for a while, then tried with one call.

use std::time::{Duration, Instant};

/// Opens after failures in a row; lets one call through when its time is over.
#[derive(Debug, Clone)]
pub struct Breaker {
    failures_to_open: u32,
    open_for: Duration,
    failures: u32,
    /// Until when nothing passes; after that one call does, and this is set anew.
    until: Option<Instant>,
}

impl Breaker {
    /// Opens for `open_for` after `failures_to_open` failures in a row.
    pub fn new(failures_to_open: u32, open_for: Duration) -> Self {
        Self { failures_to_open, open_for, failures: 0, until: None }
    }

    /// Whether a call may be made now. When the time of an open breaker is over, exactly one may, for as long as it would be open again:
    /// a trial that never reports does not keep it open for ever.
    pub fn admit(&mut self, now: Instant) -> bool {
        match self.until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.until = Some(now + self.open_for);
                true
            }
        }
    }

    /// Nothing passes until then, at least; after that it is tried with one call.
    pub fn pause(&mut self, until: Instant) {
        self.until = self.until.max(Some(until));
    }

    /// Whether it is open or on trial.
    pub fn is_open(&self) -> bool {
        self.until.is_some()
    }

    /// Until when nothing passes.
    pub fn open_until(&self) -> Option<Instant> {
        self.until
    }

    /// A call came through.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.until = None;
    }

    /// A call failed.
    pub fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.failures_to_open {
            self.pause(now + self.open_for);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    enum Step {
        Fail,
        Succeed,
        /// Until this second.
        Pause(u64),
        Admits(bool),
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_is_tried_with_one_call() {
        use Step::{Admits, Fail, Pause, Succeed};
        type Case = (&'static str, &'static [(u64, Step)]);
        let table: [Case; 7] = [
            ("closed at first", &[(0, Admits(true)), (0, Admits(true))]),
            ("few failures", &[(0, Fail), (0, Fail), (0, Admits(true))]),
            (
                "failures, but not in a row",
                &[(0, Fail), (0, Fail), (0, Succeed), (0, Fail), (0, Fail), (0, Admits(true))],
            ),
            ("opens", &[(0, Fail), (0, Fail), (0, Fail), (0, Admits(false)), (9, Admits(false)), (10, Admits(true))]),
            (
                "one trial, which succeeds",
                &[
                    (0, Fail),
                    (0, Fail),
                    (0, Fail),
                    (10, Admits(true)),
                    (10, Admits(false)),
                    (11, Succeed),
                    (11, Admits(true)),
                ],
            ),
            (
                "a pause, which is the longer one",
                &[
                    (0, Pause(20)),
                    (1, Fail),
                    (1, Fail),
                    (1, Fail),
                    (11, Admits(false)),
                    (12, Pause(15)),
                    (19, Admits(false)),
                    (20, Admits(true)),
                    (20, Admits(false)),
                ],
            ),
            (
                "one trial, which fails, and one that never reports",
                &[
                    (0, Fail),
                    (0, Fail),
                    (0, Fail),
                    (10, Admits(true)),
                    (12, Fail),
                    (21, Admits(false)),
                    (22, Admits(true)),
                    (31, Admits(false)),
                    (32, Admits(true)),
                ],
            ),
        ];
        for (case, steps) in table {
            let start = Instant::now();
            let mut breaker = Breaker::new(3, Duration::from_secs(10));
            for (n, (second, step)) in steps.iter().enumerate() {
                let now = start + Duration::from_secs(*second);
                match step {
                    Fail => breaker.failed(now),
                    Succeed => breaker.succeeded(),
                    Pause(until) => breaker.pause(start + Duration::from_secs(*until)),
                    Admits(expected) => assert_eq!(breaker.admit(now), *expected, "{case}, step {n}"),
                }
            }
        }
    }
}
