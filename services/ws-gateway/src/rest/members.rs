//! `/chat/rooms/{id}/members`: who is in a room.

use actix_web::{HttpResponse, delete, get, post, web};
use chat_protocol::{CommandBody, ErrorCode, Rejection, RoomId, UserId};
use chat_store::{MemberRow, Role};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{IdempotencyKey, IdempotencyKeyHeader, Problem, ProblemBody, execute, rooms::check_users};
use crate::{app::Gateway, auth::Identity};

/// A member.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomMember {
    user_id: UserId,
    nickname: String,
    /// `OWNER`, `ADMIN` or `MEMBER`.
    #[schema(value_type = String, example = "MEMBER")]
    role: Role,
    #[schema(value_type = String, format = DateTime)]
    joined_at: Timestamp,
    /// How far they have read.
    last_read_seq: i64,
}

impl From<MemberRow> for RoomMember {
    fn from(row: MemberRow) -> Self {
        let MemberRow { user_id, nickname, role, joined_at, read_seq } = row;
        Self { user_id, nickname, role, joined_at, last_read_seq: read_seq }
    }
}

/// The members.
#[derive(Serialize, ToSchema)]
pub struct Members {
    /// Longest standing first.
    members: Vec<RoomMember>,
}

/// Whom to invite.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Invite {
    /// At most 2,000; members already are passed over.
    #[schema(min_items = 1)]
    user_ids: Vec<UserId>,
}

/// Who is in a room, and how far each has read.
#[utoipa::path(tag = "rooms", security(("bearer" = [])), responses(
    (status = 200, body = Members),
    (status = 401, description = "unauthorized, token_expired", body = ProblemBody),
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
    gateway.store.membership(room_id, identity.user_id).await?.ok_or_else(Rejection::room_not_found)?;
    Ok(gateway.store.list_members(room_id).await?)
}

/// Invite people into a group.
#[utoipa::path(tag = "rooms", params(IdempotencyKeyHeader), security(("bearer" = [])), responses(
    (status = 204, description = "They are members"),
    (status = 400, description = "bad_request", body = ProblemBody),
    (status = 401, description = "unauthorized, token_expired", body = ProblemBody),
    (status = 403, description = "forbidden: a direct room, or the room is full", body = ProblemBody),
    (status = 404, description = "room_not_found, user_not_found", body = ProblemBody),
    (status = 409, description = "id_conflict: the Idempotency-Key was used for something else in this room", body = ProblemBody),
    (status = 504, description = "unknown: repeat", body = ProblemBody),
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
    key.execute(gateway, room_id, identity, CommandBody::InviteMembers { user_ids }).await?;
    Ok(())
}

/// Leave a group.
#[utoipa::path(tag = "rooms", security(("bearer" = [])), responses(
    (status = 204, description = "You are no longer a member"),
    (status = 401, description = "unauthorized, token_expired", body = ProblemBody),
    (status = 403, description = "forbidden: a direct room", body = ProblemBody),
    (status = 404, description = "room_not_found", body = ProblemBody),
    (status = 504, description = "unknown: repeat", body = ProblemBody),
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
