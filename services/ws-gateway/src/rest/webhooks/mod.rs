//! `/webhooks`: other systems that are told what happens, managed with the admin token.

mod bodies;

use actix_web::{HttpResponse, delete, get, patch, post, web};
use chat_outbound::new_secret;
use chat_protocol::{ErrorCode, Event, Rejection};
use chat_store::WebhookChange;
use serde_json::json;
use uuid::Uuid;

pub use self::bodies::{
    Changes, Created, NewSecret, NewWebhook, Queued, Replay, Replayed, Webhook, WebhookState, Webhooks,
};
use super::{Problem, ProblemBody, admin::Admin};
use crate::app::Gateway;

/// The secret before the last one counts for this long.
const OVERLAP_SECS: i64 = 86_400;
/// Deliveries that one call queues again.
const REPLAY_AT_ONCE: i64 = 1_000;
/// Why an endpoint is disabled that somebody disables.
const BY_HAND: &str = "disabled by the operator";

/// Create a webhook.
///
/// The secret is in the answer, and nowhere else: keep it. What happens from then on (within some seconds) is sent to the URL, signed
/// after Standard Webhooks.
#[utoipa::path(tag = "webhooks", operation_id = "createWebhook", security(("admin" = [])), responses(
    (status = 201, description = "The webhook, with its secret", body = Created),
    (status = 400, description = "bad_request: url is not https, or leads to an address that is not of the public internet; an event type is none", body = ProblemBody),
    (status = 403, description = "forbidden: management is off, or there are as many webhooks as there may be", body = ProblemBody),
))]
#[post("")]
pub async fn create(
    gateway: web::Data<Gateway>,
    _: Admin,
    body: web::Json<NewWebhook>,
) -> Result<HttpResponse, Problem> {
    let NewWebhook { url, room_id, event_types } = body.into_inner();
    check_url(&gateway, &url).await?;
    check_types(&event_types)?;
    let (secret, limit) = (new_secret(), gateway.config.webhooks.max_endpoints);
    let made = gateway.store.create_webhook(Uuid::now_v7(), &url, &secret, (room_id, &event_types), limit).await?;
    let Some(webhook) = made else {
        let full = format!("there are {limit} webhooks already: delete one, or raise webhooks.max_endpoints");
        return Err(Rejection::new(ErrorCode::Forbidden, full).into());
    };
    tracing::info!(webhook.id = %webhook.id, "webhook created");
    Ok(HttpResponse::Created().json(Created { webhook: webhook.into(), secret: secret.expose().to_owned() }))
}

/// All webhooks, oldest first.
#[utoipa::path(tag = "webhooks", operation_id = "listWebhooks", security(("admin" = [])), responses(
    (status = 200, body = Webhooks),
    (status = 403, description = "forbidden: management is off", body = ProblemBody),
))]
#[get("")]
pub async fn list(gateway: web::Data<Gateway>, _: Admin) -> Result<HttpResponse, Problem> {
    let webhooks = gateway.store.webhooks().await?.into_iter().map(Webhook::from).collect();
    Ok(HttpResponse::Ok().json(Webhooks { webhooks }))
}

/// A webhook and how it fares.
#[utoipa::path(tag = "webhooks", operation_id = "getWebhook", security(("admin" = [])), responses(
    (status = 200, body = WebhookState),
    (status = 403, description = "forbidden: management is off", body = ProblemBody),
    (status = 404, description = "not_found: there is no such webhook", body = ProblemBody),
))]
#[get("/{webhook_id}")]
pub async fn show(gateway: web::Data<Gateway>, _: Admin, id: web::Path<Uuid>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state(&gateway, *id).await?))
}

/// Change a webhook.
///
/// What is left out stays. What waits for a webhook that is disabled is kept for some days, and sent when it is enabled again.
#[utoipa::path(tag = "webhooks", operation_id = "updateWebhook", security(("admin" = [])), responses(
    (status = 200, description = "It is so now", body = WebhookState),
    (status = 400, description = "bad_request: url is not https, or leads to an address that is not of the public internet; an event type is none", body = ProblemBody),
    (status = 403, description = "forbidden: management is off", body = ProblemBody),
    (status = 404, description = "not_found: there is no such webhook", body = ProblemBody),
))]
#[patch("/{webhook_id}")]
pub async fn update(
    gateway: web::Data<Gateway>,
    _: Admin,
    id: web::Path<Uuid>,
    body: web::Json<Changes>,
) -> Result<HttpResponse, Problem> {
    let Changes { url, room_id, event_types, enabled } = body.into_inner();
    if let Some(url) = &url {
        check_url(&gateway, url).await?;
    }
    check_types(event_types.as_deref().unwrap_or_default())?;
    let change = WebhookChange {
        url: url.as_deref(),
        room_id,
        event_types: event_types.as_deref(),
        enabled,
        disabled_reason: BY_HAND,
    };
    if !gateway.store.update_webhook(*id, &change).await? {
        return Err(no_webhook().into());
    }
    tracing::info!(webhook.id = %id, "webhook changed");
    Ok(HttpResponse::Ok().json(state(&gateway, *id).await?))
}

