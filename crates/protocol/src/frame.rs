//! The native protocol `chat.v1`: one WebSocket text frame is one JSON object.
//!
//! A command has `id` and `cmd` and gets exactly one reply with that `id`; a push has `push` and no `id`.

mod read_command;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    entry::{Change, Entry, EntryType},
    error_code::ErrorCode,
    id::{ClientMessageId, MessageId, RoomId, SessionId, UserId},
    push::{Notification, Presence, Typing},
    read::ReadReceipt,
};

pub use read_command::{CommandError, read_command};

/// The WebSocket sub-protocol's name.
pub const SUBPROTOCOL: &str = "chat.v1";

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientFrame {
    /// The client's number of the command; its reply carries it.
    pub id: u64,
    /// The command.
    #[serde(flatten)]
    pub command: ClientCommand,
}

/// The commands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ClientCommand {
    /// First frame, unless the upgrade carried a token: who I am. `rooms` resumes subscriptions in the same step.
    Connect {
        /// Access token.
        #[serde(default)]
        token: Option<String>,
        /// Rooms to subscribe at once.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rooms: Vec<RoomCursor>,
    },
    /// A new access token for this connection, before the old one ends. It must be the same user's.
    Refresh {
        /// Access token.
        token: String,
    },
    /// Receive rooms' events.
    Subscribe {
        /// Which, and from where.
        rooms: Vec<RoomCursor>,
    },
    /// Stop receiving.
    Unsubscribe {
        /// Which.
        rooms: Vec<RoomId>,
    },
    /// Send a message.
    Send {
        /// Where.
        room_id: RoomId,
        /// Idempotency key: repeat a send with the same one.
        client_message_id: ClientMessageId,
        /// The text.
        content: String,
        /// `TEXT` (default) or `IMAGE`.
        #[serde(default = "text", rename = "type")]
        message_type: EntryType,
        /// The message it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<MessageId>,
        /// W3C trace context of the client, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        traceparent: Option<String>,
    },
    /// Replace the text of one's own message.
    Edit {
        /// Where.
        room_id: RoomId,
        /// Which.
        message_id: MessageId,
        /// Idempotency key of the change.
        client_message_id: ClientMessageId,
        /// The new text.
        content: String,
    },
    /// Delete a message.
    Delete {
        /// Where.
        room_id: RoomId,
        /// Which.
        message_id: MessageId,
        /// Idempotency key of the change.
        client_message_id: ClientMessageId,
    },
    /// React to a message, or take a reaction back.
    React {
        /// Where.
        room_id: RoomId,
        /// Which.
        message_id: MessageId,
        /// Idempotency key of the change.
        client_message_id: ClientMessageId,
        /// With what.
        emoji: String,
        /// Take it back.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        remove: bool,
    },
    /// A page of a room's timeline: the newest, those before a seq, or those after one.
    History {
        /// Where.
        room_id: RoomId,
        /// Entries with a lower seq, newest first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<i64>,
        /// Entries with a higher seq, oldest first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<i64>,
        /// How many (default 50, at most 200).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
    },
    /// I have read up to and including `seq`.
    Read {
        /// Where.
        room_id: RoomId,
        /// How far.
        seq: i64,
    },
    /// I am typing, or have stopped.
    Typing {
        /// Where.
        room_id: RoomId,
        /// Whether.
        typing: bool,
    },
    /// Are you there?
    Ping,
}

fn text() -> EntryType {
    EntryType::Text
}

impl ClientCommand {
    /// The name of every command.
    pub const NAMES: &'static [&'static str] = &[
        "connect",
        "refresh",
        "subscribe",
        "unsubscribe",
        "send",
        "edit",
        "delete",
        "react",
        "history",
        "read",
        "typing",
        "ping",
    ];

    /// The name in `cmd` and in the reply.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "connect",
            Self::Refresh { .. } => "refresh",
            Self::Subscribe { .. } => "subscribe",
            Self::Unsubscribe { .. } => "unsubscribe",
            Self::Send { .. } => "send",
            Self::Edit { .. } => "edit",
            Self::Delete { .. } => "delete",
            Self::React { .. } => "react",
            Self::History { .. } => "history",
            Self::Typing { .. } => "typing",
            Self::Read { .. } => "read",
            Self::Ping => "ping",
        }
    }
}

