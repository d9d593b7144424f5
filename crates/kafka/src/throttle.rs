//! Keeps a repeated log line from flooding: librdkafka reports every failed connection attempt.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Lets one line per interval through and counts the others.
#[derive(Debug)]
pub(crate) struct Throttle {
    every: Duration,
    state: Mutex<(Option<Instant>, u64)>,
}

impl Throttle {
    pub fn new(every: Duration) -> Self {
        Self { every, state: Mutex::new((None, 0)) }
    }

    /// How many lines were held back since the last one; `None`: hold this one back as well.
    pub fn pass(&self) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, held_back) = &mut *state;
        if last.is_some_and(|last| last.elapsed() < self.every) {
            *held_back += 1;
            return None;
        }
        *last = Some(Instant::now());
        Some(std::mem::take(held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_lines_are_counted_not_logged() {
        let throttle = Throttle::new(Duration::from_mins(1));
        assert_eq!(throttle.pass(), Some(0));
        assert_eq!(throttle.pass(), None);
        let eager = Throttle::new(Duration::ZERO);
        assert_eq!((eager.pass(), eager.pass()), (Some(0), Some(0)));
    }
}
