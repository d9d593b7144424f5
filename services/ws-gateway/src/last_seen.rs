//! When users were last here: written to PostgreSQL in batches, beside everything else. Nobody waits for it.
//!
//! A user is written when the first session here begins, every [`REPEAT`] while there is one, and when the last one ends: a killed gateway
//! leaves a time that is at most so old. While PostgreSQL is away the latest time of each user waits; beyond [`WAITING`] users it is shed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chat_protocol::UserId;
use chat_service::{Backoff, Clock};
use chat_store::Store;
use jiff::Timestamp;
use prometheus::IntCounterVec;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// One statement at most so often …
const EVERY: Duration = Duration::from_secs(1);
/// … for so many users.
const BATCH: usize = 2_000;
/// Whoever stays is written again after this.
const REPEAT: Duration = Duration::from_mins(1);
/// Most users who left and are not written yet.
const WAITING: usize = 100_000;
/// What the end of the process waits for the last of them.
const FAREWELL: Duration = Duration::from_secs(3);

/// Takes note of who comes and goes; clones share it.
#[derive(Debug, Clone)]
pub struct LastSeen {
    seen: Arc<Mutex<Seen>>,
    clock: Arc<dyn Clock>,
    /// By result: written, failed, shed.
    counted: IntCounterVec,
}

impl LastSeen {
    /// Nobody was seen yet.
    pub fn new(clock: Arc<dyn Clock>, counted: IntCounterVec) -> Self {
        Self { seen: Arc::default(), clock, counted }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The user has a session here now, or the last one ended just now.
    pub fn note(&self, user: UserId, here: bool) {
        if here {
            self.lock().came(user, Instant::now());
        } else if !self.lock().left(user, self.clock.now()) {
            self.counted.with_label_values(&["shed"]).inc();
        }
    }

    /// Writes until `stop`, and then what is left.
    pub async fn write(self, store: Store, stop: CancellationToken) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut backoff = Backoff::new(EVERY, Duration::from_secs(10));
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = tick.tick() => {}
            }
            let now = Instant::now();
            let batch = self.lock().due(now, self.clock.now());
            let written = tokio::select! {
                () = stop.cancelled() => break,
                written = self.write_batch(&store, &batch, now) => written,
            };
            if written {
                backoff.reset();
            } else {
                tick.reset_after(backoff.next_delay());
            }
        }
        let farewell = async {
            self.lock().all_left(self.clock.now());
            loop {
                let now = Instant::now();
                let batch = self.lock().due(now, self.clock.now());
                if batch.is_empty() || !self.write_batch(&store, &batch, now).await {
                    break;
                }
            }
        };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!("when users were last seen was not written at the end");
        }
    }

    /// Whether it need not be tried again.
    async fn write_batch(&self, store: &Store, batch: &[(UserId, Timestamp)], now: Instant) -> bool {
        if batch.is_empty() {
            return true;
        }
        let failed = store.raise_last_seen(batch).await.err();
        let done = failed.as_ref().is_none_or(chat_store::StoreError::is_permanent);
        if done {
            self.lock().written(batch, now);
        }
        if let Some(error) = &failed {
            tracing::warn!(%error, users = batch.len(), "when users were last seen is not written");
        }
        let result = if failed.is_none() { "written" } else { "failed" };
        self.counted.with_label_values(&[result]).inc_by(u64::try_from(batch.len()).unwrap_or(u64::MAX));
        done
    }
}

/// What is to be written, and when.
#[derive(Debug, Default)]
struct Seen {
    /// Users with a session here, and when each is due.
    here: HashMap<UserId, Instant>,
    /// Users who left, and when.
    left: HashMap<UserId, Timestamp>,
}

impl Seen {
    fn came(&mut self, user: UserId, now: Instant) {
        self.left.remove(&user);
        self.here.entry(user).or_insert(now);
    }