/// A room, and the last seq that the client has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomCursor {
    /// The room.
    pub room_id: RoomId,
    /// Push everything after this; without it, everything from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
    /// Whether to push members' presence too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub presence: bool,
}

/// The reply to a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerReply {
    /// The command's id.
    pub id: u64,
    /// The result.
    #[serde(flatten)]
    pub result: ReplyResult,
}

/// The result of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReplyResult {
    /// It went wrong.
    Error(FrameError),
    /// It went well.
    #[serde(untagged)]
    Ok(ReplyBody),
}

/// Successful results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ReplyBody {
    /// Connected.
    Connect {
        /// This connection.
        session_id: SessionId,
        /// Who the token says you are.
        user_id: UserId,
        /// When the token ends, and the connection with it.
        expires_at: Timestamp,
        /// The server pings this often; silence for twice as long means the connection is dead.
        ping_interval_ms: u64,
        /// Rooms subscribed in the same step.
        rooms: Vec<RoomSubscription>,
    },
    /// The new token counts.
    Refresh {
        /// When it ends, and the connection with it.
        expires_at: Timestamp,
    },
    /// Subscribed, room by room. Pushes of a room start with `seq` + 1.
    Subscribe {
        /// In the order asked.
        rooms: Vec<RoomSubscription>,
    },
    /// Unsubscribed.
    Unsubscribe {},
    /// Durable: Kafka has it on all replicas. `persisted` or `rejected` follows as a push.
    Send {
        /// The sender's id of the send.
        client_message_id: ClientMessageId,
        /// The room.
        room_id: RoomId,
        /// When it was accepted.
        accepted_at: Timestamp,
    },
    /// Durable; `persisted` or `rejected` follows.
    Edit {
        /// The sender's id of the change.
        client_message_id: ClientMessageId,
        /// The room.
        room_id: RoomId,
        /// When it was accepted.
        accepted_at: Timestamp,
    },
    /// Durable; `persisted` or `rejected` follows.
    Delete {
        /// The sender's id of the change.
        client_message_id: ClientMessageId,
        /// The room.
        room_id: RoomId,
        /// When it was accepted.
        accepted_at: Timestamp,
    },
    /// Durable; `persisted` or `rejected` follows.
    React {
        /// The sender's id of the change.
        client_message_id: ClientMessageId,
        /// The room.
        room_id: RoomId,
        /// When it was accepted.
        accepted_at: Timestamp,
    },
    /// A page.
    History {
        /// The room.
        room_id: RoomId,
        /// Newest first, or oldest first when `after` was given.
        messages: Vec<Entry>,
        /// Whether there is more in that direction.
        more: bool,
        /// The room's last seq when the page was read.
        head: i64,
    },
    /// The mark was taken (Kafka has it).
    Read {},
    /// Told to the room, or left out because it was told a moment ago.
    Typing {},
    /// Here.
    Ping {},
}

/// What became of one room of a subscribe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomSubscription {
    /// The room.
    pub room_id: RoomId,
    /// Pushes start after this seq: `after` as asked (or where the membership began), else the head.
    #[serde(default)]
    pub seq: i64,
    /// The room's last seq at that moment: pushes up to it are catch-up.
    #[serde(default)]
    pub head: i64,
    /// Why it was not subscribed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<FrameError>,
}

/// An error in a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FrameError {
    /// From the table in [`crate::error_code`].
    pub code: ErrorCode,
    /// What is wrong and what to do.
    pub message: String,
    /// Whether the same command may succeed later.
    pub retry: bool,
    /// Not before this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl From<crate::Rejection> for FrameError {
    fn from(rejection: crate::Rejection) -> Self {
        Self {
            code: rejection.code,
            message: rejection.message,
            retry: rejection.code.retry(),
            retry_after_ms: rejection.retry_after_ms,
        }
    }
}

