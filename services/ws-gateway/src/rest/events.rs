//! `/chat/rooms/{id}/events`: catching up.

use actix_web::{HttpResponse, get, web};
use chat_protocol::{
    Change, Entry, ErrorCode, Rejection, RoomId, TimelineKind,
    limits::{PAGE_DEFAULT, PAGE_MAX},
};
use chat_store::TimelineItem;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Problem, ProblemBody, samples};
use crate::{app::Gateway, auth::Identity};

/// From where.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// The last seq one has; 0 for everything that one may see.
    #[param(minimum = 0, maximum = 9_223_372_036_854_775_807_u64, example = 3)]
    after: i64,
    /// How many: 50 unless told. More than 200 gives 200, none gives one.
    #[param(minimum = 0, maximum = 4_294_967_295_u64)]
    limit: Option<u32>,
}

/// What has a place in the room's order, as it is pushed.
#[derive(Serialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "lowercase")]
pub enum RoomEvent {
    /// A message or a system entry.
    Message(Entry),
    /// The text of an earlier message changed.
    Edit(Change),
    /// An earlier message is gone.
    Delete(Change),
    /// A reaction to an earlier message came or went.
    React(Change),
}

/// A part of what happened in a room.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "events": [{ "event": "message", "data": samples::message() }], "seq": 5, "head": 5, "more": false }))]
pub struct EventPage {
    /// Oldest first. Messages are as they are now, also in earlier changes.
    events: Vec<RoomEvent>,
    /// Complete up to here: `after` of the next call.
    #[schema(example = 5)]
    seq: i64,
    /// The room's last seq.
    #[schema(example = 5)]
    head: i64,
    /// Whether there is more after `seq`.
    more: bool,
}

/// Everything that happened in a room after a seq.
///
/// Messages, membership, edits, deletions, reactions. A page ends early rather than leave anything out; begin anew when `after` is beyond the room's head.
#[utoipa::path(tag = "messages", operation_id = "listEvents", params(EventsQuery), security(("bearer" = [])), responses(
    (status = 200, body = EventPage),
    (status = 400, description = "bad_request; invalid_seq: after is beyond the room's head", body = ProblemBody),
    (status = 404, description = "room_not_found", body = ProblemBody),
))]
#[get("/rooms/{room_id}/events")]
pub async fn list(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
    query: web::Query<EventsQuery>,
) -> Result<HttpResponse, Problem> {
    let EventsQuery { after, limit } = query.into_inner();
    if after < 0 {
        return Err(Rejection::new(ErrorCode::BadRequest, "after must be at least 0").into());
    }
    let limit = limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let membership =
        gateway.store.membership(*room_id, identity.user_id).await?.ok_or_else(Rejection::room_not_found)?;
    if after > membership.head {
        let message = format!("after is beyond the room's last seq, {}: load the room anew", membership.head);
        return Err(Rejection::new(ErrorCode::InvalidSeq, message).into());
    }
    let first = after.max(membership.joined_seq - 1);
    let mut items = gateway.store.items_after(*room_id, first, limit + 1).await?;
    gateway.still_member(*room_id, identity.user_id, membership).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let seq = items.last().map_or(first, TimelineItem::seq);
    let events = items.into_iter().map(|item| event(item, membership.joined_seq)).collect();
    Ok(HttpResponse::Ok().json(EventPage { events, seq, head: membership.head.max(seq), more }))
}

fn event(item: TimelineItem, joined_seq: i64) -> RoomEvent {
    let (kind, change) = match item {
        TimelineItem::Entry(entry) => return RoomEvent::Message(entry),
        TimelineItem::Change(kind, change) if change.message.seq < joined_seq => (kind, change.withheld()),
        TimelineItem::Change(kind, change) => (kind, change),
    };
    match kind {
        TimelineKind::Edit => RoomEvent::Edit(change),
        TimelineKind::Delete => RoomEvent::Delete(change),
        TimelineKind::React => RoomEvent::React(change),
        // A change is never one.
        TimelineKind::Message => RoomEvent::Message(change.message),
    }
}
