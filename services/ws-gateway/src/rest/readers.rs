//! `/chat/rooms/{id}/messages/{messageId}/readers` and `/chat/rooms/{id}/read/summary`: who has read a message, and how many have not.

use actix_web::{HttpResponse, get, web};
use chat_protocol::{
    ErrorCode, MessageId, ReadSummary, Rejection, RoomId, UserId,
    limits::{PAGE_DEFAULT, PAGE_MAX},
};
use chat_store::MemberMark;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Problem, ProblemBody};
use crate::{app::Gateway, auth::Identity, marks::summary::summary};

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReadersQuery {
    /// `next` of the page before.
    after: Option<UserId>,
    /// How many: 50 unless told. More than 200 gives 200, none gives one.
    #[param(minimum = 0, maximum = 4_294_967_295_u64, example = 50)]
    limit: Option<u32>,
}

/// Somebody who has read the message.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reader {
    user_id: UserId,
    /// When their mark came to where it is now, at this message or a later one.
    #[schema(value_type = String, format = DateTime)]
    read_at: Timestamp,
}

/// Who has read a message.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "seq": 5, "readBy": 1, "unreadBy": 3,
    "readers": [{ "userId": "01a1fdc7-2d31-7f02-8d6b-6f1a0c9be7d2", "readAt": "2026-11-21T11:05:30.1Z" }], "more": false
}))]
#[serde(rename_all = "camelCase")]
pub struct MessageReaders {
    /// The message's place.
    seq: i64,
    /// How many have read it, without its sender and those who joined later.
    read_by: usize,
    /// How many have not.
    unread_by: usize,
    /// Those who have, in the order of their ids.
    readers: Vec<Reader>,
    /// Whether there are more.
    more: bool,
    /// Give it as `after` to get them; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<UserId>,
}

/// Who has read a message, and how many have not.
///
/// Without its sender, and without those who joined later.
#[utoipa::path(tag = "messages", operation_id = "listReaders", params(ReadersQuery), security(("bearer" = [])), responses(
    (status = 200, body = MessageReaders),
    (status = 404, description = "room_not_found; message_not_found: also when it is from before one's membership", body = ProblemBody),
))]
#[get("/rooms/{room_id}/messages/{message_id}/readers")]
pub async fn list(
    gateway: web::Data<Gateway>,
    identity: Identity,
    path: web::Path<(RoomId, MessageId)>,
    query: web::Query<ReadersQuery>,
) -> Result<HttpResponse, Problem> {
    let ((room_id, message_id), user_id) = (path.into_inner(), identity.user_id);
    let limit = query.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX) as usize;
    let membership = gateway.store.membership(room_id, user_id).await?.ok_or_else(Rejection::room_not_found)?;
    let sent = gateway.store.sent_message(room_id, message_id).await?;
    let sent = sent.filter(|sent| sent.seq >= membership.joined_seq).ok_or_else(|| {
        Rejection::new(ErrorCode::MessageNotFound, "there is no such message in this room: look at its messageId")
    })?;
    let marks = gateway.marks.of_room(room_id).await?;
    gateway.still_member(room_id, user_id, membership).await?;
    Ok(HttpResponse::Ok().json(readers(marks, sent.seq, sent.sender_id, query.after, limit)))
}

/// A page of those who have read the message at `seq`.
fn readers(marks: Vec<MemberMark>, seq: i64, sender: UserId, after: Option<UserId>, limit: usize) -> MessageReaders {
    let concerned = |mark: &MemberMark| mark.user_id != sender && mark.joined_seq <= seq;
    let (mut read, unread): (Vec<_>, Vec<_>) =
        marks.into_iter().filter(concerned).partition(|mark| mark.read_seq >= seq);
    let (read_by, unread_by) = (read.len(), unread.len());
    read.retain(|mark| after.is_none_or(|after| mark.user_id > after));
    read.sort_unstable_by_key(|mark| mark.user_id);
    let more = read.len() > limit;
    read.truncate(limit);
    let next = read.last().filter(|_| more).map(|last| last.user_id);
    let reader = |mark: MemberMark| Reader { user_id: mark.user_id, read_at: mark.read_at };
    MessageReaders { seq, read_by, unread_by, readers: read.into_iter().map(reader).collect(), more, next }
}

/// How many marks stand where.
///
/// The number beside a message (members who have not read it) is the sum of `members` over the positions before it.
#[utoipa::path(tag = "messages", operation_id = "readSummary", security(("bearer" = [])), responses(
    (status = 200, body = ReadSummary),
    (status = 404, description = "room_not_found", body = ProblemBody),
))]
#[get("/rooms/{room_id}/read/summary")]
pub async fn summarise(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
) -> Result<HttpResponse, Problem> {
    let (room_id, user_id) = (*room_id, identity.user_id);
    let membership = gateway.store.membership(room_id, user_id).await?.ok_or_else(Rejection::room_not_found)?;
    let marks = gateway.marks.of_room(room_id).await?;
    gateway.still_member(room_id, user_id, membership).await?;
    Ok(HttpResponse::Ok().json(summary(room_id, marks.iter().map(|mark| mark.read_seq))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_those_who_were_there_and_have_come_as_far_without_the_sender() {
        let mut users: Vec<UserId> = (0..6).map(|_| UserId::generate()).collect();
        users.sort_unstable();
        let mark = |user: usize, joined_seq, read_seq| {
            let read_at = Timestamp::from_second(read_seq).unwrap();
            MemberMark { user_id: users[user], joined_seq, read_seq, read_at }
        };
        // The sender; before, at and after the message; joined with and after it.
        let marks = vec![mark(4, 1, 9), mark(2, 1, 4), mark(3, 1, 5), mark(0, 1, 9), mark(1, 5, 5), mark(5, 6, 6)];
        let page = |after: Option<usize>, limit| {
            let page = readers(marks.clone(), 5, users[4], after.map(|after| users[after]), limit);
            assert_eq!((page.seq, page.read_by, page.unread_by), (5, 3, 1));
            assert_eq!(page.next, page.readers.last().filter(|_| page.more).map(|last| last.user_id));
            let place = |reader: &Reader| users.iter().position(|user| *user == reader.user_id).unwrap();
            (page.readers.iter().map(place).collect::<Vec<_>>(), page.more)
        };
        assert_eq!(page(None, 50), (vec![0, 1, 3], false));
        assert_eq!(page(None, 2), (vec![0, 1], true));
        assert_eq!(page(Some(1), 2), (vec![3], false));
        assert_eq!(page(Some(2), 2), (vec![3], false), "the cursor need not have read it");
        assert_eq!(page(Some(5), 2), (vec![], false));
    }
}
