//! What the server sends by itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::FrameError;
use crate::{
    entry::{Change, Entry},
    error_code::ErrorCode,
    id::{ClientMessageId, MessageId, RoomId},
    push::{Notification, Presence, Typing},
    read::ReadReceipt,
    read_summary::ReadSummary,
};

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
    /// A member's mark moved. One's own is told of every room, subscribed or not.
    Read(ReadReceipt),
    /// Many marks of a subscribed room moved: where all of them stand.
    ReadSummary(ReadSummary),
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
