//! `/chat/rooms/{id}/messages`: the timeline.

use actix_web::{HttpResponse, get, post, web};
use chat_protocol::{ClientMessageId, CommandBody, EntryType, ErrorCode, MessageId, Rejection, RoomId, validate};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{HistoryPage, IdempotencyKey, Problem, ProblemBody};
use crate::{app::Gateway, auth::Identity};

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Entries with a lower seq, newest first.
    #[param(minimum = 1)]
    before: Option<i64>,
    /// Entries with a higher seq, oldest first.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// How many: 50 unless told, at most 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// A message to send.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendMessage {
    /// Your id of this send: repeat with the same one when you do not know whether it arrived. The header Idempotency-Key may name it instead.
    client_message_id: Option<ClientMessageId>,
    /// At most 5,000 characters.
    #[schema(example = "hello", max_length = 5000)]
    content: String,
    /// `TEXT` (default) or `IMAGE`.
    #[serde(default = "text", rename = "type")]
    message_type: EntryType,
    /// The message it answers.
    reply_to: Option<MessageId>,
}

fn text() -> EntryType {
    EntryType::Text
}

/// A message that is stored.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SentMessage {
    room_id: RoomId,
    message_id: MessageId,
    client_message_id: ClientMessageId,
    /// Its place in the room.
    seq: i64,
    /// It had been sent before; id and seq are the original's.
    duplicate: bool,
    #[schema(value_type = String, format = DateTime)]
    sent_at: Timestamp,
}

/// A page of a room's timeline, newest first unless `after` is given.
#[utoipa::path(tag = "messages", params(PageQuery), security(("bearer" = [])), responses(
    (status = 200, body = HistoryPage),
    (status = 400, description = "bad_request", body = ProblemBody),
    (status = 401, description = "unauthorized, token_expired", body = ProblemBody),
    (status = 404, description = "room_not_found", body = ProblemBody),
))]
#[get("/rooms/{room_id}/messages")]
pub async fn history(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let PageQuery { before, after, limit } = query.into_inner();
    Ok(HttpResponse::Ok().json(gateway.history(identity.user_id, *room_id, before, after, limit).await?))
}

/// Send a message; the answer comes when it is stored.
#[utoipa::path(tag = "messages", params(IdempotencyKey), security(("bearer" = [])), responses(
    (status = 201, body = SentMessage),
    (status = 400, description = "bad_request, content_empty, content_too_long, invalid_character", body = ProblemBody),
    (status = 401, description = "unauthorized, token_expired", body = ProblemBody),
    (status = 404, description = "room_not_found", body = ProblemBody),
    (status = 409, description = "id_conflict: clientMessageId was used for another message", body = ProblemBody),
    (status = 503, description = "busy, unavailable: repeat with the same clientMessageId", body = ProblemBody),
    (status = 504, description = "unknown: repeat with the same clientMessageId", body = ProblemBody),
))]
#[post("/rooms/{room_id}/messages")]
pub async fn send(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
    key: IdempotencyKey,
    body: web::Json<SendMessage>,
) -> Result<HttpResponse, Problem> {
    let SendMessage { client_message_id, content, message_type, reply_to } = body.into_inner();
    let client_message_id = key.of_message(client_message_id)?;
    if !message_type.is_message() {
        return Err(Rejection::new(ErrorCode::BadRequest, "type must be TEXT or IMAGE").into());
    }
    validate::content(&content)?;
    gateway.ingest.memberships.check(*room_id, identity.user_id).await?;
    let body = CommandBody::SendMessage { content, message_type, reply_to };
    let outcome = gateway.ingest.execute(*room_id, identity.user_id, client_message_id, body).await?;
    match (outcome.message_id, outcome.seq, outcome.persisted_at) {
        (Some(message_id), Some(seq), Some(sent_at)) => Ok(HttpResponse::Created().json(SentMessage {
            room_id: *room_id,
            message_id,
            client_message_id: outcome.client_message_id,
            seq,
            duplicate: outcome.duplicate,
            sent_at,
        })),
        _ => Err(Rejection::new(ErrorCode::Internal, "the outcome is incomplete").into()),
    }
}
