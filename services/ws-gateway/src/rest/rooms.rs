//! `/chat/rooms`: conversations.

use std::sync::Arc;

use actix_web::{HttpResponse, get, patch, post, web};
use chat_protocol::{ClientMessageId, CommandBody, Entry, ErrorCode, Rejection, RoomId, UserId, limits, validate};
use chat_store::{RoomSummary, RoomType};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, Type},
};

use super::{IdempotencyKey, Problem, ProblemBody, change, execute, samples};
use crate::{app::Gateway, auth::Identity};

/// A room, as one of its members sees it.
#[derive(Serialize, ToSchema)]
#[schema(example = samples::room)]
#[expect(clippy::struct_field_names, reason = "named as on the wire")]
#[serde(rename_all = "camelCase")]
pub struct Room {
    room_id: RoomId,
    #[serde(rename = "type")]
    #[schema(schema_with = room_type)]
    room_type: RoomType,
    /// Its name; of a direct room, the other's nickname.
    name: String,
    /// Whether everybody who knows its id may join.
    open: bool,
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

fn room_type() -> Object {
    let names = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["DIRECT", "GROUP"]));
    names.description(Some("A direct room has two members for ever.")).build()
}

impl From<RoomSummary> for Room {
    fn from(room: RoomSummary) -> Self {
        Self {
            room_id: room.room_id,
            room_type: room.room_type,
            name: room.name,
            open: room.open,
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
#[schema(example = json!({ "rooms": [samples::room()] }))]
pub struct Rooms {
    /// Latest first.
    rooms: Vec<Room>,
}

/// With whom.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "targetUserId": "01a1fdc7-2d31-7f02-8d6b-6f1a0c9be7d2" }))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenDirect {
    target_user_id: UserId,
}

/// A new group.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "name": "Lobby", "userIds": ["01a1fdc7-2d31-7f02-8d6b-6f1a0c9be7d2"] }))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateGroup {
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: String,
    /// The other first members.
    #[schema(max_items = 2000)]
    user_ids: Vec<UserId>,
    /// Everybody who knows its id may join.
    #[serde(default)]
    open: bool,
    /// Your id of this command: repeat with the same one when you do not know whether the room was created.
    client_message_id: Option<ClientMessageId>,
}

/// What is to be different.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Hall"}))]
pub struct UpdateRoom {
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: Option<String>,
    /// Whether everybody who knows the room's id may join. For the owner to say.
    open: Option<bool>,
    /// Your id of this command, instead of the header `Idempotency-Key`.
    client_message_id: Option<ClientMessageId>,
}

/// My rooms, latest first.
#[utoipa::path(tag = "rooms", operation_id = "listRooms", security(("bearer" = [])), responses(
    (status = 200, description = "The rooms one is a member of", body = Rooms),
))]
#[get("/rooms")]
pub async fn list(gateway: web::Data<Gateway>, identity: Identity) -> Result<HttpResponse, Problem> {
    let rooms = Arc::unwrap_or_clone(gateway.room_lists.list(identity.user_id).await?);
    let rooms = rooms.into_iter().map(Room::from).collect();
    Ok(HttpResponse::Ok().json(Rooms { rooms }))
}

/// Open the direct room with a user.
///
/// There is one for each pair, for ever: it is created when it is not there yet.
#[utoipa::path(tag = "rooms", operation_id = "openDirectRoom", security(("bearer" = [])), responses(
    (status = 200, description = "It was there", body = Room),
    (status = 201, description = "It was created", body = Room),
    (status = 400, description = "bad_request: targetUserId is yourself, or not an id", body = ProblemBody),
    (status = 404, description = "user_not_found", body = ProblemBody),
    (status = 503, description = "busy: not taken", body = ProblemBody),
    (status = 504, description = "unknown: repeating it is safe", body = ProblemBody),
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
    if let Some(room) = gateway.marks.room(identity.user_id, room_id).await? {
        return Ok((room, false));
    }
    let outcome = execute(gateway, room_id, identity, CommandBody::CreateDirectRoom { user_id: target }).await?;
    Ok((room(gateway, identity, room_id).await?, !outcome.duplicate))
}

