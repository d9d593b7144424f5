//! Looks for what is due, and gives each endpoint a lane of its own while there is something.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chat_outbound::Breaker;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Parts, lane::Lane};

/// What another process queued, or what is to be tried again, is found this soon.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs until `soft`, and then until the calls under way have ended.
pub async fn run(parts: Arc<Parts>, soft: CancellationToken, hard: CancellationToken) {
    let mut dispatcher = Dispatcher { parts, breakers: HashMap::new(), busy: HashSet::new(), lanes: JoinSet::new() };
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let look = tokio::select! {
            _ = ticks.tick() => true,
            () = dispatcher.parts.queued.notified() => true,
            Some(ended) = dispatcher.lanes.join_next() => dispatcher.ended(ended),
            () = soft.cancelled() => break,
        };
        if look {
            dispatcher.look(&soft, &hard).await;
        }
    }
    while dispatcher.lanes.join_next().await.is_some() {}
}

struct Dispatcher {
    parts: Arc<Parts>,
    breakers: HashMap<Uuid, Arc<Mutex<Breaker>>>,
    busy: HashSet<Uuid>,
    lanes: JoinSet<(Uuid, bool)>,
}

impl Dispatcher {
    /// A lane has ended; whether something may have come for it meanwhile.
    fn ended(&mut self, ended: Result<(Uuid, bool), tokio::task::JoinError>) -> bool {
        match ended {
            Ok((id, sent)) => {
                self.busy.remove(&id);
                sent
            }
            Err(error) => {
                tracing::error!(%error, "lane of a webhook failed");
                // Which one is not known; those that run are found busy by their claims.
                self.busy.clear();
                false
            }
        }
    }

    async fn look(&mut self, soft: &CancellationToken, hard: &CancellationToken) {
        if self.parts.endpoints.none() {
            return;
        }
        let due = match self.parts.store.due_webhooks().await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "webhooks that are due not known");
                return;
            }
        };
        self.breakers.retain(|id, _| self.parts.endpoints.has(*id));
        let config = &self.parts.config;
        let closed = || Breaker::new(config.failures_to_open, Duration::from_millis(config.open_ms));
        for id in due {
            // One that is not known here yet is not queued for either: whoever got a test gets all that happens from then on.
            if self.busy.contains(&id) || !self.parts.endpoints.has(id) {
                continue;
            }
            let breaker = self.breakers.entry(id).or_insert_with(|| Arc::new(Mutex::new(closed())));
            if !breaker.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now()) {
                continue;
            }
            self.busy.insert(id);
            let (parts, breaker) = (Arc::clone(&self.parts), Arc::clone(breaker));
            let lane = Lane { parts, id, breaker, soft: soft.clone(), hard: hard.clone() };
            self.lanes.spawn(async move { (id, lane.serve().await) });
        }
    }
}
