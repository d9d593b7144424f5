//! The workers' end of the queue: claim → look once more → send → settle.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chat_protocol::UserId;
use chat_service::{Backoff, retry_forever};
use chat_store::{ClaimLimits, ClaimedPush, PushState, PushTarget, Store, StoreError};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    origins::{Health, Origins},
    request::Sender,
    step::{Payload, Skip, Step, step},
    verdict::{Reason, Verdict, health, verdict},
};
use crate::metrics::PushMetrics;

/// A claim outlives the time limit of a call by this much.
const CLAIM_BEYOND_CALL: Duration = Duration::from_secs(20);
/// Expired pushes are deleted, and those waiting counted, this often.
const HOUSEKEEPING: Duration = Duration::from_secs(10);
/// Expired pushes deleted at once.
const SWEPT_AT_ONCE: u32 = 10_000;

/// Sends what is queued, several pushes at once.
pub struct Workers {
    pub store: Store,
    pub sender: Sender,
    pub metrics: PushMetrics,
    /// Rings when there is something new.
    pub wake: Arc<Notify>,
    pub poll: Duration,
    /// Time limit of a call.
    pub call_within: Duration,
    /// Pushes at once, in all …
    pub at_once: usize,
    /// … and to one push service.
    pub per_origin: u32,
}

/// What a push says about its push service when it is done.
type Done = (String, Health);

impl Workers {
    /// Sends until `stop`, then finishes what is in hand; what is left at `hard_stop` is sent by another process, when its claim ends.
    pub async fn run(self, stop: CancellationToken, hard_stop: CancellationToken) {
        let mut origins = Origins::new(self.per_origin);
        let mut in_hand: JoinSet<Done> = JoinSet::new();
        let mut housekeeping = Instant::now();
        while !stop.is_cancelled() {
            while let Some(done) = in_hand.try_join_next() {
                settle(&mut origins, done);
            }
            if housekeeping <= Instant::now() {
                housekeeping = Instant::now() + HOUSEKEEPING;
                origins.forget_idle(Instant::now());
                self.keep_house().await;
            }
            let free = self.at_once - in_hand.len();
            let jobs = if free > 0 { self.claim(&origins, free, &stop).await } else { Vec::new() };
            let found = !jobs.is_empty();
            for (job, target) in jobs {
                origins.taken(&job.origin, Instant::now());
                in_hand.spawn(Box::pin(self.task().finish(job, target, hard_stop.clone())));
            }
            if !found {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.wake.notified() => {}
                    Some(done) = in_hand.join_next() => settle(&mut origins, done),
                    () = tokio::time::sleep(self.poll) => {}
                }
            }
        }
        hard_stop.run_until_cancelled(async { while in_hand.join_next().await.is_some() {} }).await;
    }

    /// Due jobs, each with what is true of it now.
    async fn claim(
        &self,
        origins: &Origins,
        free: usize,
        stop: &CancellationToken,
    ) -> Vec<(ClaimedPush, Option<PushTarget>)> {
        let limits = ClaimLimits {
            per_origin: self.per_origin.into(),
            jobs: i64::try_from(free).unwrap_or(i64::MAX),
            lease: self.call_within + CLAIM_BEYOND_CALL,
        };
        let loads = origins.loads(Instant::now());
        let claim = || self.store.claim_pushes(&loads, limits);
        let Some(jobs) = retry_forever("postgres", stop, Backoff::default(), claim).await else { return Vec::new() };
        if jobs.is_empty() {
            return Vec::new();
        }
        let look = || self.store.push_targets(&jobs);
        let targets = retry_forever("postgres", stop, Backoff::default(), look).await;
        jobs.into_iter().zip(targets.unwrap_or_default()).collect()
    }

    async fn keep_house(&self) {
        let swept = self.store.sweep_pushes(SWEPT_AT_ONCE).await;
        match (swept, self.store.pushes_waiting().await) {
            (Ok(_), Ok(waiting)) => self.metrics.waiting.set(waiting),
            (Err(error), _) | (_, Err(error)) => tracing::debug!(%error, "pushes not counted"),
        }
    }

    fn task(&self) -> Task {
        Task { store: self.store.clone(), sender: self.sender.clone(), metrics: self.metrics.clone() }
    }
}

