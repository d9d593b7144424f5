//! What a client sends.

use serde::{Deserialize, Serialize};

use crate::{
    entry::EntryType,
    id::{ClientMessageId, MessageId, RoomId},
};

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