/// Delete a webhook.
///
/// What waits for it is not sent.
#[utoipa::path(tag = "webhooks", operation_id = "deleteWebhook", security(("admin" = [])), responses(
    (status = 204, description = "It is gone"),
    (status = 403, description = "forbidden: management is off", body = ProblemBody),
    (status = 404, description = "not_found: there is no such webhook", body = ProblemBody),
))]
#[delete("/{webhook_id}")]
pub async fn remove(gateway: web::Data<Gateway>, _: Admin, id: web::Path<Uuid>) -> Result<HttpResponse, Problem> {
    if !gateway.store.delete_webhook(*id).await? {
        return Err(no_webhook().into());
    }
    tracing::info!(webhook.id = %id, "webhook deleted");
    Ok(HttpResponse::NoContent().finish())
}

/// Give a webhook a new secret.
///
/// It is in the answer, and nowhere else. Calls are signed with both, until the time told: put the new one in place of the old one before.
/// A second rotation within that time keeps the first secret until then, and drops the one between.
#[utoipa::path(tag = "webhooks", operation_id = "rotateWebhookSecret", security(("admin" = [])), responses(
    (status = 200, body = NewSecret),
    (status = 403, description = "forbidden: management is off", body = ProblemBody),
    (status = 404, description = "not_found: there is no such webhook", body = ProblemBody),
))]
#[post("/{webhook_id}/rotate-secret")]
pub async fn rotate_secret(
    gateway: web::Data<Gateway>,
    _: Admin,
    id: web::Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let secret = new_secret();
    let until = gateway.store.rotate_webhook_secret(*id, &secret, OVERLAP_SECS).await?.ok_or_else(no_webhook)?;
    tracing::info!(webhook.id = %id, "webhook's secret rotated");
    Ok(HttpResponse::Ok().json(NewSecret { secret: secret.expose().to_owned(), previous_until: until }))
}

/// Send a test.
///
/// An event of type `Test`, sent and repeated like every other; how that went is told by the webhook's state.
#[utoipa::path(tag = "webhooks", operation_id = "testWebhook", security(("admin" = [])), responses(
    (status = 202, body = Queued),
    (status = 400, description = "bad_request: the webhook is disabled", body = ProblemBody),
    (status = 403, description = "forbidden: management is off", body = ProblemBody),
    (status = 404, description = "not_found: there is no such webhook", body = ProblemBody),
))]
#[post("/{webhook_id}/test")]
pub async fn test(gateway: web::Data<Gateway>, _: Admin, id: web::Path<Uuid>) -> Result<HttpResponse, Problem> {
    let event_id = format!("test:{}", Uuid::now_v7());
    let body = json!({ "type": "Test", "timestamp": gateway.clock.now(), "data": { "webhookId": *id } }).to_string();
    if let Some(cursor) = gateway.store.add_webhook_test(*id, &event_id, &body).await? {
        return Ok(HttpResponse::Accepted().json(Queued { event_id, cursor }));
    }
    state(&gateway, *id).await?;
    Err(Rejection::new(ErrorCode::BadRequest, "the webhook is disabled: enable it first").into())
}

/// Send again what came after a cursor.
///
/// Up to 1000 deliveries, oldest first, of those that are still kept, whether they were delivered, failed or still wait; they have their ids of
/// before.
/// When there are more, call again with `upTo`.
#[utoipa::path(tag = "webhooks", operation_id = "replayWebhook", security(("admin" = [])), responses(
    (status = 202, body = Replayed),
    (status = 400, description = "bad_request: after is negative, or no number", body = ProblemBody),
    (status = 403, description = "forbidden: management is off", body = ProblemBody),
    (status = 404, description = "not_found: there is no such webhook", body = ProblemBody),
))]
#[post("/{webhook_id}/replay")]
pub async fn replay(
    gateway: web::Data<Gateway>,
    _: Admin,
    id: web::Path<Uuid>,
    body: web::Json<Replay>,
) -> Result<HttpResponse, Problem> {
    if body.after < 0 {
        return Err(Rejection::new(ErrorCode::BadRequest, "after must be at least 0").into());
    }
    state(&gateway, *id).await?;
    let replayed = gateway.store.replay_webhook(*id, body.after, REPLAY_AT_ONCE).await?;
    tracing::info!(webhook.id = %id, deliveries = replayed.queued, "webhook replayed");
    Ok(HttpResponse::Accepted().json(Replayed::from(replayed)))
}

async fn state(gateway: &Gateway, id: Uuid) -> Result<WebhookState, Problem> {
    Ok(gateway.store.webhook_state(id).await?.ok_or_else(no_webhook)?.into())
}

fn no_webhook() -> Rejection {
    Rejection::new(ErrorCode::NotFound, "there is no such webhook")
}

/// Refuses what must not be called, with the name looked up as it is now. Before every call it is looked up again.
async fn check_url(gateway: &Gateway, url: &str) -> Result<(), Rejection> {
    let refused = |why: chat_outbound::Forbidden| Rejection::new(ErrorCode::BadRequest, format!("url {why}"));
    let target = gateway.outbound.guard().check_url(url).map_err(refused)?;
    gateway.outbound.check_name(&target).await.map_err(refused)
}

fn check_types(types: &[String]) -> Result<(), Rejection> {
    let unknown = types.iter().find(|name| !Event::TIMELINE_TYPES.contains(&name.as_str()));
    if types.len() > Event::TIMELINE_TYPES.len() || unknown.is_some() {
        let known = Event::TIMELINE_TYPES.join(", ");
        let message = format!("eventTypes must name each type once, of {known}");
        return Err(Rejection::new(ErrorCode::BadRequest, message));
    }
    Ok(())
}