fn settle(origins: &mut Origins, done: Result<Done, tokio::task::JoinError>) {
    match done {
        Ok((origin, health)) => origins.done(&origin, health, Instant::now()),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// One job.
struct Task {
    store: Store,
    sender: Sender,
    metrics: PushMetrics,
}

/// How a job ends.
enum End {
    /// Becomes this, after a while if one is given.
    Becomes(PushState, Option<Duration>),
    Goes,
    DeviceGoes,
}

impl Task {
    async fn finish(self, job: ClaimedPush, target: Option<PushTarget>, hard_stop: CancellationToken) -> Done {
        let origin = job.origin.clone();
        let Some(target) = target else {
            // A device that is gone took its jobs with it.
            retry_forever("postgres", &hard_stop, Backoff::default(), || self.store.drop_push(&job)).await;
            return (origin, Health::Unknown);
        };
        let (end, health) = self.work(&job, &target).await;
        let settle = || self.settle(&job, &target, &end);
        if retry_forever("postgres", &hard_stop, Backoff::default(), settle).await.is_none() {
            tracing::debug!(room.id = %job.room_id, "a push was not settled, another process repeats it");
        }
        (origin, health)
    }

    async fn work(&self, job: &ClaimedPush, target: &PushTarget) -> (End, Health) {
        let payload = match step(job, target, self.sender.clock.now()) {
            Step::Send(payload) => payload,
            Step::TakeBack => return (End::Becomes(PushState::Withdraw, None), Health::Unknown),
            Step::Skip(why) => {
                self.metrics.count(if why == Skip::Expired { "expired" } else { "unneeded" });
                return (End::Goes, Health::Unknown);
            }
        };
        let timer = self.metrics.call_seconds.start_timer();
        let attempt = match self.sender.send(job, target, &payload).await {
            Ok(attempt) => attempt,
            Err(error) => {
                timer.stop_and_discard();
                tracing::warn!(%error, device.id = %job.device_id, "a push cannot be built and is dropped");
                self.metrics.count("refused");
                return (End::Goes, Health::Unknown);
            }
        };
        timer.observe_duration();
        let verdict = verdict(attempt, job.attempts, rand::random());
        tracing::debug!(room.id = %job.room_id, device.id = %job.device_id, attempts = job.attempts, ?verdict, "push");
        (self.end(job, &payload, target.user_id, verdict), health(attempt))
    }

    fn end(&self, job: &ClaimedPush, payload: &Payload, user: UserId, verdict: Verdict) -> End {
        match verdict {
            Verdict::Taken if matches!(payload, Payload::Withdraw { .. }) => {
                self.metrics.count("withdrawn");
                End::Goes
            }
            Verdict::Taken => {
                self.metrics.count("sent");
                End::Becomes(PushState::Shown, None)
            }
            Verdict::Gone => {
                self.metrics.count("gone");
                tracing::info!(user.id = %user, device.id = %job.device_id, "device is gone");
                End::DeviceGoes
            }
            Verdict::Refused(reason) => {
                self.metrics.count("refused");
                let (device, service) = (job.device_id, &job.origin);
                match reason {
                    Reason::Status(status) => tracing::warn!(device.id = %device, service, status, "push refused"),
                    Reason::Guard(reason) => tracing::warn!(device.id = %device, service, %reason, "push not sent"),
                }
                End::Goes
            }
            Verdict::Later(delay) => {
                self.metrics.count("failed");
                End::Becomes(job.state, Some(delay))
            }
        }
    }

    async fn settle(&self, job: &ClaimedPush, target: &PushTarget, end: &End) -> Result<(), StoreError> {
        match end {
            End::Becomes(state, None) => self.store.settle_push(job, *state, None).await,
            End::Becomes(state, Some(delay)) => {
                let now = self.sender.clock.now();
                self.store.settle_push(job, *state, Some(now.saturating_add(*delay).unwrap_or(job.expires_at))).await
            }
            End::Goes => self.store.drop_push(job).await,
            End::DeviceGoes => self.store.drop_gone_device(job.device_id, target.registered_at).await.map(drop),
        }
    }
}
