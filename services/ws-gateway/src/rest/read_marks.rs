//! `/chat/rooms/{id}/read`: how far the members have read.

use actix_web::{HttpResponse, get, put, web};
use chat_protocol::{ErrorCode, Rejection, RoomId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Problem, ProblemBody};
use crate::{app::Gateway, auth::Identity, ingest::ANSWER_WITHIN};

/// How far.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "seq": 5 }))]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Read up to and including this entry; beyond the room's head it is clamped, behind one's mark it changes nothing.
    #[schema(minimum = 0, maximum = 9_223_372_036_854_775_807_u64)]
    seq: i64,
}

/// A member's mark.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberMark {
    user_id: UserId,
    /// Read up to and including this entry.
    #[schema(example = 5)]
    last_read_seq: i64,
    #[schema(value_type = String, format = DateTime)]
    read_at: Timestamp,
}

impl From<chat_store::MemberMark> for MemberMark {
    fn from(row: chat_store::MemberMark) -> Self {
        Self { user_id: row.user_id, last_read_seq: row.read_seq, read_at: row.read_at }
    }
}

/// Every member's.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "marks": [{ "userId": "01a1fdc7-2d30-7763-9e90-2a12c2c04065", "lastReadSeq": 5, "readAt": "2026-11-21T11:05:30.1Z" }] }))]
pub struct Marks {
    marks: Vec<MemberMark>,
}

/// How far each member has read.
#[utoipa::path(tag = "messages", operation_id = "listReadMarks", security(("bearer" = [])), responses(
    (status = 200, body = Marks),
    (status = 404, description = "room_not_found", body = ProblemBody),
))]
#[get("/rooms/{room_id}/read")]
pub async fn list(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
) -> Result<HttpResponse, Problem> {
    let (room_id, user_id) = (*room_id, identity.user_id);
    let membership = gateway.store.membership(room_id, user_id).await?.ok_or_else(Rejection::room_not_found)?;
    let marks = gateway.marks.of_room(room_id).await?;
    gateway.still_member(room_id, user_id, membership).await?;
    Ok(HttpResponse::Ok().json(Marks { marks: marks.into_iter().map(MemberMark::from).collect() }))
}

/// Move my read mark forward.
#[utoipa::path(tag = "messages", operation_id = "markRead", security(("bearer" = [])), responses(
    (status = 202, description = "Taken; the room is told at once if it moves"),
    (status = 400, description = "bad_request: seq is negative, or no number", body = ProblemBody),
    (status = 404, description = "room_not_found", body = ProblemBody),
    (status = 503, description = "busy, unavailable: not taken", body = ProblemBody),
    (status = 504, description = "unknown: repeating it is safe", body = ProblemBody),
))]
#[put("/rooms/{room_id}/read")]
pub async fn mark(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
    body: web::Json<Mark>,
) -> Result<HttpResponse, Problem> {
    take_mark(&gateway, identity, *room_id, body.seq).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Hands a mark to Kafka and waits until it has it.
pub async fn take_mark(gateway: &Gateway, identity: Identity, room_id: RoomId, seq: i64) -> Result<(), Problem> {
    let delivery = gateway.ingest.mark_read(room_id, identity.user_id, seq).await?;
    match tokio::time::timeout(ANSWER_WITHIN, delivery).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(Rejection::new(ErrorCode::Unknown, "no answer in time: repeat").into()),
    }
}
