//! The delivery canary: a probe through Kafka, persister, PostgreSQL, broadcaster and Redis, back to this gateway.
//!
//! Readiness depends on it (condition `delivery`), nothing else does: sessions stay, and new ones are taken from whoever still comes.

mod verdict;

use std::{pin::pin, sync::Arc, time::Duration};

use chat_protocol::{ErrorCode, Outcome, OutcomeStatus};
use chat_service::{Condition, is_broken};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::{config::DeliveryConfig, ingest::Ingest, metrics::CanaryMetrics};
use verdict::Verdict;

/// Sends canaries, and says whether they come back.
pub struct Canary {
    ingest: Arc<Ingest>,
    every: Duration,
    lost_after: Duration,
    condition: Condition,
    metrics: CanaryMetrics,
}

impl Canary {
    /// Prepares it; `condition` is told whether delivery works.
    pub fn new(ingest: Arc<Ingest>, config: &DeliveryConfig, condition: Condition, metrics: CanaryMetrics) -> Self {
        let (every, lost_after) = (config.canary(), config.canary_lost_after());
        Self { ingest, every, lost_after, condition, metrics }
    }

    /// Runs until `stop`, from the moment when this gateway's own channel is `subscribed`: before that no answer could come.
    pub async fn run(self, subscribed: CancellationToken, stop: CancellationToken) {
        if is_broken("no-canary") {
            return stop.cancelled().await;
        }
        if stop.run_until_cancelled(subscribed.cancelled()).await.is_none() {
            return;
        }
        let mut verdict = Verdict::new(self.lost_after);
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Bounded: each one ends after `lost_after`.
        let mut flying = FuturesUnordered::new();
        loop {
            let lost_at = verdict.lost_at().filter(|_| verdict.holds(now()));
            let lost = pin!(async {
                match lost_at {
                    Some(at) => sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            });
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = ticks.tick() => flying.push(self.fly()),
                Some(back) = flying.next() => if back {
                    verdict.back(now());
                },
                () = lost => {}
            }
            self.condition.set(verdict.holds(now()));
        }
    }

    /// One canary; whether it came back.
    async fn fly(&self) -> bool {
        let sent = Instant::now();
        let back = timeout(self.lost_after, self.round_trip()).await.unwrap_or_else(|_| {
            tracing::debug!(after = ?self.lost_after, "canary did not come back");
            false
        });
        if back {
            self.metrics.seconds.observe(sent.elapsed().as_secs_f64());
        } else {
            self.metrics.lost.inc();
        }
        back
    }

    async fn round_trip(&self) -> bool {
        let mut waiter = self.ingest.waiters.wait();
        match self.ingest.probe(waiter.id) {
            // Only the outcome counts. The record stays under way, also after the outcome was given up.
            Ok(delivery) => drop(delivery),
            Err(refused) => {
                tracing::debug!(code = refused.code.as_str(), "canary not sent");
                return false;
            }
        }
        match (&mut waiter.outcome).await {
            Ok(Outcome { status: OutcomeStatus::Persisted, .. }) => true,
            Ok(Outcome { code, reason, .. }) => {
                let code = code.map(ErrorCode::as_str);
                tracing::warn!(
                    code,
                    reason,
                    "canary refused: is the persister older than this gateway? upgrade it first"
                );
                false
            }
            Err(_) => false,
        }
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
