//! What a command is answered with.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    entry::Entry,
    error_code::ErrorCode,
    id::{ClientMessageId, RoomId, SessionId, UserId},
};

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
