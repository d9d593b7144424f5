//! How the push services fare: how many pushes of each are in hand, and which are left alone for a while. So a slow one delays nobody else.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use chat_outbound::Breaker;
use chat_store::OriginLoad;

/// After so many failures in a row …
const FAILURES_TO_OPEN: u32 = 5;
/// … a push service is left alone for this long, then tried with one push.
const OPEN_FOR: Duration = Duration::from_secs(30);

/// What an attempt says about the push service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It works.
    Good,
    /// It does not.
    Bad,
    /// It was not asked.
    Unknown,
}

/// All of those that are worth remembering.
pub struct Origins {
    per_origin: i64,
    known: HashMap<String, Origin>,
}

struct Origin {
    in_hand: i64,
    breaker: Breaker,
}

impl Origins {
    /// None yet; of each, so many pushes may be in hand.
    pub fn new(per_origin: u32) -> Self {
        Self { per_origin: per_origin.into(), known: HashMap::new() }
    }

    /// How many pushes of each may not be taken; of the others, all of `per_origin`.
    pub fn loads(&self, now: Instant) -> Vec<OriginLoad> {
        let load = |(origin, state): (&String, &Origin)| {
            let jobs = match state.breaker.open_until() {
                None => state.in_hand,
                Some(until) if now < until => self.per_origin,
                // One, and only when none is under way.
                Some(_) => {
                    (self.per_origin - 1).max(self.per_origin.min(state.in_hand.saturating_mul(self.per_origin)))
                }
            };
            OriginLoad { origin: origin.clone(), jobs }
        };
        self.known.iter().map(load).collect()
    }

    /// A push of it is in hand.
    pub fn taken(&mut self, origin: &str, now: Instant) {
        let fresh = || Origin { in_hand: 0, breaker: Breaker::new(FAILURES_TO_OPEN, OPEN_FOR) };
        let state = self.known.entry(origin.to_owned()).or_insert_with(fresh);
        state.in_hand += 1;
        // The trial of an open one begins.
        state.breaker.admit(now);
    }

    /// A push of it is done.
    pub fn done(&mut self, origin: &str, health: Health, now: Instant) {
        let Some(state) = self.known.get_mut(origin) else { return };
        state.in_hand -= 1;
        match health {
            Health::Good => state.breaker.succeeded(),
            Health::Bad => state.breaker.failed(now),
            Health::Unknown => {}
        }
        if health == Health::Good && state.in_hand == 0 {
            self.known.remove(origin);
        }
    }

    /// Forgets those of which nothing is in hand and which may be asked again: there can be any number of them in the long run.
    pub fn forget_idle(&mut self, now: Instant) {
        self.known.retain(|_, state| {
            state.in_hand > 0 || state.breaker.open_until().is_some_and(|until| now < until + OPEN_FOR)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(origins: &Origins, now: Instant) -> Option<i64> {
        origins.loads(now).iter().find(|load| load.origin == "slow").map(|load| load.jobs)
    }

    #[test]
    fn a_push_service_that_fails_is_left_alone_then_tried_with_one_push() {
        let (mut origins, start) = (Origins::new(4), Instant::now());
        assert_eq!(load(&origins, start), None);
        for _ in 0..FAILURES_TO_OPEN {
            origins.taken("slow", start);
            assert_eq!(load(&origins, start), Some(1));
            origins.done("slow", Health::Bad, start);
        }
        assert_eq!(load(&origins, start), Some(4), "nothing is taken");
        let later = start + OPEN_FOR;
        origins.forget_idle(later);
        assert_eq!(load(&origins, later), Some(3), "one is taken");
        origins.taken("slow", later);
        assert_eq!(load(&origins, later), Some(4), "no other until it is done");
        origins.done("slow", Health::Good, later);
        assert_eq!(load(&origins, later), None);
    }

    #[test]
    fn what_is_idle_is_forgotten() {
        let (mut origins, now) = (Origins::new(4), Instant::now());
        origins.taken("slow", now);
        origins.taken("slow", now);
        origins.done("slow", Health::Bad, now);
        origins.forget_idle(now);
        assert_eq!(load(&origins, now), Some(1));
        origins.done("slow", Health::Unknown, now);
        origins.forget_idle(now);
        assert_eq!(load(&origins, now), None);
    }
}
