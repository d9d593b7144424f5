//! One endpoint's deliveries: claimed → by room → read as they are now → signed → posted → settled.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use chat_outbound::{Attempt, Breaker, HeaderMap, Turn, Unsigned, header::HeaderValue, signed_headers};
use chat_protocol::RoomId;
use chat_service::{Backoff, retry_forever};
use chat_store::{Settled, WebhookCall, WebhookDelivery, WebhookOutcome};
use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Parts,
    verdict::{Verdict, reason, verdict},
};

/// The header with a delivery's cursor, for a replay.
const CURSOR: &str = "chat-webhook-cursor";
/// Of a lease, what is left for recording what became of the deliveries.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);

/// Nothing is sent to an endpoint that asks for time by `Retry-After`, for so long at most.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// What was not tried.
const RELEASED: (WebhookOutcome, Option<u16>) = (WebhookOutcome::Released, None);

/// An endpoint, and whether it is well.
pub struct Lane {
    pub parts: Arc<Parts>,
    pub id: Uuid,
    pub breaker: Arc<Mutex<Breaker>>,
    /// Nothing new is begun.
    pub soft: CancellationToken,
    /// Nothing is waited for.
    pub hard: CancellationToken,
}

/// What became of the deliveries of one batch.
#[derive(Default)]
struct Report {
    settled: Vec<Settled>,
    delivered: bool,
    failure: Option<String>,
    /// Who answered that it wants nothing more.
    gone: Option<String>,
}