/// Create a group; you are its owner.
#[utoipa::path(tag = "rooms", operation_id = "createGroupRoom", params(IdempotencyKey), security(("bearer" = [])), responses(
    (status = 201, description = "The group, with all its first members, now or since it was created under this id", body = Room),
    (status = 400, description = "bad_request, invalid_character: the name is none, or too many users", body = ProblemBody),
    (status = 404, description = "user_not_found: then there is no group", body = ProblemBody),
    (status = 409, description = "id_conflict: another room was created under this id", body = ProblemBody),
    (status = 503, description = "busy: not taken", body = ProblemBody),
    (status = 504, description = "unknown: repeat with the same id; without one look into the room list first", body = ProblemBody),
))]
#[post("/group-rooms")]
pub async fn create_group(
    gateway: web::Data<Gateway>,
    identity: Identity,
    key: IdempotencyKey,
    body: web::Json<CreateGroup>,
) -> Result<HttpResponse, Problem> {
    let CreateGroup { name, user_ids, open, client_message_id } = body.into_inner();
    let group = NewGroup { field: "name", name, user_ids, open, id: key.or(client_message_id)? };
    Ok(HttpResponse::Created().json(Room::from(new_group(&gateway, identity, group).await?)))
}

/// A group to create.
pub struct NewGroup {
    /// In which field the name was.
    pub field: &'static str,
    /// Its name.
    pub name: String,
    /// The other first members.
    pub user_ids: Vec<UserId>,
    /// Whether everybody may join.
    pub open: bool,
    /// The creator's id of it.
    pub id: ClientMessageId,
}

/// The group that the user creates, or has created, under this id.
pub async fn new_group(gateway: &Gateway, identity: Identity, group: NewGroup) -> Result<RoomSummary, Problem> {
    let NewGroup { field, name, user_ids, open, id } = group;
    validate::line(field, &name, limits::ROOM_NAME_CHARS)?;
    check_users(&user_ids)?;
    let room_id = RoomId::group(identity.user_id, &id);
    let body = CommandBody::CreateGroupRoom { name, user_ids, open };
    gateway.ingest.execute(room_id, identity.user_id, id, body).await?;
    room(gateway, identity, room_id).await
}

/// One of my rooms.
#[utoipa::path(tag = "rooms", operation_id = "getRoom", security(("bearer" = [])), responses(
    (status = 200, description = "The room", body = Room),
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

/// Change a group's name (owner, admins), or whether it is open (owner).
#[utoipa::path(tag = "rooms", operation_id = "updateRoom", params(IdempotencyKey), security(("bearer" = [])), responses(
    (status = 200, description = "It is so now", body = Room),
    (status = 400, description = "bad_request, invalid_character", body = ProblemBody),
    (status = 403, description = "forbidden: your role does not permit it, or a direct room", body = ProblemBody),
    (status = 404, description = "room_not_found", body = ProblemBody),
    (status = 409, description = "id_conflict: the id was used for something else", body = ProblemBody),
    (status = 503, description = "busy, unavailable: repeat with the same id", body = ProblemBody),
    (status = 504, description = "unknown: repeat with the same id", body = ProblemBody),
))]
#[patch("/rooms/{room_id}")]
pub async fn update(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
    key: IdempotencyKey,
    body: web::Json<UpdateRoom>,
) -> Result<HttpResponse, Problem> {
    let UpdateRoom { name, open, client_message_id } = body.into_inner();
    let body = CommandBody::UpdateRoom { name, open };
    change(&gateway, identity, *room_id, key.or(client_message_id)?, body).await?;
    Ok(HttpResponse::Ok().json(Room::from(room(&gateway, identity, *room_id).await?)))
}

/// One of the user's rooms.
pub async fn room(gateway: &Gateway, identity: Identity, room_id: RoomId) -> Result<RoomSummary, Problem> {
    let room = gateway.marks.room(identity.user_id, room_id).await?.ok_or_else(Rejection::room_not_found)?;
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
