//! Read marks: how far a member has read, as one number per member and room.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    SCHEMA_VERSION,
    id::{MessageId, RoomId, UserId},
};

/// A record of topic `chat-read-events`: move a member's mark forward to `seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkRead {
    /// Schema version.
    pub v: u16,
    /// Always `MarkRead`.
    #[serde(rename = "type")]
    pub command_type: MarkReadType,
    /// The room; equals the record's key.
    pub room_id: RoomId,
    /// Whose mark.
    pub user_id: UserId,
    /// Read up to and including this entry.
    pub seq: i64,
    /// When the gateway took it.
    pub at: Timestamp,
}

/// The one type on `chat-read-events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MarkReadType {
    /// See [`MarkRead`].
    MarkRead,
}

impl MarkRead {
    /// Builds a mark of the current schema version.
    pub fn new(room_id: RoomId, user_id: UserId, seq: i64, at: Timestamp) -> Self {
        Self { v: SCHEMA_VERSION, command_type: MarkReadType::MarkRead, room_id, user_id, seq, at }
    }
}

/// A stored mark, as shown to the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadReceipt {
    /// The room.
    pub room_id: RoomId,
    /// Whose mark.
    pub user_id: UserId,
    /// Read up to and including this entry.
    pub last_read_seq: i64,
    /// That entry, for clients that know entries by their id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_read_message_id: Option<MessageId>,
    /// When the mark reached it.
    #[schema(value_type = String, format = DateTime)]
    pub read_at: Timestamp,
}
