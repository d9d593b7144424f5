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
    /// Entries with a lower seq, newest first. Not together with `after`.
    #[param(minimum = 1, maximum = 9_223_372_036_854_775_807_u64)]
    before: Option<i64>,
    /// Entries with a higher seq, oldest first.
    #[param(minimum = 0, maximum = 9_223_372_036_854_775_807_u64)]
    after: Option<i64>,
    /// How many: 50 unless told. More than 200 gives 200, none gives one.
    #[param(minimum = 0, maximum = 4_294_967_295_u64, example = 50)]
    limit: Option<u32>,
}

/// A message to send.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "clientMessageId": "cbf14627-c8a3-4eb3-a701-a4afcab583d6", "content": "hello" }))]
#[serde(rename_all = "camelCase")]
pub struct SendMessage {
    /// Your id of this send: repeat with the same one when you do not know whether it arrived. The header Idempotency-Key may name it instead.
    client_message_id: Option<ClientMessageId>,
    /// At most 5,000 characters and 20,000 bytes, at least one of them visible; of an image, its address.
    #[schema(min_length = 1, max_length = 5000)]
    content: String,
    /// `TEXT` unless told.
    #[serde(default, rename = "type")]
    message_type: MessageType,
    /// The message it answers.
    reply_to: Option<MessageId>,
}

/// What people send. Other entries are the server's.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum MessageType {
    #[default]
    Text,
    Image,
}

impl From<MessageType> for EntryType {
    fn from(message_type: MessageType) -> Self {
        match message_type {
            MessageType::Text => Self::Text,
            MessageType::Image => Self::Image,
        }
    }
}

/// A message that is stored.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "roomId": "2501ce54-9bbf-52d2-9009-46db5de7d7bc", "messageId": "01a1fdc8-5f77-7202-8ceb-6df5c04d4265",
    "clientMessageId": "cbf14627-c8a3-4eb3-a701-a4afcab583d6", "seq": 5, "duplicate": false,
    "sentAt": "2026-11-21T11:05:29.720097Z"
}))]
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
#[utoipa::path(tag = "messages", operation_id = "listMessages", params(PageQuery), security(("bearer" = [])), responses(
    (status = 200, description = "A page", body = HistoryPage),
    (status = 400, description = "bad_request: both before and after, or a number out of range", body = ProblemBody),
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
///
/// Repeat it with the same `clientMessageId` when you do not know whether it arrived: it is stored once, and the answer is that of the original.
#[utoipa::path(tag = "messages", operation_id = "sendMessage", params(IdempotencyKey), security(("bearer" = [])), responses(
    (status = 201, description = "It is stored", body = SentMessage),
    (status = 400, description = "bad_request, content_empty, content_too_long, invalid_character: a field is not as it must be", body = ProblemBody),
    (status = 404, description = "room_not_found, message_not_found: no such room, or no such message to answer", body = ProblemBody),
    (status = 409, description = "id_conflict: clientMessageId was used for another message", body = ProblemBody),
    (status = 503, description = "busy, unavailable: not taken", body = ProblemBody),
    (status = 504, description = "unknown: it may still happen", body = ProblemBody),
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
    validate::content(&content)?;
    gateway.ingest.memberships.check(*room_id, identity.user_id).await?;
    let body = CommandBody::SendMessage { content, message_type: message_type.into(), reply_to };
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
