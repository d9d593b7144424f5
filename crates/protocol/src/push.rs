//! What travels on Redis Pub/Sub. A payload is one or more JSON documents separated by newlines, so that a batch is one publish.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    entry::TimelineKind,
    event::Outcome,
    id::{RoomId, SessionId, UserId},
    read::ReadReceipt,
};

/// On a room's channel. A flat object, because the data inside is handed on as bytes, not parsed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomPush {
    /// What `data` is.
    pub event: RoomPushKind,
    /// A sequenced event's place; the gateway orders by it. 0 for the others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seq: i64,
    /// Users whose membership ends with this event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<UserId>,
    /// W3C trace context of the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The JSON that clients get.
    pub data: Box<RawValue>,
}

/// What a [`RoomPush`] carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RoomPushKind {
    /// A committed timeline entry ([`crate::Entry`]), sequenced.
    Message,
    /// A committed change ([`crate::Change`]) of an earlier message's text, sequenced.
    Edit,
    /// A committed change: an earlier message is gone; sequenced.
    Delete,
    /// A committed change: a reaction; sequenced.
    React,
    /// A member's mark moved ([`crate::ReadReceipt`]). Not sequenced: the newest wins.
    Read,
    /// A member is typing ([`Typing`]). Not sequenced, never stored.
    Typing,
}

impl RoomPushKind {
    /// The timeline kind of a sequenced push.
    pub fn timeline(self) -> Option<TimelineKind> {
        match self {
            Self::Message => Some(TimelineKind::Message),
            Self::Edit => Some(TimelineKind::Edit),
            Self::Delete => Some(TimelineKind::Delete),
            Self::React => Some(TimelineKind::React),
            Self::Read | Self::Typing => None,
        }
    }
}

impl From<TimelineKind> for RoomPushKind {
    fn from(kind: TimelineKind) -> Self {
        match kind {
            TimelineKind::Message => Self::Message,
            TimelineKind::Edit => Self::Edit,
            TimelineKind::Delete => Self::Delete,
            TimelineKind::React => Self::React,
        }
    }
}

/// A member types, or has stopped. Ephemeral: whoever hears nothing more for [`crate::limits::TYPING_ENDS_SECS`] seconds assumes it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    /// The room.
    pub room_id: RoomId,
    /// Who.
    pub user_id: UserId,
    /// Whether.
    pub typing: bool,
}

/// Whether a member has an open session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum PresenceStatus {
    /// At least one, on any gateway.
    Online,
    /// None.
    Offline,
}

/// A member of a room came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    /// The room.
    pub room_id: RoomId,
    /// Who.
    pub user_id: UserId,
    /// Now.
    pub status: PresenceStatus,
    /// With [`PresenceStatus::Offline`], if it is known: when the last session ended. Of a gateway that was killed: up to a minute earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Timestamp>,
}

/// On the presence channel: a hint that these users came or went on some gateway. Whether they are online now is read from the sets of all
/// gateways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PresenceHint {
    /// Who.
    pub user_ids: Vec<UserId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(seq: &i64) -> bool {
    *seq == 0
}

/// On a gateway's channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "push", rename_all = "camelCase")]
pub enum GatewayPush {
    /// A command ended.
    Outcome(Outcome),
    /// A session makes room for a newer one of its user.
    CloseSession(CloseSession),
}

/// Which session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloseSession {
    /// A session of the gateway.
    pub session_id: SessionId,
}

/// On a user's channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "push", rename_all = "camelCase")]
pub enum UserPush {
    /// Something happened in a room that the user is a member of and may not be looking at.
    Notification(Notification),
    /// Some of the user's log-ins have ended, perhaps all. Which ones is read from the database.
    LoginsEnded,
    /// The user's own mark moved, on this device or another.
    Read(ReadReceipt),
}

/// News of one room, collapsed: the newest message and how many there were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Stable: the same news repeated has the same id (`roomId:seq`).
    pub id: String,
    /// The room.
    pub room_id: RoomId,
    /// Its newest entry.
    pub seq: i64,
    /// Who wrote it.
    pub sender_id: UserId,
    /// The name shown.
    pub sender_nickname: String,
    /// The beginning of it, at most [`crate::limits::PREVIEW_CHARS`] characters.
    pub preview: String,
    /// How many messages this stands for.
    pub count: u32,
    /// Whether one of them mentions the user.
    #[serde(default)]
    pub mention: bool,
    /// Whether the room is a direct one.
    #[serde(default)]
    pub direct: bool,
    /// When the newest was committed.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// Parses a newline-separated payload; a document that is not understood is an error item, the others still count.
pub fn documents<'a, T: Deserialize<'a> + 'a>(
    payload: &'a [u8],
) -> impl Iterator<Item = Result<T, serde_json::Error>> + 'a {
    payload.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(serde_json::from_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_holds_several_documents_and_a_broken_one_spoils_no_other() {
        let payload =
            b"{\"event\":\"message\",\"seq\":5,\"data\":{\"a\": 1}}\n{broken\n{\"event\":\"read\",\"data\":{}}\n";
        let parsed: Vec<Result<RoomPush, _>> = documents(payload).collect();
        assert_eq!(parsed.len(), 3);
        let first = parsed[0].as_ref().unwrap();
        assert_eq!((first.event, first.seq, first.data.get()), (RoomPushKind::Message, 5, "{\"a\": 1}"));
        assert!(parsed[1].is_err());
        assert_eq!(parsed[2].as_ref().unwrap().event, RoomPushKind::Read);
    }
}
