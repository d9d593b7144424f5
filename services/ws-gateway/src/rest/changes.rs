//! `/chat/rooms/{id}/messages/{id}`: what is done to a message afterwards.

use actix_web::{HttpResponse, delete, patch, put, web};
use chat_protocol::{ClientMessageId, CommandBody, ErrorCode, MessageId, Rejection, RoomId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{IdempotencyKey, Problem, ProblemBody, change};
use crate::{app::Gateway, auth::Identity};

/// The new text.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"content": "hello!"}))]
pub struct EditMessage {
    /// At most 5,000 characters and 20,000 bytes, at least one of them visible.
    #[schema(min_length = 1, max_length = 5000)]
    content: String,
    /// Your id of this change, instead of the header `Idempotency-Key`.
    client_message_id: Option<ClientMessageId>,
}

/// A change that is stored.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "roomId": "2501ce54-9bbf-52d2-9009-46db5de7d7bc", "messageId": "01a1fdc8-5f77-7202-8ceb-6df5c04d4265", "clientMessageId": "e-1", "seq": 6, "duplicate": false }))]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    room_id: RoomId,
    message_id: MessageId,
    client_message_id: ClientMessageId,
    /// Place of the change in the room's order; when there was nothing to do, the room's last.
    #[schema(example = 6)]
    seq: i64,
    /// It had been done before, or there was nothing to do.
    duplicate: bool,
}

/// The address of a reaction.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct Reaction {
    /// Id of the room.
    room_id: RoomId,
    /// Id of the message.
    message_id: MessageId,
    /// The emoji, percent-encoded.
    #[param(min_length = 1, max_length = 64, pattern = r"^[^\s\x00-\x1f\x7f-\x9f]+$", example = "👍")]
    emoji: String,
}

/// Replace the text of a message of one's own.
#[utoipa::path(tag = "messages", operation_id = "editMessage", params(IdempotencyKey), security(("bearer" = [])), responses(
    (status = 200, description = "Stored", body = Changed),
    (status = 400, description = "bad_request, content_empty, content_too_long, invalid_character", body = ProblemBody),
    (status = 403, description = "forbidden: somebody else's message, an image, or an entry of the server", body = ProblemBody),
    (status = 404, description = "room_not_found, message_not_found", body = ProblemBody),
    (status = 409, description = "id_conflict: the id was used for something else", body = ProblemBody),
    (status = 503, description = "busy, unavailable: repeat with the same id", body = ProblemBody),
    (status = 504, description = "unknown: repeat with the same id", body = ProblemBody),
))]
#[patch("/rooms/{room_id}/messages/{message_id}")]
pub async fn edit(
    gateway: web::Data<Gateway>,
    identity: Identity,
    path: web::Path<(RoomId, MessageId)>,
    key: IdempotencyKey,
    body: web::Json<EditMessage>,
) -> Result<HttpResponse, Problem> {
    let (room_id, message_id) = path.into_inner();
    let EditMessage { content, client_message_id } = body.into_inner();
    let body = CommandBody::EditMessage { message_id, content };
    changed(&gateway, identity, room_id, key.or(client_message_id)?, body).await
}

/// Delete a message: one's own, or as owner or admin of a group any.
///
/// Its text is gone for good, its place stays.
#[utoipa::path(tag = "messages", operation_id = "deleteMessage", params(IdempotencyKey), security(("bearer" = [])), responses(
    (status = 200, description = "Stored", body = Changed),
    (status = 403, description = "forbidden: somebody else's message, or an entry of the server", body = ProblemBody),
    (status = 404, description = "room_not_found, message_not_found", body = ProblemBody),
    (status = 409, description = "id_conflict: the id was used for something else", body = ProblemBody),
    (status = 503, description = "busy, unavailable: repeat with the same id", body = ProblemBody),
    (status = 504, description = "unknown: repeat with the same id", body = ProblemBody),
))]
#[delete("/rooms/{room_id}/messages/{message_id}")]
pub async fn delete(
    gateway: web::Data<Gateway>,
    identity: Identity,
    path: web::Path<(RoomId, MessageId)>,
    key: IdempotencyKey,
) -> Result<HttpResponse, Problem> {
    let (room_id, message_id) = path.into_inner();
    changed(&gateway, identity, room_id, key.id(), CommandBody::DeleteMessage { message_id }).await
}

/// React to a message.
///
/// The emoji is a short text without white space (at most 64 bytes), percent-encoded.
#[utoipa::path(tag = "messages", operation_id = "addReaction", params(IdempotencyKey, Reaction), security(("bearer" = [])), responses(
    (status = 200, description = "Stored", body = Changed),
    (status = 400, description = "bad_request, also when the message has 50 other emojis; invalid_character", body = ProblemBody),
    (status = 403, description = "forbidden: an entry of the server", body = ProblemBody),
    (status = 404, description = "room_not_found, message_not_found", body = ProblemBody),
    (status = 409, description = "id_conflict: the id was used for something else", body = ProblemBody),
    (status = 503, description = "busy, unavailable: repeat with the same id", body = ProblemBody),
    (status = 504, description = "unknown: repeat with the same id", body = ProblemBody),
))]
#[put("/rooms/{room_id}/messages/{message_id}/reactions/{emoji}")]
pub async fn react(
    gateway: web::Data<Gateway>,
    identity: Identity,
    path: web::Path<Reaction>,
    key: IdempotencyKey,
) -> Result<HttpResponse, Problem> {
    let Reaction { room_id, message_id, emoji } = path.into_inner();
    let body = CommandBody::ReactToMessage { message_id, emoji, remove: false };
    changed(&gateway, identity, room_id, key.id(), body).await
}

/// Take a reaction back.
#[utoipa::path(tag = "messages", operation_id = "removeReaction", params(IdempotencyKey, Reaction), security(("bearer" = [])), responses(
    (status = 200, description = "Stored", body = Changed),
    (status = 400, description = "bad_request, invalid_character", body = ProblemBody),
    (status = 403, description = "forbidden: an entry of the server", body = ProblemBody),
    (status = 404, description = "room_not_found, message_not_found", body = ProblemBody),
    (status = 409, description = "id_conflict: the id was used for something else", body = ProblemBody),
    (status = 503, description = "busy, unavailable: repeat with the same id", body = ProblemBody),
    (status = 504, description = "unknown: repeat with the same id", body = ProblemBody),
))]
#[delete("/rooms/{room_id}/messages/{message_id}/reactions/{emoji}")]
pub async fn take_back(
    gateway: web::Data<Gateway>,
    identity: Identity,
    path: web::Path<Reaction>,
    key: IdempotencyKey,
) -> Result<HttpResponse, Problem> {
    let Reaction { room_id, message_id, emoji } = path.into_inner();
    let body = CommandBody::ReactToMessage { message_id, emoji, remove: true };
    changed(&gateway, identity, room_id, key.id(), body).await
}

async fn changed(
    gateway: &Gateway,
    identity: Identity,
    room_id: RoomId,
    id: ClientMessageId,
    body: CommandBody,
) -> Result<HttpResponse, Problem> {
    let outcome = change(gateway, identity, room_id, id, body).await?;
    let (Some(message_id), Some(seq)) = (outcome.message_id, outcome.seq) else {
        return Err(Rejection::new(ErrorCode::Internal, "the outcome is incomplete").into());
    };
    let (client_message_id, duplicate) = (outcome.client_message_id, outcome.duplicate);
    Ok(HttpResponse::Ok().json(Changed { room_id, message_id, client_message_id, seq, duplicate }))
}
