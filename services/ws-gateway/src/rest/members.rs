//! `/chat/rooms/{id}/members`: who is in a room.

use actix_web::{HttpResponse, delete, get, patch, post, put, web};
use chat_protocol::{ClientMessageId, CommandBody, ErrorCode, Rejection, RoomId, UserId};
use chat_store::{MemberRow, Role};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, Type},
};

use super::{
    IdempotencyKey, Problem, ProblemBody, change, execute,
    rooms::{self, Room, check_users},
};
use crate::{app::Gateway, auth::Identity};

/// A member.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomMember {
    user_id: UserId,
    nickname: String,
    #[schema(schema_with = role)]
    role: Role,
    #[schema(value_type = String, format = DateTime)]
    joined_at: Timestamp,
    /// How far they have read.
    last_read_seq: i64,
}

fn role() -> Object {
    let names = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["OWNER", "ADMIN", "MEMBER"]));
    names.description(Some("What one may do. In a direct room both are MEMBER.")).build()
}

impl From<MemberRow> for RoomMember {
    fn from(row: MemberRow) -> Self {
        let MemberRow { user_id, nickname, role, joined_at, read_seq } = row;
        Self { user_id, nickname, role, joined_at, last_read_seq: read_seq }
    }
}

/// The members.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "members": [{
    "userId": "01a1fdc7-2d30-7763-9e90-2a12c2c04065", "nickname": "alice", "role": "OWNER",
    "joinedAt": "2026-11-21T11:04:11.557502Z", "lastReadSeq": 5
}] }))]
pub struct Members {
    /// Longest standing first.
    members: Vec<RoomMember>,
}

/// Whom to invite.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "userIds": ["01a1fdc7-2d31-7f02-8d6b-6f1a0c9be7d2"] }))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Invite {
    /// Members already are passed over.
    #[schema(min_items = 1, max_items = 2000)]
    user_ids: Vec<UserId>,
}

/// What a member may do from now on.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"role": "ADMIN"}))]
pub struct ChangeRole {
    /// `OWNER` hands the group over: you become `ADMIN`.
    role: Role,
    /// Your id of this command, instead of the header `Idempotency-Key`.
    client_message_id: Option<ClientMessageId>,
}

/// Who is in a room, and how far each has read.
#[utoipa::path(tag = "rooms", operation_id = "listMembers", security(("bearer" = [])), responses(
    (status = 200, description = "The members, longest standing first", body = Members),
    (status = 404, description = "room_not_found", body = ProblemBody),
))]
#[get("/rooms/{room_id}/members")]
pub async fn list(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
) -> Result<HttpResponse, Problem> {
    let members = members_of(&gateway, identity, *room_id).await?.into_iter().map(RoomMember::from).collect();
    Ok(HttpResponse::Ok().json(Members { members }))
}

/// The members, for one of them.
pub async fn members_of(gateway: &Gateway, identity: Identity, room_id: RoomId) -> Result<Vec<MemberRow>, Problem> {
    let user_id = identity.user_id;
    let membership = gateway.store.membership(room_id, user_id).await?.ok_or_else(Rejection::room_not_found)?;
    let members = gateway.marks.members(room_id).await?;
    gateway.still_member(room_id, user_id, membership).await?;
    Ok(members)
}

