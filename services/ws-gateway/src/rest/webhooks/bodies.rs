//! What goes in and out.

use chat_protocol::{Event, RoomId};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{
    ToSchema,
    openapi::{Array, ArrayBuilder, ObjectBuilder, Type, schema::SchemaType},
};
use uuid::Uuid;

/// A new webhook.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "url": "https://example.com/chat-events", "eventTypes": ["MessageSent", "MessageDeleted"] }))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewWebhook {
    /// Where to send: https, of the public internet, port 443 or one from 1024.
    #[schema(pattern = "^https?://", max_length = 2000)]
    pub url: String,
    /// The only room that is of interest; left out: every room, direct ones included.
    pub room_id: Option<RoomId>,
    /// The only types that are of interest; empty: every one.
    #[serde(default)]
    #[schema(schema_with = event_types)]
    pub event_types: Vec<String>,
}

/// What is to be different.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "enabled": false }))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Changes {
    /// Where to send.
    #[schema(pattern = "^https?://", max_length = 2000)]
    pub url: Option<String>,
    /// The only room that is of interest; null: every room.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<RoomId>)]
    #[expect(clippy::option_option, reason = "null and left out are told apart")]
    pub room_id: Option<Option<RoomId>>,
    /// The only types that are of interest; empty: every one.
    #[schema(schema_with = changed_event_types)]
    pub event_types: Option<Vec<String>>,
    /// Whether anything is sent.
    pub enabled: Option<bool>,
}

/// Tells null from what is left out.
#[expect(clippy::option_option, reason = "as the field")]
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<RoomId>>, D::Error> {
    Option::deserialize(value).map(Some)
}

fn event_types() -> Array {
    names_of_types().build()
}

/// As with the other fields of a change, null is as good as left out.
fn changed_event_types() -> Array {
    names_of_types().schema_type(SchemaType::from_iter([Type::Array, Type::Null])).build()
}

fn names_of_types() -> ArrayBuilder {
    let name = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Event::TIMELINE_TYPES));
    let what = "The only types that are of interest; empty: every one.";
    ArrayBuilder::new().items(name).max_items(Some(Event::TIMELINE_TYPES.len())).description(Some(what))
}

/// Somebody who is told what happens.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01a1fdc8-5f77-7202-8ceb-6df5c04d4265", "url": "https://example.com/chat-events", "eventTypes": ["MessageSent", "MessageDeleted"],
    "enabled": true, "createdAt": "2026-11-21T11:05:29.720097Z"
}))]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    id: Uuid,
    /// Where.
    url: String,
    /// The only room that is of interest.
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<RoomId>,
    /// The only types that are of interest; empty: every one.
    event_types: Vec<String>,
    /// Whether anything is sent.
    enabled: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_reason: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<chat_store::Webhook> for Webhook {
    fn from(row: chat_store::Webhook) -> Self {
        Self {
            id: row.id,
            url: row.url,
            room_id: row.room_id,
            event_types: row.event_types,
            enabled: row.enabled,
            disabled_reason: row.disabled_reason,
            created_at: row.created_at,
        }
    }
}

/// All of them.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "webhooks": [{
    "id": "01a1fdc8-5f77-7202-8ceb-6df5c04d4265", "url": "https://example.com/chat-events", "eventTypes": ["MessageSent", "MessageDeleted"],
    "enabled": true, "createdAt": "2026-11-21T11:05:29.720097Z"
}] }))]
pub struct Webhooks {
    /// Oldest first.
    pub webhooks: Vec<Webhook>,
}

/// A new one, with its secret.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01a1fdc8-5f77-7202-8ceb-6df5c04d4265", "url": "https://example.com/chat-events", "eventTypes": ["MessageSent", "MessageDeleted"],
    "enabled": true, "createdAt": "2026-11-21T11:05:29.720097Z", "secret": "whsec_…"
}))]
pub struct Created {
    #[serde(flatten)]
    pub webhook: Webhook,
    /// What calls are signed with; shown here alone.
    pub secret: String,
}

/// A webhook and how it fares.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01a1fdc8-5f77-7202-8ceb-6df5c04d4265", "url": "https://example.com/chat-events", "eventTypes": ["MessageSent", "MessageDeleted"],
    "enabled": true, "createdAt": "2026-11-21T11:05:29.720097Z", "waiting": 2, "head": 1207, "cursor": 1205,
    "failingSince": "2026-11-21T11:20:00Z", "lastSuccessAt": "2026-11-21T11:19:59.2Z", "lastFailureAt": "2026-11-21T11:20:05.1Z",
    "lastFailure": "answered with status 503"
}))]
#[serde(rename_all = "camelCase")]
pub struct WebhookState {
    #[serde(flatten)]
    webhook: Webhook,
    /// Deliveries that wait; counted up to 100,000.
    waiting: i64,
    /// The newest delivery; 0: none yet.
    head: i64,
    /// Up to here nothing waits.
    cursor: i64,
    /// The first failure since the last success.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_success_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_failure_at: Option<Timestamp>,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<String>,
}

impl From<chat_store::WebhookState> for WebhookState {
    fn from(state: chat_store::WebhookState) -> Self {
        Self {
            webhook: state.webhook.into(),
            waiting: state.waiting,
            head: state.head,
            cursor: state.cursor,
            failing_since: state.failing_since,
            last_success_at: state.last_success_at,
            last_failure_at: state.last_failure_at,
            last_failure: state.last_failure,
        }
    }
}

/// A secret in place of another.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "secret": "whsec_…", "previousUntil": "2026-11-22T11:05:29.720097Z" }))]
#[serde(rename_all = "camelCase")]
pub struct NewSecret {
    /// What calls are signed with; shown here alone.
    pub secret: String,
    /// Until then they are signed with the one before, too; after a second rotation within the time, with the first one.
    #[schema(value_type = String, format = DateTime)]
    pub previous_until: Timestamp,
}

/// A delivery that waits.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "eventId": "test:01a1fdc8-5f77-7202-8ceb-6df5c04d4265", "cursor": 1208 }))]
#[serde(rename_all = "camelCase")]
pub struct Queued {
    /// The header `webhook-id` of the call.
    pub event_id: String,
    /// Its cursor.
    pub cursor: i64,
}

/// From where.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "after": 1205 }))]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The cursor of the last delivery that is not wanted again: the header `chat-webhook-cursor` of its call; 0: from the first one kept.
    #[schema(minimum = 0, maximum = 9_223_372_036_854_775_807_u64)]
    pub after: i64,
}

/// What is sent again.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "queued": 2, "upTo": 1207, "more": false }))]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// So many deliveries, those that waited already among them.
    queued: i64,
    /// The last delivery looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    up_to: Option<i64>,
    /// Whether there may be more after it.
    more: bool,
}

impl From<chat_store::Replayed> for Replayed {
    fn from(replayed: chat_store::Replayed) -> Self {
        Self { queued: replayed.queued, up_to: replayed.up_to, more: replayed.more }
    }
}
