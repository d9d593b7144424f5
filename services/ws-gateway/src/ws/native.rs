//! `chat.v1`: one text frame, one JSON object.

use bytestring::ByteString;
use chat_protocol::{
    ClientMessageId, CommandBody, ErrorCode, OutcomeStatus, Rejection, RoomId,
    frame::{
        ClientCommand, ClientFrame, FrameError, ReplyBody, ReplyResult, RoomCursor, RoomSubscription, ServerPush,
        ServerReply, read_command,
    },
};
use serde::Serialize;

use super::{
    in_flight::InFlight,
    outbox::Push,
    reply::Reply,
    request::{Request, RoomRequest, SendRequest, Tag},
    send_window::Action,
    session::SessionInfo,
};
use crate::hub::{Feed, Sink};

/// The `chat.v1` side of a session.
#[derive(Debug, Default)]
pub struct Native {
    in_flight: InFlight,
}

impl Native {
    /// Reads a frame.
    pub fn read(&mut self, text: &str) -> Request {
        let frame = match read_command(text) {
            Ok(frame) => frame,
            Err(error) => return Request::Unreadable { tag: Tag::NativeAside(error.id), rejection: error.into() },
        };
        match self.in_flight.begin(frame.id) {
            Ok(()) => request(frame),
            Err(rejection) => Request::Refused { tag: Tag::NativeAside(frame.id), rejection },
        }
    }

    /// The reply to a command is there: its id is free again.
    pub fn replied(&mut self, id: u64) {
        self.in_flight.end(id);
    }
}

fn request(frame: ClientFrame) -> Request {
    let tag = Tag::Native(frame.id);
    match frame.command {
        ClientCommand::Connect { token, rooms } => Request::Connect { tag: Tag::NativeConnect(frame.id), token, rooms },
        ClientCommand::Subscribe { rooms } => {
            Request::Subscribe { tag, rooms: rooms.into_iter().map(room_request).collect() }
        }
        ClientCommand::Unsubscribe { rooms } => {
            Request::Unsubscribe { tag, rooms: rooms.into_iter().map(|room_id| (room_id, 0)).collect() }
        }
        ClientCommand::Refresh { token } => Request::Refresh { tag, token },
        ClientCommand::Send { room_id, client_message_id, content, message_type, reply_to, traceparent } => {
            let body = CommandBody::SendMessage { content, message_type, reply_to };
            Request::Send { tag, send: SendRequest { room_id, client_message_id, body, traceparent } }
        }
        ClientCommand::Edit { room_id, message_id, client_message_id, content } => {
            change(tag, room_id, client_message_id, CommandBody::EditMessage { message_id, content })
        }
        ClientCommand::Delete { room_id, message_id, client_message_id } => {
            change(tag, room_id, client_message_id, CommandBody::DeleteMessage { message_id })
        }
        ClientCommand::React { room_id, message_id, client_message_id, emoji, remove } => {
            change(tag, room_id, client_message_id, CommandBody::ReactToMessage { message_id, emoji, remove })
        }
        ClientCommand::History { room_id, before, after, limit } => {
            Request::History { tag, room_id, before, after, limit }
        }
        ClientCommand::Read { room_id, seq } => Request::Read { tag, room_id, seq },
        ClientCommand::Typing { room_id, typing } => Request::Typing { tag, room_id, typing },
        ClientCommand::Ping => Request::Answer { tag },
    }
}

fn change(tag: Tag, room_id: RoomId, client_message_id: ClientMessageId, body: CommandBody) -> Request {
    Request::Send { tag, send: SendRequest { room_id, client_message_id, body, traceparent: None } }
}

/// A room as `chat.v1` subscribes to it: everything under one key, presence if it is asked for.
pub fn room_request(cursor: RoomCursor) -> RoomRequest {
    let feed = Feed::TIMELINE.and(Feed::READ).and(Feed::TYPING);
    let feed = if cursor.presence { feed.and(Feed::PRESENCE) } else { feed };
    RoomRequest { room_id: cursor.room_id, after: cursor.after, key: 0, sink: Sink::Native, feed }
}

