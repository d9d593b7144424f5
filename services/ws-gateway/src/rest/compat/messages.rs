//! The timeline by offset, and read marks by message.

use actix_web::{HttpResponse, http::StatusCode, web};
use chat_protocol::{
    ClientMessageId, Entry, EntryType, ErrorCode, MessageId, Rejection, RoomId, UserId,
    limits::{PAGE_DEFAULT, PAGE_MAX},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::envelope;
use crate::{
    app::Gateway,
    auth::Identity,
    rest::{Problem, read_marks},
};

/// Largest offset: what is passed over is read from the index, every time.
const OFFSET_MAX: u32 = 10_000;

#[derive(Deserialize)]
pub struct PageQuery {
    limit: Option<u32>,
    #[serde(default)]
    offset: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkQuery {
    message_id: MessageId,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "named as on the wire")]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: MessageId,
    client_message_id: ClientMessageId,
    sender_id: UserId,
    sender_nickname: String,
    /// Always null: there are no pictures here.
    sender_profile_image_url: (),
    content: String,
    #[serde(rename = "type")]
    message_type: EntryType,
    sent_at: Timestamp,
}

impl From<Entry> for Message {
    fn from(entry: Entry) -> Self {
        Self {
            message_id: entry.message_id,
            client_message_id: entry.client_message_id,
            sender_id: entry.sender_id,
            sender_nickname: entry.sender_nickname,
            sender_profile_image_url: (),
            content: entry.content,
            message_type: entry.entry_type,
            sent_at: entry.sent_at,
        }
    }
}

/// Newest first.
pub async fn history(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let PageQuery { limit, offset } = query.into_inner();
    if offset > OFFSET_MAX {
        let message = format!(
            "offset must be at most {OFFSET_MAX}: further back page with /api/v1/chat/rooms/…/messages?before="
        );
        return Err(Rejection::new(ErrorCode::BadRequest, message).into());
    }
    let limit = limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let membership = gateway.store.membership(*room_id, identity.user_id).await?;
    let membership = membership.ok_or_else(Rejection::room_not_found)?;
    let page = gateway.store.page_at_offset(*room_id, membership.joined_seq, offset, limit).await?;
    gateway.still_member(*room_id, identity.user_id, membership).await?;
    Ok(envelope::with(StatusCode::OK, page.entries.into_iter().map(Message::from).collect::<Vec<_>>()))
}

/// Answered when the mark cannot be lost any more; the room is told at once if it moves.
pub async fn mark_read(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
    query: web::Query<MarkQuery>,
) -> Result<HttpResponse, Problem> {
    // Before the message is looked for: strangers do not learn which ones there are.
    gateway.ingest.memberships.check(*room_id, identity.user_id).await?;
    let seq = gateway.store.seq_of_message(*room_id, query.message_id).await?;
    let unknown = || Rejection::new(ErrorCode::NotFound, "messageId names no message of this room");
    read_marks::take_mark(&gateway, identity, *room_id, seq.ok_or_else(unknown)?).await?;
    Ok(envelope::done())
}
