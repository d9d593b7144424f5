//! What webhook endpoints are to be told: queued, claimed, settled, swept.

use chat_protocol::{MessageId, RoomId};
use chat_service::Secret;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{Store, StoreError, queries};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The same for every delivery of it.
    pub event_id: String,
    /// Its type, by which endpoints choose.
    pub event_type: String,
    /// Where.
    pub room_id: RoomId,
    /// Its place there.
    pub seq: i64,
    /// The message that it shows, if it shows one.
    pub message_id: Option<MessageId>,
    /// What is sent.
    pub body: String,
}

/// What to send, and where.
#[derive(Debug, Clone)]
pub struct WebhookCall {
    /// Where.
    pub url: String,
    /// What to sign with: the secret, and the one before it while it counts.
    pub secrets: Vec<Secret>,
    /// What is sent.
    pub body: String,
}

/// A delivery in one's hands. What to send is read just before: see [`Store::webhook_call`].
#[derive(Debug, Clone)]
pub struct WebhookDelivery {
    /// The cursor.
    pub id: i64,
    /// The same for every delivery of the event.
    pub event_id: String,
    /// Where it happened; `None`: a test.
    pub room_id: Option<RoomId>,
    /// Attempts made before.
    pub attempts: u32,
    /// Until when it is in these hands, as PostgreSQL has it: by it the hands are known.
    pub lease: Timestamp,
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// It arrived.
    Delivered,
    /// It is tried again later.
    Again {
        /// In so many milliseconds.
        delay_ms: i64,
    },
    /// It is not tried again.
    Failed,
    /// It was not tried.
    Released,
}

/// A delivery that leaves one's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The delivery.
    pub id: i64,
    /// Its lease.
    pub lease: Timestamp,
    /// What becomes of it.
    pub outcome: WebhookOutcome,
    /// The HTTP status of the attempt, if there was an answer.
    pub status: Option<u16>,
}

/// How much an endpoint has to bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookLoad {
    /// The endpoint.
    pub id: Uuid,
    /// Whether it has failed for too long.
    pub failing: bool,
    /// Deliveries that wait, up to the limit and one.
    pub waiting: i64,
    /// Whether more than the limit wait of those that came since it was enabled, or after what was sent again.
    pub behind: bool,
}

fn call(row: &Row) -> Result<WebhookCall, StoreError> {
    let previous: Option<String> = row.try_get("previous_secret")?;
    let secrets = [Some(row.try_get("secret")?), previous].into_iter().flatten().map(Secret::new).collect();
    Ok(WebhookCall { url: row.try_get("url")?, secrets, body: row.try_get("body")? })
}

fn delivery(row: &Row) -> Result<WebhookDelivery, StoreError> {
    Ok(WebhookDelivery {
        id: row.try_get("id")?,
        event_id: row.try_get("event_id")?,
        room_id: row.try_get::<_, Option<Uuid>>("room_id")?.map(RoomId),
        attempts: u32::try_from(row.try_get::<_, i32>("attempts")?).unwrap_or(0),
        lease: row.try_get("lease")?,
    })
}

impl Store {
    /// Queues events for every endpoint that wants them; how many deliveries are new. Those of one room in the order of their seq.
    pub async fn queue_webhooks(&self, events: &[WebhookEvent]) -> Result<u64, StoreError> {
        let ids: Vec<&str> = events.iter().map(|event| event.event_id.as_str()).collect();
        let types: Vec<&str> = events.iter().map(|event| event.event_type.as_str()).collect();
        let rooms: Vec<Uuid> = events.iter().map(|event| event.room_id.0).collect();
        let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
        let messages: Vec<Option<Uuid>> = events.iter().map(|event| event.message_id.map(|id| id.0)).collect();
        let bodies: Vec<&str> = events.iter().map(|event| event.body.as_str()).collect();
        self.execute(queries::QUEUE_WEBHOOKS, &[&ids, &types, &rooms, &seqs, &messages, &bodies]).await
    }

    /// Takes the text of deleted messages out of deliveries, made or not, at most `limit`; of how many. Fewer than the limit: no more have it.
    pub async fn forget_webhook_texts(&self, messages: &[MessageId], limit: i64) -> Result<u64, StoreError> {
        let messages: Vec<Uuid> = messages.iter().map(|id| id.0).collect();
        self.execute(queries::FORGET_WEBHOOK_TEXTS, &[&messages, &limit]).await
    }

