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
    /// What is at `seq`, where the gateway knew it and has clamped `seq` to the room's head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<MarkPlace>,
}

/// The place of a mark in its room, so that nobody who is told of the mark has to look it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkPlace {
    /// The number there: how many messages the room had by then.
    pub number: i64,
    /// The last entry up to the mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
}

/// The one type on `chat-read-events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MarkReadType {
    /// See [`MarkRead`].
    MarkRead,
}

impl MarkRead {
    /// Builds a mark of the current schema version, whose place is not known.
    pub fn new(room_id: RoomId, user_id: UserId, seq: i64, at: Timestamp) -> Self {
        Self { v: SCHEMA_VERSION, command_type: MarkReadType::MarkRead, room_id, user_id, seq, at, place: None }
    }

    /// The same at a known place.
    #[must_use]
    pub fn at_place(self, place: MarkPlace) -> Self {
        Self { place: Some(place), ..self }
    }

    /// The mark with its place, where that is known.
    pub fn placed(&self) -> Option<PlacedMark> {
        let Self { room_id, user_id, seq, at, place, .. } = *self;
        place.map(|place| PlacedMark { room_id, user_id, seq, number: place.number, at, message_id: place.message_id })
    }
}

/// How far a member has read, and what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacedMark {
    /// Where.
    pub room_id: RoomId,
    /// Who.
    pub user_id: UserId,
    /// Up to and including this entry.
    pub seq: i64,
    /// The number there.
    pub number: i64,
    /// When; in whole milliseconds where it comes from Redis.
    pub at: Timestamp,
    /// The last entry up to it.
    pub message_id: Option<MessageId>,
}

/// A mark that moved, as shown to the room.
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
    /// The number there: what is unread of the room is its last number minus this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_read_number: Option<i64>,
    /// When the mark reached it.
    #[schema(value_type = String, format = DateTime)]
    pub read_at: Timestamp,
}

impl From<PlacedMark> for ReadReceipt {
    fn from(mark: PlacedMark) -> Self {
        Self {
            room_id: mark.room_id,
            user_id: mark.user_id,
            last_read_seq: mark.seq,
            last_read_message_id: mark.message_id,
            last_read_number: Some(mark.number),
            read_at: mark.at,
        }
    }
}