    /// Whether there was space for it.
    fn left(&mut self, user: UserId, at: Timestamp) -> bool {
        self.here.remove(&user);
        let space = self.left.len() < WAITING || self.left.contains_key(&user);
        if space {
            self.left.insert(user, at);
        }
        space
    }

    fn all_left(&mut self, at: Timestamp) {
        let users: Vec<UserId> = self.here.drain().map(|(user, _)| user).collect();
        for user in users {
            self.left(user, at);
        }
    }

    /// A batch: those who left first, because nobody else will say so later.
    fn due(&self, now: Instant, at: Timestamp) -> Vec<(UserId, Timestamp)> {
        let left = self.left.iter().map(|(user, at)| (*user, *at));
        let here = self.here.iter().filter(|(_, due)| **due <= now).map(|(user, _)| (*user, at));
        left.chain(here).take(BATCH).collect()
    }

    /// A batch that was due at `now` is written. Who came or left since is due again.
    fn written(&mut self, batch: &[(UserId, Timestamp)], now: Instant) {
        for (user, at) in batch {
            if self.left.get(user) == Some(at) {
                self.left.remove(user);
            } else if let Some(due) = self.here.get_mut(user).filter(|due| **due <= now) {
                *due = now + REPEAT;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_user_is_written_on_arrival_every_minute_and_on_leaving() {
        let (mut seen, ann, start) = (Seen::default(), UserId::generate(), Instant::now());
        seen.came(ann, start);
        let batch = seen.due(start, at(1));
        assert_eq!(batch, [(ann, at(1))]);
        assert_eq!(seen.due(start, at(2)), [(ann, at(2))], "what was not written is due still");
        seen.written(&batch, start);
        assert_eq!(seen.due(start + REPEAT / 2, at(31)), []);
        assert_eq!(seen.due(start + REPEAT, at(61)), [(ann, at(61))]);
        assert!(seen.left(ann, at(65)));
        let batch = seen.due(start + REPEAT, at(70));
        assert_eq!(batch, [(ann, at(65))]);
        seen.written(&batch, start + REPEAT);
        assert!(seen.here.is_empty() && seen.left.is_empty());
    }

    #[test]
    fn what_happens_during_a_write_is_written_by_the_next_one() {
        let (mut seen, ann, start) = (Seen::default(), UserId::generate(), Instant::now());
        seen.came(ann, start);
        let batch = seen.due(start, at(1));
        assert!(seen.left(ann, at(2)));
        seen.written(&batch, start);
        let batch = seen.due(start, at(3));
        assert_eq!(batch, [(ann, at(2))]);
        seen.came(ann, start + EVERY);
        seen.written(&batch, start);
        assert_eq!(seen.due(start + EVERY, at(4)), [(ann, at(4))]);
    }

    #[test]
    fn a_user_who_reconnects_all_the_time_is_one_row_of_one_statement() {
        let (mut seen, ann, start) = (Seen::default(), UserId::generate(), Instant::now());
        for second in 0..100 {
            seen.came(ann, start);
            assert!(seen.left(ann, at(second)));
        }
        assert_eq!(seen.due(start, at(100)), [(ann, at(99))]);
    }

    #[test]
    fn a_statement_is_bounded_and_so_is_what_waits() {
        let (mut seen, start) = (Seen::default(), Instant::now());
        let first = UserId::generate();
        assert!(seen.left(first, at(1)));
        for _ in 1..WAITING {
            assert!(seen.left(UserId::generate(), at(1)));
        }
        assert!(!seen.left(UserId::generate(), at(1)), "shed");
        assert!(seen.left(first, at(2)), "but not the newer time of one who waits");
        for round in 0..WAITING / BATCH {
            let batch = seen.due(start, at(2));
            assert_eq!(batch.len(), BATCH, "{round}");
            seen.written(&batch, start);
        }
        assert!(seen.due(start, at(2)).is_empty());
    }
}