    /// Enabled endpoints for which something is due.
    pub async fn due_webhooks(&self) -> Result<Vec<Uuid>, StoreError> {
        let id = |row: &Row| Ok(row.try_get("id")?);
        self.rows(queries::DUE_WEBHOOKS, &[]).await?.iter().map(id).collect()
    }

    /// Takes due deliveries of an endpoint for `lease_ms`, oldest first; what another process has taken is passed over.
    pub async fn claim_webhooks(
        &self,
        id: Uuid,
        limit: u32,
        lease_ms: i64,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let limit = i64::from(limit);
        self.rows(queries::CLAIM_WEBHOOKS, &[&id, &limit, &lease_ms]).await?.iter().map(delivery).collect()
    }

    /// What to send of a delivery in one's hands, as it is now; `None` when it is in them no more, or its endpoint is disabled or deleted.
    pub async fn webhook_call(&self, delivery: &WebhookDelivery) -> Result<Option<WebhookCall>, StoreError> {
        let rows = self.rows(queries::WEBHOOK_CALL, &[&delivery.id, &delivery.lease]).await?;
        rows.first().map(call).transpose()
    }

    /// Records what became of deliveries in one's hands; passes over those that are in them no more.
    pub async fn settle_webhooks(&self, settled: &[Settled]) -> Result<(), StoreError> {
        let columns = |one: &Settled| match one.outcome {
            WebhookOutcome::Delivered => ("delivered", 1_i32, 0),
            WebhookOutcome::Again { delay_ms } => ("pending", 1, delay_ms),
            WebhookOutcome::Failed => ("failed", 1, 0),
            WebhookOutcome::Released => ("pending", 0, 0),
        };
        let ids: Vec<i64> = settled.iter().map(|one| one.id).collect();
        let leases: Vec<Timestamp> = settled.iter().map(|one| one.lease).collect();
        let states: Vec<&str> = settled.iter().map(|one| columns(one).0).collect();
        let tried: Vec<i32> = settled.iter().map(|one| columns(one).1).collect();
        let statuses: Vec<Option<i32>> = settled.iter().map(|one| one.status.map(i32::from)).collect();
        let delays: Vec<i64> = settled.iter().map(|one| columns(one).2).collect();
        self.execute(queries::SETTLE_WEBHOOKS, &[&ids, &leases, &states, &tried, &statuses, &delays]).await.map(drop)
    }

    /// An endpoint took something.
    pub async fn webhook_succeeded(&self, id: Uuid) -> Result<(), StoreError> {
        self.execute(queries::WEBHOOK_SUCCEEDED, &[&id]).await.map(drop)
    }

    /// An endpoint failed.
    pub async fn webhook_failed(&self, id: Uuid, why: &str) -> Result<(), StoreError> {
        self.execute(queries::WEBHOOK_FAILED, &[&id, &why]).await.map(drop)
    }

    /// Disables an endpoint, with a `url` only if that is still its own; whether that changed it.
    pub async fn disable_webhook(&self, id: Uuid, why: &str, url: Option<&str>) -> Result<bool, StoreError> {
        Ok(self.execute(queries::DISABLE_WEBHOOK, &[&id, &why, &url]).await? > 0)
    }

    /// Enabled endpoints: whether the failures of each span `failing_secs`, what waits for it, counted up to `limit` and one, and whether that
    /// is too much.
    pub async fn webhook_loads(&self, failing_secs: i64, limit: i64) -> Result<Vec<WebhookLoad>, StoreError> {
        let load = |row: &Row| {
            Ok(WebhookLoad {
                id: row.try_get("id")?,
                failing: row.try_get("failing")?,
                waiting: row.try_get("waiting")?,
                behind: row.try_get("behind")?,
            })
        };
        self.rows(queries::WEBHOOK_LOADS, &[&failing_secs, &limit]).await?.iter().map(load).collect()
    }

    /// Deletes deliveries that are older than `retention_secs` or of deleted endpoints, at most `limit` of each; how many it were.
    pub async fn sweep_webhooks(&self, retention_secs: i64, limit: i64) -> Result<u64, StoreError> {
        let old = self.execute(queries::SWEEP_WEBHOOKS, &[&retention_secs, &limit]).await?;
        let deleted = self.execute(queries::SWEEP_DELETED_WEBHOOKS, &[&limit]).await?;
        self.execute(queries::FORGET_DELETED_WEBHOOKS, &[]).await?;
        Ok(old + deleted)
    }
}
