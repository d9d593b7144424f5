//! `/chat/rooms`: conversations.

use std::sync::Arc;

use actix_web::{HttpResponse, get, post, web};
use chat_protocol::{CommandBody, Entry, ErrorCode, Rejection, RoomId, UserId, limits, validate};
use chat_store::{RoomSummary, RoomType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Problem, ProblemBody, execute};
use crate::{app::Gateway, auth::Identity};

/// A room, as one of its members sees it.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "named as on the wire")]
#[serde(rename_all = "camelCase")]
pub struct Room {
    room_id: RoomId,
    /// `DIRECT` or `GROUP`.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "GROUP")]
    room_type: RoomType,
    /// Its name; of a direct room, the other's nickname.
    name: String,
    member_count: i32,
    /// Last seq of the timeline.
    head_seq: i64,
    /// The newest entry.
    last_message: Option<Entry>,
    /// Messages after one's mark.
    unread_count: i64,
    /// One's mark.
    read_seq: i64,
}

impl From<RoomSummary> for Room {
    fn from(room: RoomSummary) -> Self {
        Self {
            room_id: room.room_id,
            room_type: room.room_type,
            name: room.name,
            member_count: room.member_count,
            head_seq: room.head_seq,
            last_message: room.last_entry,
            unread_count: room.unread_count,
            read_seq: room.read_seq,
        }
    }
}

/// One's rooms.
#[derive(Serialize, ToSchema)]
pub struct Rooms {
    /// Latest first.
    rooms: Vec<Room>,
}

/// With whom.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenDirect {
    target_user_id: UserId,
}

/// A new group.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateGroup {
    /// 1 to 100 characters.
    #[schema(example = "Lobby", max_length = 100)]
    name: String,
    /// The other first members, at most 2,000.
    user_ids: Vec<UserId>,
}

/// My rooms, latest first.
#[utoipa::path(tag = "rooms", security(("bearer" = [])), responses(
    (status = 200, body = Rooms),
    (status = 401, description = "unauthorized, token_expired", body = ProblemBody),
))]
#[get("/rooms")]
pub async fn list(gateway: web::Data<Gateway>, identity: Identity) -> Result<HttpResponse, Problem> {
    let rooms = Arc::unwrap_or_clone(gateway.room_lists.list(identity.user_id).await?);
    let rooms = rooms.into_iter().map(Room::from).collect();
    Ok(HttpResponse::Ok().json(Rooms { rooms }))
}

/// The direct room with a user: created when it is not there yet.
#[utoipa::path(tag = "rooms", security(("bearer" = [])), responses(
    (status = 200, description = "It was there", body = Room),
    (status = 201, description = "It was created", body = Room),
    (status = 400, description = "bad_request", body = ProblemBody),
    (status = 401, description = "unauthorized, token_expired", body = ProblemBody),
    (status = 404, description = "user_not_found", body = ProblemBody),
    (status = 504, description = "unknown: repeat", body = ProblemBody),
))]
#[post("/rooms")]
pub async fn open_direct(
    gateway: web::Data<Gateway>,
    identity: Identity,
    body: web::Json<OpenDirect>,
) -> Result<HttpResponse, Problem> {
    let (room, new) = direct_room(&gateway, identity, body.target_user_id).await?;
    let mut response = if new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(response.json(Room::from(room)))
}

/// The direct room with a user, and whether it is new.
pub async fn direct_room(
    gateway: &Gateway,
    identity: Identity,
    target: UserId,
) -> Result<(RoomSummary, bool), Problem> {
    if target == identity.user_id {
        return Err(Rejection::new(ErrorCode::BadRequest, "targetUserId is yourself: name somebody else").into());
    }
    let room_id = RoomId::direct(identity.user_id, target);
    if let Some(room) = gateway.store.room(identity.user_id, room_id).await? {
        return Ok((room, false));
    }
    let outcome = execute(gateway, room_id, identity, CommandBody::CreateDirectRoom { user_id: target }).await?;
    Ok((room(gateway, identity, room_id).await?, !outcome.duplicate))
}

/// Create a group; you are its owner.
#[utoipa::path(tag = "rooms", security(("bearer" = [])), responses(
    (status = 201, body = Room),
    (status = 400, description = "bad_request, invalid_character", body = ProblemBody),
    (status = 401, description = "unauthorized, token_expired", body = ProblemBody),
    (status = 404, description = "user_not_found", body = ProblemBody),
    (status = 504, description = "unknown: look into the room list before you repeat", body = ProblemBody),
))]
#[post("/group-rooms")]
pub async fn create_group(
    gateway: web::Data<Gateway>,
    identity: Identity,
    body: web::Json<CreateGroup>,
) -> Result<HttpResponse, Problem> {
    let CreateGroup { name, user_ids } = body.into_inner();
    Ok(HttpResponse::Created().json(Room::from(new_group(&gateway, identity, ("name", name), user_ids).await?)))
}

/// A new group of the user and others; the name comes with that of the field it was in.
pub async fn new_group(
    gateway: &Gateway,
    identity: Identity,
    (field, name): (&str, String),
    user_ids: Vec<UserId>,
) -> Result<RoomSummary, Problem> {
    validate::line(field, &name, limits::ROOM_NAME_CHARS)?;
    check_users(&user_ids)?;
    let room_id = RoomId::generate();
    execute(gateway, room_id, identity, CommandBody::CreateGroupRoom { name, user_ids }).await?;
    room(gateway, identity, room_id).await
}

/// One of my rooms.
#[utoipa::path(tag = "rooms", security(("bearer" = [])), responses(
    (status = 200, body = Room),
    (status = 401, description = "unauthorized, token_expired", body = ProblemBody),
    (status = 404, description = "room_not_found", body = ProblemBody),
))]
#[get("/rooms/{room_id}")]
pub async fn show(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(Room::from(room(&gateway, identity, *room_id).await?)))
}

async fn room(gateway: &Gateway, identity: Identity, room_id: RoomId) -> Result<RoomSummary, Problem> {
    let room = gateway.store.room(identity.user_id, room_id).await?.ok_or_else(Rejection::room_not_found)?;
    gateway.room_lists.seen([(room_id, room.head_seq)]);
    Ok(room)
}

/// As many users as one command may name.
pub fn check_users(user_ids: &[UserId]) -> Result<(), Rejection> {
    if user_ids.len() <= limits::USERS_PER_COMMAND {
        return Ok(());
    }
    let message = format!("userIds names more than {} users: invite the others afterwards", limits::USERS_PER_COMMAND);
    Err(Rejection::new(ErrorCode::BadRequest, message))
}