/// Puts a reply into words.
pub fn reply(id: u64, reply: Reply) -> Option<ByteString> {
    let body = match reply {
        Reply::Refused(rejection) => return text(&ServerReply { id, result: ReplyResult::Error(rejection.into()) }),
        Reply::Accepted { action, room_id, client_message_id, accepted_at } => match action {
            Action::Send => ReplyBody::Send { client_message_id, room_id, accepted_at },
            Action::Edit => ReplyBody::Edit { client_message_id, room_id, accepted_at },
            Action::Delete => ReplyBody::Delete { client_message_id, room_id, accepted_at },
            Action::React => ReplyBody::React { client_message_id, room_id, accepted_at },
        },
        // What was told as unknown before has had its reply; this is news.
        Reply::AcceptedLate { room_id, client_message_id, accepted_at } => {
            return text(&ServerPush::Accepted { room_id, client_message_id, accepted_at });
        }
        Reply::SendRefused { rejection, .. } => {
            return text(&ServerReply { id, result: ReplyResult::Error(rejection.into()) });
        }
        Reply::History { room_id, messages, more, head } => ReplyBody::History { room_id, messages, more, head },
        Reply::Unsubscribed => ReplyBody::Unsubscribe {},
        Reply::Read => ReplyBody::Read {},
        Reply::Typing => ReplyBody::Typing {},
        Reply::Refreshed { expires_at } => ReplyBody::Refresh { expires_at },
        Reply::Done => ReplyBody::Ping {},
    };
    text(&ServerReply { id, result: ReplyResult::Ok(body) })
}

/// The reply to a subscribe.
pub fn subscribed(id: u64, rooms: Vec<RoomSubscription>) -> Option<ByteString> {
    text(&ServerReply { id, result: ReplyResult::Ok(ReplyBody::Subscribe { rooms }) })
}

/// The reply to a connect.
pub fn connected(id: u64, session: &SessionInfo, rooms: Vec<RoomSubscription>) -> Option<ByteString> {
    let body = ReplyBody::Connect {
        session_id: session.id,
        user_id: session.identity.user_id,
        expires_at: session.identity.expires_at,
        ping_interval_ms: session.ping_interval_ms,
        rooms,
    };
    text(&ServerReply { id, result: ReplyResult::Ok(body) })
}

/// Puts a push into words.
pub fn push(push: Push) -> Option<ByteString> {
    let push = match push {
        Push::Outcome(outcome) => match (outcome.status, outcome.message_id, outcome.seq) {
            (OutcomeStatus::Persisted, Some(message_id), Some(seq)) => ServerPush::Persisted {
                room_id: outcome.room_id,
                client_message_id: outcome.client_message_id,
                message_id,
                seq,
                duplicate: outcome.duplicate,
            },
            (OutcomeStatus::Persisted, ..) => return None,
            (OutcomeStatus::Rejected, ..) => {
                let code = outcome.code.unwrap_or(ErrorCode::Internal);
                let reason = outcome.reason.unwrap_or_else(|| code.client_action().to_owned());
                let error = FrameError::from(Rejection::new(code, reason));
                ServerPush::Rejected { room_id: outcome.room_id, client_message_id: outcome.client_message_id, error }
            }
        },
        Push::Notification(notification) => ServerPush::Notification(notification),
        Push::Read(receipt) => ServerPush::Read(receipt),
        Push::Lagging { room_id, seq, head } => ServerPush::Lagging { room_id, seq, head },
        Push::Unsubscribed { room_id, code } => ServerPush::Unsubscribed { room_id, code },
        Push::Ping(heads) => ServerPush::Ping { heads: heads.into_iter().collect() },
    };
    text(&push)
}

/// The last push before a close.
pub fn closing(code: u16, reason: &str, retry_after_ms: Option<u64>) -> Option<ByteString> {
    text(&ServerPush::Closing { code, reason: reason.to_owned(), retry_after_ms })
}

fn text(frame: &impl Serialize) -> Option<ByteString> {
    match serde_json::to_string(frame) {
        Ok(json) => Some(json.into()),
        Err(error) => {
            tracing::error!(%error, "frame not serialised");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_command_is_refused_with_a_reason_and_its_id() {
        let refusal = |text: &str| match Native::default().read(text) {
            Request::Unreadable { tag, rejection } => (tag, rejection.message),
            other => panic!("not refused: {other:?}"),
        };
        assert_eq!(refusal("{").0, Tag::NativeAside(0));
        let (tag, message) = refusal(r#"{"id":5,"cmd":"send","roomId":"nope","clientMessageId":"x","content":"a"}"#);
        assert_eq!((tag, &*message), (Tag::NativeAside(5), "roomId must be a UUID"));
    }

    #[test]
    fn a_second_command_under_the_id_of_one_without_reply_is_refused_and_leaves_the_first_alone() {
        let mut native = Native::default();
        let ping = r#"{"id":5,"cmd":"ping"}"#;
        assert!(matches!(native.read(ping), Request::Answer { tag: Tag::Native(5) }));
        for _ in 0..2 {
            assert!(matches!(native.read(ping), Request::Refused { tag: Tag::NativeAside(5), .. }));
        }
        native.replied(5);
        assert!(matches!(native.read(ping), Request::Answer { tag: Tag::Native(5) }));
    }
}