/// What the server sends by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "push", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerPush {
    /// The next entry of a subscribed room.
    Message {
        /// The entry.
        message: Entry,
    },
    /// The text of an earlier message changed.
    Edit(Change),
    /// An earlier message is gone.
    Delete(Change),
    /// A reaction to an earlier message came or went.
    React(Change),
    /// A send was accepted after its reply had said `unknown`.
    Accepted {
        /// The room.
        room_id: RoomId,
        /// The send.
        client_message_id: ClientMessageId,
        /// When.
        accepted_at: Timestamp,
    },
    /// A send is committed and has its place.
    Persisted {
        /// The room.
        room_id: RoomId,
        /// The send.
        client_message_id: ClientMessageId,
        /// The entry.
        message_id: MessageId,
        /// Its place.
        seq: i64,
        /// The send had been made before; id and seq are the original's.
        duplicate: bool,
    },
    /// A send was accepted but refused by the room's writer.
    Rejected {
        /// The room.
        room_id: RoomId,
        /// The send.
        client_message_id: ClientMessageId,
        /// Why.
        #[serde(flatten)]
        error: FrameError,
    },
    /// A member's mark moved.
    Read(ReadReceipt),
    /// A member types, or has stopped.
    Typing(Typing),
    /// A member came or went.
    Presence(Presence),
    /// News of a room that is not subscribed.
    Notification(Notification),
    /// You read too slowly: pushes of this room pause after `seq` and go on by themselves, none is lost.
    Lagging {
        /// The room.
        room_id: RoomId,
        /// The last seq sent.
        seq: i64,
        /// The room's head.
        head: i64,
    },
    /// The subscription ended: you are no longer a member.
    Unsubscribed {
        /// The room.
        room_id: RoomId,
        /// Why.
        code: ErrorCode,
    },
    /// The server is alive. Rooms that moved since the last ping, with their head.
    Ping {
        /// Room → last seq.
        #[serde(default)]
        heads: BTreeMap<RoomId, i64>,
    },
    /// The connection ends now.
    Closing {
        /// The WebSocket close code that follows.
        code: u16,
        /// Why.
        reason: String,
        /// Reconnect not before this long.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_read_as_documented() {
        let room = RoomId::generate();
        let json = format!(r#"{{"id":7,"cmd":"send","roomId":"{room}","clientMessageId":42,"content":"hi"}}"#);
        let frame: ClientFrame = serde_json::from_str(&json).unwrap();
        assert_eq!(frame.id, 7);
        let ClientCommand::Send { message_type, client_message_id, .. } = frame.command else { panic!("not a send") };
        assert_eq!(message_type, EntryType::Text);
        assert_eq!(client_message_id.to_string(), "42");
        let ping: ClientFrame = serde_json::from_str(r#"{"id":1,"cmd":"ping"}"#).unwrap();
        assert_eq!(ping.command, ClientCommand::Ping);
    }

    #[test]
    fn replies_and_pushes_survive_their_json() {
        let error = FrameError { code: ErrorCode::Busy, message: "m".into(), retry: true, retry_after_ms: Some(5) };
        for result in
            [ReplyResult::Error(error), ReplyResult::Ok(ReplyBody::Ping {}), ReplyResult::Ok(ReplyBody::Read {})]
        {
            let reply = ServerReply { id: 3, result };
            let json = serde_json::to_string(&reply).unwrap();
            assert_eq!(serde_json::from_str::<ServerReply>(&json).unwrap(), reply, "{json}");
        }
        let push = ServerPush::Ping { heads: BTreeMap::from([(RoomId::generate(), 4)]) };
        let json = serde_json::to_string(&push).unwrap();
        assert_eq!(serde_json::from_str::<ServerPush>(&json).unwrap(), push, "{json}");
    }
}
