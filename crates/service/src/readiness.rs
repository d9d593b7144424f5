//! Whether traffic should come here: every latch dropped, every condition true, not draining.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The readiness of a process. Clones share it.
#[derive(Debug, Clone)]
pub struct Readiness {
    draining: CancellationToken,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Latches that still exist, by name.
    latches: BTreeMap<&'static str, usize>,
    conditions: BTreeMap<&'static str, bool>,
    /// Before anything was registered the service has not got as far as saying what it needs.
    registered: bool,
}

impl Readiness {
    /// Not ready once `draining` is cancelled, and until at least one latch or condition was taken.
    pub fn new(draining: CancellationToken) -> Self {
        Self { draining, state: Arc::default() }
    }

    /// A step of the start: not ready until the latch is dropped, so that nobody can forget to set a flag.
    pub fn latch(&self, name: &'static str) -> Latch {
        let mut state = self.lock();
        state.registered = true;
        *state.latches.entry(name).or_default() += 1;
        Latch { name, readiness: self.clone() }
    }

    /// Something that comes and goes, false at first.
    pub fn condition(&self, name: &'static str) -> Condition {
        let mut state = self.lock();
        state.registered = true;
        state.conditions.insert(name, false);
        Condition { name, readiness: self.clone() }
    }

    /// Whether nothing is missing.
    pub fn is_ready(&self) -> bool {
        self.missing().is_empty()
    }

    /// Names of what is missing; `draining` during a shutdown, `startup` before anything was registered.
    pub fn missing(&self) -> Vec<String> {
        let state = self.lock();
        let draining = self.draining.is_cancelled().then_some("draining");
        let startup = (!state.registered).then_some("startup");
        let conditions = state.conditions.iter().filter(|(_, holds)| !**holds).map(|(name, _)| *name);
        let waiting = state.latches.keys().copied().chain(conditions);
        draining.into_iter().chain(startup).chain(waiting).map(str::to_owned).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A step of the start that is done when this is dropped.
#[derive(Debug)]
#[must_use = "dropping the latch says that the step is done"]
pub struct Latch {
    name: &'static str,
    readiness: Readiness,
}

impl Drop for Latch {
    fn drop(&mut self) {
        let mut state = self.readiness.lock();
        if let Some(count) = state.latches.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                state.latches.remove(self.name);
            }
        }
    }
}

/// Something that must hold for the process to be ready. When it is dropped, nobody vouches for it: false.
#[derive(Debug)]
#[must_use = "a dropped condition is false"]
pub struct Condition {
    name: &'static str,
    readiness: Readiness,
}

impl Condition {
    /// Says whether the condition holds; logged when that changes.
    pub fn set(&self, holds: bool) {
        let before = self.readiness.lock().conditions.insert(self.name, holds);
        match (before, holds) {
            (Some(true), false) => tracing::warn!(condition = self.name, "readiness condition lost"),
            (Some(false), true) => tracing::info!(condition = self.name, "readiness condition holds"),
            _ => {}
        }
    }
}

impl Drop for Condition {
    fn drop(&mut self) {
        self.readiness.lock().conditions.insert(self.name, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readiness() -> (Readiness, CancellationToken) {
        let draining = CancellationToken::new();
        (Readiness::new(draining.clone()), draining)
    }

    #[test]
    fn a_process_that_registered_nothing_is_still_starting() {
        let (readiness, _draining) = readiness();
        assert_eq!(readiness.missing(), ["startup"]);
    }

    #[test]
    fn all_latches_must_drop_before_the_process_is_ready() {
        let (readiness, _draining) = readiness();
        let (kafka, again, postgres) =
            (readiness.latch("kafka"), readiness.latch("kafka"), readiness.latch("postgres"));
        drop(kafka);
        assert_eq!(readiness.missing(), ["kafka", "postgres"]);
        drop(again);
        drop(postgres);
        assert!(readiness.is_ready());
    }

    #[test]
    fn a_condition_can_be_lost_and_regained() {
        let (readiness, _draining) = readiness();
        let delivery = readiness.condition("delivery");
        assert_eq!(readiness.missing(), ["delivery"]);
        delivery.set(true);
        assert!(readiness.is_ready());
        delivery.set(false);
        assert_eq!(readiness.missing(), ["delivery"]);
        delivery.set(true);
        drop(delivery);
        assert_eq!(readiness.missing(), ["delivery"]);
    }

    #[test]
    fn a_draining_process_is_not_ready() {
        let (readiness, draining) = readiness();
        drop(readiness.latch("kafka"));
        assert!(readiness.is_ready());
        draining.cancel();
        assert_eq!(readiness.missing(), ["draining"]);
    }
}