/// Invite people into a group.
#[utoipa::path(tag = "rooms", operation_id = "inviteMembers", params(IdempotencyKey), security(("bearer" = [])), responses(
    (status = 204, description = "They are members"),
    (status = 400, description = "bad_request: no user, or too many", body = ProblemBody),
    (status = 403, description = "forbidden: a direct room, or the room is full", body = ProblemBody),
    (status = 404, description = "room_not_found, user_not_found: then nobody was invited", body = ProblemBody),
    (status = 409, description = "id_conflict: the id was used for something else in this room", body = ProblemBody),
    (status = 503, description = "busy: not taken", body = ProblemBody),
    (status = 504, description = "unknown: repeating it is safe", body = ProblemBody),
))]
#[post("/rooms/{room_id}/members")]
pub async fn invite(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
    key: IdempotencyKey,
    body: web::Json<Invite>,
) -> Result<HttpResponse, Problem> {
    invite_users(&gateway, identity, key, *room_id, body.into_inner().user_ids).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Invites on behalf of a member.
pub async fn invite_users(
    gateway: &Gateway,
    identity: Identity,
    key: IdempotencyKey,
    room_id: RoomId,
    user_ids: Vec<UserId>,
) -> Result<(), Problem> {
    if user_ids.is_empty() {
        return Err(Rejection::new(ErrorCode::BadRequest, "userIds is empty: name at least one user").into());
    }
    check_users(&user_ids)?;
    let body = CommandBody::InviteMembers { user_ids };
    gateway.ingest.execute(room_id, identity.user_id, key.id(), body).await?;
    Ok(())
}

/// Leave a group.
#[utoipa::path(tag = "rooms", operation_id = "leaveRoom", security(("bearer" = [])), responses(
    (status = 204, description = "You are no longer a member"),
    (status = 403, description = "forbidden: a direct room", body = ProblemBody),
    (status = 404, description = "room_not_found", body = ProblemBody),
    (status = 503, description = "busy: not taken", body = ProblemBody),
    (status = 504, description = "unknown: repeating it is safe", body = ProblemBody),
))]
#[delete("/rooms/{room_id}/members/me")]
pub async fn leave(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
) -> Result<HttpResponse, Problem> {
    execute(&gateway, *room_id, identity, CommandBody::LeaveRoom {}).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Join an open group.
#[utoipa::path(tag = "rooms", operation_id = "joinRoom", params(IdempotencyKey), security(("bearer" = [])), responses(
    (status = 200, description = "You were a member", body = Room),
    (status = 201, description = "You are a member", body = Room),
    (status = 403, description = "forbidden: a direct room, or the room is full", body = ProblemBody),
    (status = 404, description = "room_not_found: also when it is not open, or you were kicked", body = ProblemBody),
    (status = 409, description = "id_conflict: the id was used for something else", body = ProblemBody),
    (status = 503, description = "busy, unavailable: repeat with the same id", body = ProblemBody),
    (status = 504, description = "unknown: repeat with the same id", body = ProblemBody),
))]
#[put("/rooms/{room_id}/members/me")]
pub async fn join(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, Problem> {
    let body = CommandBody::JoinRoom {};
    let outcome = gateway.ingest.execute(*room_id, identity.user_id, key.id(), body).await?;
    let room = Room::from(rooms::room(&gateway, identity, *room_id).await?);
    let mut response = if outcome.duplicate { HttpResponse::Ok() } else { HttpResponse::Created() };
    Ok(response.json(room))
}

/// Remove somebody from a group.
///
/// Owners remove everybody else, admins members. What happens afterwards does not reach them.
#[utoipa::path(tag = "rooms", operation_id = "kickMember", params(IdempotencyKey), security(("bearer" = [])), responses(
    (status = 204, description = "They are no longer a member"),
    (status = 403, description = "forbidden: your role does not permit it, or a direct room", body = ProblemBody),
    (status = 404, description = "room_not_found; user_not_found: not a member", body = ProblemBody),
    (status = 409, description = "id_conflict: the id was used for something else", body = ProblemBody),
    (status = 503, description = "busy, unavailable: repeat with the same id", body = ProblemBody),
    (status = 504, description = "unknown: repeat with the same id", body = ProblemBody),
))]
#[delete("/rooms/{room_id}/members/{user_id}")]
pub async fn kick(
    gateway: web::Data<Gateway>,
    identity: Identity,
    path: web::Path<(RoomId, UserId)>,
    key: IdempotencyKey,
) -> Result<HttpResponse, Problem> {
    let (room_id, user_id) = path.into_inner();
    change(&gateway, identity, room_id, key.id(), CommandBody::KickMember { user_id }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Change what a member may do.
///
/// For the owner alone.
#[utoipa::path(tag = "rooms", operation_id = "changeRole", params(IdempotencyKey), security(("bearer" = [])), responses(
    (status = 204, description = "They have this role"),
    (status = 403, description = "forbidden: you are not the owner, or it is your own role, or a direct room", body = ProblemBody),
    (status = 404, description = "room_not_found; user_not_found: not a member", body = ProblemBody),
    (status = 409, description = "id_conflict: the id was used for something else", body = ProblemBody),
    (status = 503, description = "busy, unavailable: repeat with the same id", body = ProblemBody),
    (status = 504, description = "unknown: repeat with the same id", body = ProblemBody),
))]
#[patch("/rooms/{room_id}/members/{user_id}")]
pub async fn change_role(
    gateway: web::Data<Gateway>,
    identity: Identity,
    path: web::Path<(RoomId, UserId)>,
    key: IdempotencyKey,
    body: web::Json<ChangeRole>,
) -> Result<HttpResponse, Problem> {
    let (room_id, user_id) = path.into_inner();
    let ChangeRole { role, client_message_id } = body.into_inner();
    let body = CommandBody::ChangeRole { user_id, role };
    change(&gateway, identity, room_id, key.or(client_message_id)?, body).await?;
    Ok(HttpResponse::NoContent().finish())
}