impl Lane {
    /// Sends what is due until there is no more, or the endpoint is to be left alone; whether anything was sent.
    pub async fn serve(self) -> bool {
        let mut sent = false;
        while !self.soft.is_cancelled() {
            // After a failure one call tells whether the endpoint is well again.
            let limit = if self.breaker().is_open() { 1 } else { self.parts.config.batch() };
            let (lease, lease_ms) = self.lease();
            let claimed = match self.parts.store.claim_webhooks(self.id, limit, lease_ms).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::warn!(%error, webhook.id = %self.id, "webhooks not claimed");
                    return sent;
                }
            };
            if claimed.is_empty() {
                return sent;
            }
            let last_start = Instant::now() + lease.saturating_sub(self.call_time()).saturating_sub(SETTLE_WITHIN);
            let report = self.deliver(claimed, last_start).await;
            sent = true;
            if !self.settle(report).await || !self.breaker().admit(Instant::now()) {
                break;
            }
        }
        sent
    }

    /// Long enough for a few calls that take all of their time; what was not begun by then is released.
    fn lease(&self) -> (Duration, i64) {
        let lease = self.call_time() * 3 + SETTLE_WITHIN;
        (lease, i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
    }

    fn call_time(&self) -> Duration {
        self.parts.outbound.within()
    }

    /// Rooms beside each other, the events of each in order.
    async fn deliver(&self, claimed: Vec<WebhookDelivery>, last_start: Instant) -> Report {
        let mut rooms: BTreeMap<Option<RoomId>, Vec<WebhookDelivery>> = BTreeMap::new();
        for delivery in claimed {
            rooms.entry(delivery.room_id).or_default().push(delivery);
        }
        // On trial there is one call; else none is begun after the breaker opened, or a 410, in whichever room that was.
        let (trial, stop) = (self.breaker().is_open(), self.soft.child_token());
        let begin = || Instant::now() < last_start && !stop.is_cancelled() && (trial || !self.breaker().is_open());
        let room = async |deliveries| {
            let report = self.deliver_room(deliveries, &begin).await;
            if report.gone.is_some() {
                stop.cancel();
            }
            report
        };
        let reports = rooms.into_values().map(room);
        let reports = stream::iter(reports).buffer_unordered(self.parts.config.rooms_at_once);
        reports.fold(Report::default(), async |all, one| all.and(one)).await
    }

    /// One after the other; the first failure, or one that is not to be sent any more, ends it, and what is left is released.
    async fn deliver_room(&self, deliveries: Vec<WebhookDelivery>, begin: impl Fn() -> bool) -> Report {
        let mut report = Report::default();
        let mut ended = false;
        for delivery in deliveries {
            ended |= report.failure.is_some() || !begin();
            let (outcome, status) =
                if ended { RELEASED } else { self.in_turn(&delivery, &begin, &mut report).await.unwrap_or(RELEASED) };
            ended |= outcome == WebhookOutcome::Released;
            report.settled.push(Settled { id: delivery.id, lease: delivery.lease, outcome, status });
        }
        report
    }

    /// `None` when it is not to be begun any more. The turn comes first: until then what is to be sent may change.
    async fn in_turn(
        &self,
        delivery: &WebhookDelivery,
        begin: impl Fn() -> bool,
        report: &mut Report,
    ) -> Option<(WebhookOutcome, Option<u16>)> {
        let turn = self.parts.outbound.turn().await;
        let call = if begin() { self.read(delivery).await } else { None };
        Some(self.attempt(delivery, call?, turn, report).await)
    }

    /// What to send as it is now: since the delivery was claimed its text may have been deleted, the URL or the secret changed, the endpoint
    /// disabled.
    async fn read(&self, delivery: &WebhookDelivery) -> Option<WebhookCall> {
        let call = self.parts.store.webhook_call(delivery).await;
        call.unwrap_or_else(|error| {
            tracing::warn!(%error, webhook.id = %self.id, "webhook not read");
            None
        })
    }

    async fn attempt(
        &self,
        delivery: &WebhookDelivery,
        call: WebhookCall,
        turn: Turn<'_>,
        report: &mut Report,
    ) -> (WebhookOutcome, Option<u16>) {
        let metrics = &self.parts.metrics;
        let made = delivery.attempts.saturating_add(1);
        let (attempt, verdict) = match self.sign(delivery, &call) {
            Ok(headers) => {
                let timer = metrics.call_seconds.start_timer();
                let attempt = self.parts.outbound.post_in(turn, &call.url, headers, Bytes::from(call.body)).await;
                timer.observe_duration();
                (Some(attempt), verdict(&attempt, made, &self.parts.config.schedule(), rand::random()))
            }
            Err(Unsigned) => (None, Verdict::Failed),
        };
        let outcome = match verdict {
            Verdict::Delivered => WebhookOutcome::Delivered,
            Verdict::Again(delay) => {
                WebhookOutcome::Again { delay_ms: i64::try_from(delay.as_millis()).unwrap_or(i64::MAX) }
            }
            Verdict::Failed => WebhookOutcome::Failed,
            Verdict::Gone => WebhookOutcome::Released,
        };
        if verdict == Verdict::Delivered {
            report.delivered = true;
            self.breaker().succeeded();
        } else {
            if verdict == Verdict::Gone {
                report.gone = Some(call.url);
            }
            report.failure = Some(attempt.as_ref().map_or_else(|| Unsigned.to_string(), reason));
            let (now, mut breaker) = (Instant::now(), self.breaker());
            breaker.failed(now);
            if let Some(Attempt::Answered { retry_after: Some(asked), .. }) = attempt {
                breaker.pause(now + asked.min(LONGEST_PAUSE));
            }
        }
        metrics.count(verdict);
        let status = match attempt {
            Some(Attempt::Answered { status, .. }) => Some(status),
            _ => None,
        };
        (outcome, status)
    }

    fn sign(&self, delivery: &WebhookDelivery, call: &WebhookCall) -> Result<HeaderMap, Unsigned> {
        let now = self.parts.clock.now();
        let mut headers = signed_headers(&call.secrets, &delivery.event_id, now, &call.body)?;
        headers.insert(CURSOR, HeaderValue::from(delivery.id));
        Ok(headers)
    }

    /// Records what became of a batch, for as long as it takes; `false` when the endpoint is to be left alone. What a crash keeps from being
    /// recorded is sent again when its lease ends.
    async fn settle(&self, report: Report) -> bool {
        let (store, id) = (&self.parts.store, self.id);
        let record = || async {
            store.settle_webhooks(&report.settled).await?;
            if report.delivered {
                store.webhook_succeeded(id).await?;
            }
            if let Some(why) = &report.failure {
                store.webhook_failed(id, why).await?;
            }
            // Unless it is somewhere else by now.
            if let Some(url) = &report.gone
                && store.disable_webhook(id, "it answered 410: it wants nothing more", Some(url)).await?
            {
                self.parts.metrics.disabled.with_label_values(&["gone"]).inc();
                tracing::warn!(webhook.id = %id, "webhook disabled: it answered 410");
            }
            Ok::<_, chat_store::StoreError>(())
        };
        let recorded = retry_forever("postgres", &self.hard, Backoff::default(), record).await;
        recorded.is_some() && report.gone.is_none()
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Report {
    fn and(mut self, other: Self) -> Self {
        self.settled.extend(other.settled);
        self.delivered |= other.delivered;
        self.gone = self.gone.or(other.gone);
        self.failure = self.failure.or(other.failure);
        self
    }
}
