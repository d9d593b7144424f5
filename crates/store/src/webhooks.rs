//! Webhook endpoints, as they are managed.

use chat_protocol::RoomId;
use chat_service::Secret;
use jiff::Timestamp;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use crate::{Store, StoreError, queries};

/// Waiting deliveries are counted up to here.
pub const WEBHOOKS_COUNTED: i64 = 100_000;

/// Somebody who is told what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: Uuid,
    /// Where.
    pub url: String,
    /// The only room it wants; `None`: every room.
    pub room_id: Option<RoomId>,
    /// The only types of events it wants; empty: every type.
    pub event_types: Vec<String>,
    /// Whether it is told anything.
    pub enabled: bool,
    /// Why not.
    pub disabled_reason: Option<String>,
    /// Since when it is there.
    pub created_at: Timestamp,
}

/// How it fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookState {
    /// The endpoint.
    pub webhook: Webhook,
    /// Deliveries that wait, up to [`WEBHOOKS_COUNTED`].
    pub waiting: i64,
    /// The newest delivery, 0: none yet.
    pub head: i64,
    /// Up to here nothing waits.
    pub cursor: i64,
    /// The first failure since the last success.
    pub failing_since: Option<Timestamp>,
    /// The last success.
    pub last_success_at: Option<Timestamp>,
    /// The last failure …
    pub last_failure_at: Option<Timestamp>,
    /// … and what it was.
    pub last_failure: Option<String>,
}

/// What is to be different; `None`: as it is.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange<'a> {
    /// Where.
    pub url: Option<&'a str>,
    /// The only room; `Some(None)`: every room.
    pub room_id: Option<Option<RoomId>>,
    /// The only types.
    pub event_types: Option<&'a [String]>,
    /// Whether it is told anything.
    pub enabled: Option<bool>,
    /// Why not, when it is disabled.
    pub disabled_reason: &'a str,
}

/// What a replay found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// So many wait again.
    pub queued: i64,
    /// The last delivery looked at.
    pub up_to: Option<i64>,
    /// Whether the limit ended it.
    pub more: bool,
}

fn webhook(row: &Row) -> Result<Webhook, StoreError> {
    Ok(Webhook {
        id: row.try_get("id")?,
        url: row.try_get("url")?,
        room_id: row.try_get::<_, Option<Uuid>>("room_id")?.map(RoomId),
        event_types: row.try_get("event_types")?,
        enabled: row.try_get("enabled")?,
        disabled_reason: row.try_get("disabled_reason")?,
        created_at: row.try_get("created_at")?,
    })
}

impl Store {
    /// One more endpoint; `None` when there are `limit` already.
    pub async fn create_webhook(
        &self,
        id: Uuid,
        url: &str,
        secret: &Secret,
        filter: (Option<RoomId>, &[String]),
        limit: u32,
    ) -> Result<Option<Webhook>, StoreError> {
        let (room_id, limit) = (filter.0.map(|id| id.0), i64::from(limit));
        let params: [&(dyn ToSql + Sync); 6] = [&id, &url, &secret.expose(), &room_id, &filter.1, &limit];
        self.rows(queries::CREATE_WEBHOOK, &params).await?.first().map(webhook).transpose()
    }

    /// Every endpoint, oldest first.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        self.rows(queries::WEBHOOKS, &[]).await?.iter().map(webhook).collect()
    }

    /// One endpoint and how it fares.
    pub async fn webhook_state(&self, id: Uuid) -> Result<Option<WebhookState>, StoreError> {
        let rows = self.rows(queries::WEBHOOK_STATE, &[&id, &WEBHOOKS_COUNTED]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let head: Option<i64> = row.try_get("head")?;
        let first_waiting: Option<i64> = row.try_get("first_waiting")?;
        let head = head.unwrap_or(0);
        Ok(Some(WebhookState {
            webhook: webhook(row)?,
            waiting: row.try_get("waiting")?,
            head,
            cursor: first_waiting.map_or(head, |first| first - 1),
            failing_since: row.try_get("failing_since")?,
            last_success_at: row.try_get("last_success_at")?,
            last_failure_at: row.try_get("last_failure_at")?,
            last_failure: row.try_get("last_failure")?,
        }))
    }

    /// Changes an endpoint; `false` when there is none.
    pub async fn update_webhook(&self, id: Uuid, change: &WebhookChange<'_>) -> Result<bool, StoreError> {
        let room_id = change.room_id.flatten().map(|id| id.0);
        let params: [&(dyn ToSql + Sync); 7] = [
            &id,
            &change.url,
            &change.room_id.is_some(),
            &room_id,
            &change.event_types,
            &change.enabled,
            &change.disabled_reason,
        ];
        Ok(self.execute(queries::UPDATE_WEBHOOK, &params).await? > 0)
    }

    /// Deletes an endpoint; `false` when there is none. Its deliveries are swept later.
    pub async fn delete_webhook(&self, id: Uuid) -> Result<bool, StoreError> {
        Ok(self.execute(queries::DELETE_WEBHOOK, &[&id]).await? > 0)
    }

    /// Puts a secret in place of the last one, which counts for `overlap_secs` more; or, when one before it still counts, that one does for
    /// its time, and the last one no more. Without overlap none but the new one counts. Until when the previous one does; `None` when there is
    /// no such endpoint.
    pub async fn rotate_webhook_secret(
        &self,
        id: Uuid,
        secret: &Secret,
        overlap_secs: i64,
    ) -> Result<Option<Timestamp>, StoreError> {
        let rows = self.rows(queries::ROTATE_WEBHOOK_SECRET, &[&id, &secret.expose(), &overlap_secs]).await?;
        Ok(rows.first().map(|row| row.try_get("previous_until")).transpose()?)
    }

    /// Queues a delivery that is of no room; its cursor, `None` when there is no such endpoint or it is disabled.
    pub async fn add_webhook_test(&self, id: Uuid, event_id: &str, body: &str) -> Result<Option<i64>, StoreError> {
        let rows = self.rows(queries::ADD_WEBHOOK_TEST, &[&id, &event_id, &body]).await?;
        Ok(rows.first().map(|row| row.try_get("id")).transpose()?)
    }

    /// Queues anew what came after a cursor: the first `limit` deliveries that are still there, in whatever state.
    pub async fn replay_webhook(&self, id: Uuid, after: i64, limit: i64) -> Result<Replayed, StoreError> {
        let rows = self.rows(queries::REPLAY_WEBHOOK, &[&id, &after, &limit]).await?;
        let row = rows.first().ok_or_else(|| StoreError::Data("no row of a replay".to_owned()))?;
        let queued: i64 = row.try_get("queued")?;
        Ok(Replayed { queued, up_to: row.try_get("up_to")?, more: queued >= limit })
    }
}
