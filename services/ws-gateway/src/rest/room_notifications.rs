//! `/chat/rooms/{id}/notifications`: what I want to be told of a room.

use actix_web::{HttpResponse, get, put, web};
use chat_protocol::{NotifyLevel, Rejection, RoomId};
use chat_store::RoomNotifications;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Problem, ProblemBody};
use crate::{app::Gateway, auth::Identity};

/// What I want to be told of a room.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "level": "MENTIONS", "mutedUntil": "2026-11-22T08:00:00Z" }))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NotificationSettings {
    /// Of which messages; ALL where nothing was set.
    level: NotifyLevel,
    /// Of none at all before then; null, absent or in the past: not muted.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    muted_until: Option<Timestamp>,
}

/// What I am notified of in a room.
#[utoipa::path(tag = "rooms", operation_id = "getRoomNotifications", security(("bearer" = [])), responses(
    (status = 200, body = NotificationSettings),
    (status = 404, description = "room_not_found", body = ProblemBody),
))]
#[get("/rooms/{room_id}/notifications")]
pub async fn show(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
) -> Result<HttpResponse, Problem> {
    let wants = gateway.store.room_notifications(*room_id, identity.user_id).await?;
    let RoomNotifications { level, muted_until } = wants.ok_or_else(Rejection::room_not_found)?;
    Ok(HttpResponse::Ok().json(NotificationSettings { level, muted_until }))
}

/// Change what I am notified of in a room.
///
/// On sessions and on devices. What is unread is counted all the same. MENTIONS are messages with `<@userId>` in them.
#[utoipa::path(tag = "rooms", operation_id = "setRoomNotifications", security(("bearer" = [])), responses(
    (status = 200, body = NotificationSettings),
    (status = 400, description = "bad_request: level is none of ALL, MENTIONS, NONE, or mutedUntil is no time", body = ProblemBody),
    (status = 404, description = "room_not_found", body = ProblemBody),
))]
#[put("/rooms/{room_id}/notifications")]
pub async fn set(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
    body: web::Json<NotificationSettings>,
) -> Result<HttpResponse, Problem> {
    let mut settings = body.into_inner();
    // The database does not know all of the past.
    settings.muted_until = settings.muted_until.filter(|until| *until > gateway.clock.now());
    let wants = RoomNotifications { level: settings.level, muted_until: settings.muted_until };
    if !gateway.store.set_room_notifications(*room_id, identity.user_id, wants).await? {
        return Err(Rejection::room_not_found().into());
    }
    Ok(HttpResponse::Ok().json(settings))
}
