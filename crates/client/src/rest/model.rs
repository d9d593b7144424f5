//! Bodies of the REST interface.

use chat_protocol::{Change, ClientMessageId, Entry, EntryType, MessageId, RoomId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What signup, login and refresh answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Who.
    pub user_id: UserId,
    /// For every other call.
    pub access_token: String,
    /// For one refresh.
    pub refresh_token: String,
    /// Seconds until the access token ends.
    pub expires_in: u64,
}

/// The caller's own profile.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Who.
    pub user_id: UserId,
    /// Login name; an account of an identity provider has none.
    pub email: Option<String>,
    /// The name others see.
    pub nickname: String,
}

/// Another user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Who.
    pub user_id: UserId,
    /// The name others see.
    pub nickname: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Users {
    pub users: Vec<User>,
}

/// Kinds of rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RoomType {
    /// Two users.
    Direct,
    /// A named room with any number of members.
    Group,
}

/// A room as its members see it. Fields that an answer leaves out have their default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// The room.
    pub room_id: RoomId,
    /// Its kind.
    #[serde(rename = "type")]
    pub room_type: RoomType,
    /// A group's name, or the other member's nickname.
    #[serde(default)]
    pub name: String,
    /// Whether everybody who knows its id may join.
    #[serde(default)]
    pub open: bool,
    /// How many members.
    #[serde(default)]
    pub member_count: i64,
    /// The last seq.
    #[serde(default)]
    pub head_seq: i64,
    /// The newest entry.
    #[serde(default)]
    pub last_message: Option<Entry>,
    /// Messages after the caller's read mark.
    #[serde(default)]
    pub unread_count: i64,
    /// The caller's read mark.
    #[serde(default)]
    pub read_seq: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Rooms {
    pub rooms: Vec<Room>,
}

/// A member of a room.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomMember {
    /// Who.
    pub user_id: UserId,
    /// The name others see.
    pub nickname: String,
    /// OWNER, ADMIN or MEMBER.
    #[serde(default)]
    pub role: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Members {
    pub members: Vec<RoomMember>,
}

/// A page of a room's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Page {
    /// Newest first, or oldest first when `after` was given.
    pub messages: Vec<Entry>,
    /// Whether there is more in that direction.
    pub more: bool,
    /// The room's last seq when the page was read.
    pub head: i64,
}

/// Which page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// Entries with a lower seq, newest first.
    pub before: Option<i64>,
    /// Entries with a higher seq, oldest first.
    pub after: Option<i64>,
    /// How many.
    pub limit: Option<u32>,
}

/// A message sent by REST, stored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// The entry.
    pub message_id: MessageId,
    /// Its place.
    pub seq: i64,
    /// It had been sent before; id and seq are the original's.
    #[serde(default)]
    pub duplicate: bool,
}

/// A change of a message, stored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// The message.
    pub message_id: MessageId,
    /// Place of the change; when there was nothing to do, the room's last.
    pub seq: i64,
    /// It had been done before, or there was nothing to do.
    #[serde(default)]
    pub duplicate: bool,
}

/// What has a place in a room's order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "lowercase")]
pub enum RoomEvent {
    /// A message or a system entry.
    Message(Entry),
    /// The text of an earlier message changed.
    Edit(Change),
    /// An earlier message is gone.
    Delete(Change),
    /// A reaction to an earlier message came or went.
    React(Change),
}

impl RoomEvent {
    /// Its place.
    pub fn seq(&self) -> i64 {
        match self {
            Self::Message(entry) => entry.seq,
            Self::Edit(change) | Self::Delete(change) | Self::React(change) => change.seq,
        }
    }
}

/// A part of what happened in a room.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Events {
    /// Oldest first.
    pub events: Vec<RoomEvent>,
    /// Complete up to here: `after` of the next call.
    pub seq: i64,
    /// The room's last seq.
    pub head: i64,
    /// Whether there is more after `seq`.
    pub more: bool,
}

/// A member's read mark.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberMark {
    /// Who.
    pub user_id: UserId,
    /// Read up to and including this entry.
    pub last_read_seq: i64,
    /// When.
    pub read_at: Timestamp,
}

/// Who has read a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageReaders {
    /// Its place.
    pub seq: i64,
    /// How many have read it.
    pub read_by: u32,
    /// How many have not.
    pub unread_by: u32,
    /// A page of those who have.
    pub readers: Vec<Reader>,
    /// Whether there are more.
    pub more: bool,
    /// Where they begin.
    pub next: Option<UserId>,
}

/// Somebody who has read a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reader {
    /// Who.
    pub user_id: UserId,
    /// When their mark came to where it is now.
    pub read_at: Timestamp,
}

/// Whether a member is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MemberStatus {
    /// At least one session.
    Online,
    /// None.
    Offline,
    /// It cannot be found out just now.
    Unknown,
}

/// A member's presence.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberPresence {
    /// Who.
    pub user_id: UserId,
    /// Now.
    pub status: MemberStatus,
    /// Of who is not online, if there ever was a session: when the last one ended.
    pub last_seen: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Presences {
    pub members: Vec<MemberPresence>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Marks {
    pub marks: Vec<MemberMark>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SendBody<'a> {
    pub client_message_id: &'a ClientMessageId,
    pub content: &'a str,
    #[serde(rename = "type")]
    pub message_type: EntryType,
}
