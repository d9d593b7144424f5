//! A room's timeline as clients see it: one entry per sequence number.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{ClientMessageId, MessageId, RoomId, UserId};

/// What an entry is. `SYSTEM_*` entries are written by the server when the membership changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EntryType {
    /// A text message.
    Text,
    /// A message whose content is the address of an image.
    Image,
    /// The room was created; `members` are its first members.
    SystemCreate,
    /// `members` were invited.
    SystemInvite,
    /// `members` (the sender alone) left.
    SystemLeave,
    /// `members` (the sender alone) joined an open room.
    SystemJoin,
    /// The sender ended the membership of `members`.
    SystemKick,
    /// The sender changed the room's name, which is `content` now, or who may join.
    SystemRename,
    /// The sender gave `members` the role in `content`.
    SystemRole,
}

impl EntryType {
    /// Every type.
    pub const ALL: [Self; 9] = [
        Self::Text,
        Self::Image,
        Self::SystemCreate,
        Self::SystemInvite,
        Self::SystemLeave,
        Self::SystemJoin,
        Self::SystemKick,
        Self::SystemRename,
        Self::SystemRole,
    ];

    /// The name used on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Image => "IMAGE",
            Self::SystemCreate => "SYSTEM_CREATE",
            Self::SystemInvite => "SYSTEM_INVITE",
            Self::SystemLeave => "SYSTEM_LEAVE",
            Self::SystemJoin => "SYSTEM_JOIN",
            Self::SystemKick => "SYSTEM_KICK",
            Self::SystemRename => "SYSTEM_RENAME",
            Self::SystemRole => "SYSTEM_ROLE",
        }
    }

    /// The inverse of [`Self::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entry_type| entry_type.as_str() == name)
    }

    /// Whether people, not the server, write it.
    pub fn is_message(self) -> bool {
        matches!(self, Self::Text | Self::Image)
    }
}

/// A member as named in a system entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// The name shown.
    pub nickname: String,
}

/// One committed timeline entry. Its JSON form is what every client receives, live or from history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The entry, for its whole life.
    pub message_id: MessageId,
    /// The room.
    pub room_id: RoomId,
    /// Place in the room's order: 1, 2, 3 … without a gap.
    pub seq: i64,
    /// Ordinal of the last *message* up to here; system entries repeat it. Unread = the room's last number − the number at one's mark.
    pub number: i64,
    /// Who wrote it, decided by the server.
    pub sender_id: UserId,
    /// The sender's name.
    pub sender_nickname: String,
    /// The sender's own id of the send.
    pub client_message_id: ClientMessageId,
    /// What kind of entry.
    #[serde(rename = "type")]
    pub entry_type: EntryType,
    /// The text; for system entries the room's name (create, rename), the new role (role) or empty.
    pub content: String,
    /// Members concerned by a system entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// When it was committed (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    pub sent_at: Timestamp,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// When its text was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub edited_at: Option<Timestamp>,
    /// When it was deleted: `content` is empty then, for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deleted_at: Option<Timestamp>,
    /// Who reacted how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
}

/// One emoji under a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// How many members reacted with it.
    pub count: u32,
    /// The first of them, at most [`crate::limits::REACTION_USERS`].
    pub user_ids: Vec<UserId>,
}

/// What a place in a room's order holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TimelineKind {
    /// An [`Entry`] of its own: a message or a system entry.
    #[default]
    Message,
    /// A [`Change`]: the text of an earlier message.
    Edit,
    /// A [`Change`]: an earlier message is gone.
    Delete,
    /// A [`Change`]: a reaction to an earlier message came or went.
    React,
}

impl TimelineKind {
    /// The name on every wire: STOMP header `event`, `push` of `chat.v1`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::React => "react",
        }
    }

    /// Whether it is the kind of an entry of its own.
    pub fn is_message(&self) -> bool {
        *self == Self::Message
    }
}

/// One committed change of an earlier message. It has its own place in the room's order; `message` is what to show from now on, whatever was
/// shown before: whoever reads an old change later gets the message as it is then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The room.
    pub room_id: RoomId,
    /// Place of the change in the room's order.
    pub seq: i64,
    /// Who changed it, decided by the server.
    pub actor_id: UserId,
    /// The actor's name.
    pub actor_nickname: String,
    /// The actor's own id of the change.
    pub client_message_id: ClientMessageId,
    /// When it was committed.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// The emoji of a reaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
    /// The reaction was taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// The message after it.
    pub message: Entry,
}

impl Change {
    /// The change for somebody who became a member after the message was written: it keeps the order whole and says nothing of the message.
    #[must_use]
    pub fn withheld(mut self) -> Self {
        self.message.content.clear();
        self.message.reactions.clear();
        self.message.reply_to = None;
        self
    }
}

impl Entry {
    /// The sender and the users named, each once.
    pub fn concerned(&self) -> Vec<UserId> {
        let named = self.members.iter().map(|member| member.user_id);
        let mut concerned: Vec<UserId> = named.chain([self.sender_id]).collect();
        concerned.sort_unstable();
        concerned.dedup();
        concerned
    }

    /// Users whose membership ends with this entry: nothing after its seq may reach them.
    pub fn removed(&self) -> Vec<UserId> {
        match self.entry_type {
            EntryType::SystemLeave | EntryType::SystemKick => {
                self.members.iter().map(|member| member.user_id).collect()
            }
            _ => Vec::new(),
        }
    }
}
