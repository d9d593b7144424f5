//! What a client did or saw.

use std::fmt;

use chat_protocol::{ClientMessageId, RoomId, UserId};
use serde::{Deserialize, Serialize};

use super::BodyHash;

/// One event of one client. Which of the optional fields an operation needs is said at [`Op`].
///
/// Events of one process stand in one file, in the order in which they happened. Times of all processes come from one monotonic clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Event {
    /// The client: one device of one user.
    pub process: String,
    /// Its connection, a name that no other connection of the run has; empty for REST calls.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub connection: String,
    /// Nanoseconds since 1970 by the clock of the machine: to find the event in logs.
    pub wall_ns: i64,
    /// Nanoseconds of the run's monotonic clock: what is compared.
    pub mono_ns: u64,
    /// Whether something is asked for, or what came of it.
    #[serde(rename = "type")]
    pub outcome: Outcome,
    /// The operation.
    pub op: Op,
    /// The room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// Who wrote what is sent or received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<UserId>,
    /// The sender's id of it; with room and sender it is the [`Key`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
    /// Hash of the content: of what is sent, or of the message as shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<BodyHash>,
    /// A place in the room: of what is received or persisted, of a mark; of a subscription, the last place that is *not* wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// What is sent or received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Of an edit, a deletion or a reaction: the place of the message it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<i64>,
    /// Whose mark or notification it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// How it was received; live unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// Of an answered send: how far it got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SendState>,
    /// The error code of a refusal, or `busy`, `unknown`; the close code of a close.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The id of a notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// How many messages a notification stands for: the newest of others up to its `seq`; one unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

impl Event {
    /// The key, when the event has one.
    pub fn key(&self) -> Option<Key> {
        let client_message_id = self.client_message_id.clone()?;
        Some(Key { room: self.room?, sender: self.sender?, client_message_id })
    }
}

/// Whether something is asked for, or what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Asked for.
    Invoke,
    /// It happened; of a send: accepted or persisted.
    Ok,
    /// It did not and will not happen; of a send: rejected.
    Fail,
    /// Anything else: busy, unknown, a connection that was lost.
    Info,
}

/// An operation, and the fields it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Op {
    /// A connection: ok when the session stands.
    Connect,
    /// A subscription with which a connection begins. As [`Op::Sub`].
    Resume,
    /// A subscription: room; `seq` = `after`, in the invoke when the client asked for it, in the ok when the server told it.
    Sub,
    /// A send, an edit, a deletion, a reaction: key, kind; hash in the invoke. Completions: state, code, `seq` when persisted.
    Send,
    /// A late word on a send: as its completions.
    Status,
    /// Something received: key, kind, hash (system entries need none), `seq`.
    Recv,
    /// A read mark: room, `seq`; ok when it was answered.
    Mark,
    /// A read mark seen: room, user, `seq`.
    Receipt,
    /// A kick of `user`: room, sender; the key if the client knows it.
    Kick,
    /// The creation of a room, an invitation, or coming back: as a kick.
    Join,
    /// Leaving: as a kick.
    Leave,
    /// A notification that reached its endpoint: user, room, `seq`, id.
    Notify,
    /// The end of a connection, or with a room, of its subscription. Ok when the client asked for it, else info.
    Close,
}

/// What a place in the room's order holds: the `type` of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names of the wire")]
pub enum Kind {
    Text,
    Image,
    Edit,
    Delete,
    React,
    SystemCreate,
    SystemInvite,
    SystemJoin,
    SystemLeave,
    SystemKick,
    SystemRename,
    SystemRole,
}

impl Kind {
    /// A message of a person.
    pub fn is_message(self) -> bool {
        matches!(self, Self::Text | Self::Image)
    }

    /// A change of an earlier message.
    pub fn is_change(self) -> bool {
        matches!(self, Self::Edit | Self::Delete | Self::React)
    }

    /// The operation that leads to a change of the membership.
    pub fn membership_op(self) -> Option<Op> {
        match self {
            Self::SystemCreate | Self::SystemInvite | Self::SystemJoin => Some(Op::Join),
            Self::SystemLeave => Some(Op::Leave),
            Self::SystemKick => Some(Op::Kick),
            _ => None,
        }
    }
}

/// How something was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Via {
    /// On a subscription, live or catching up.
    #[default]
    Live,
    /// From the history, in passing.
    History,
    /// From the history, in the last phase of the run: all of the room that the user may see.
    Final,
}

/// How far an answered send got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SendState {
    /// Durable in Kafka.
    Accepted,
    /// In the timeline.
    Persisted,
}

/// What names a send, however often it is repeated.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// The room.
    pub room: RoomId,
    /// Who sent it.
    pub sender: UserId,
    /// The sender's own id of it.
    pub client_message_id: ClientMessageId,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.client_message_id, self.sender)
    }
}
