//! What the stores hold when the run is over.

use chat_protocol::{ClientMessageId, RoomId, UserId};
use serde::{Deserialize, Serialize};

use super::{BodyHash, Key, Kind};

/// A stored timeline entry or change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    /// The room.
    pub room: RoomId,
    /// Its place.
    pub seq: i64,
    /// Ordinal of the last message up to here.
    pub number: i64,
    /// Who wrote it.
    pub sender: UserId,
    /// The sender's id of it.
    pub client_message_id: ClientMessageId,
    /// What it is.
    pub kind: Kind,
    /// Of a message: hash of its content as stored now, after its changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<BodyHash>,
    /// Of a change: the place of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<i64>,
    /// Of a system entry: whom it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<UserId>,
}

/// A stored membership: the latest of this user in this room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Membership {
    /// The room.
    pub room: RoomId,
    /// Who.
    pub user: UserId,
    /// The entry by which it began.
    pub joined_seq: i64,
    /// The entry by which it ended.
    #[serde(default)]
    pub left_seq: Option<i64>,
    /// Whether the user wants no notifications of the room.
    #[serde(default)]
    pub muted: bool,
}

/// A stored read mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mark {
    /// The room.
    pub room: RoomId,
    /// Whose.
    pub user: UserId,
    /// Read up to and including this place.
    pub seq: i64,
    /// What the room list tells the user, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<i64>,
}

/// A read mark in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedisMark {
    /// The room.
    pub room: RoomId,
    /// Whose.
    pub user: UserId,
    /// Read up to and including this place.
    pub seq: i64,
}

/// A record of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TopicRecord {
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Hash of the payload.
    pub hash: BodyHash,
    /// Of a command or an outcome: its key. Nothing when the record cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// The room of an event or a mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// Whose mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The place of an event or a mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// Whether it says that the command with this key was refused.
    #[serde(default)]
    pub refused: bool,
    /// Whether it says that the command with this key was executed and changed nothing, so that there is no row of it.
    #[serde(default)]
    pub unchanged: bool,
}

/// A record of a dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeadLetter {
    /// The dead-letter topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// From its headers: the topic it failed on.
    pub original_topic: String,
    /// From its headers: the partition.
    pub original_partition: i32,
    /// From its headers: the offset.
    pub original_offset: i64,
    /// Names of its headers.
    pub headers: Vec<String>,
    /// Hash of the payload.
    pub hash: BodyHash,
    /// The command's key, when it can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
}

/// The headers that every dead letter has.
pub const REQUIRED_HEADERS: [&str; 8] = [
    "kafka_dlt-original-topic",
    "kafka_dlt-original-partition",
    "kafka_dlt-original-offset",
    "kafka_dlt-original-timestamp",
    "kafka_dlt-original-timestamp-type",
    "kafka_dlt-original-consumer-group",
    "kafka_dlt-exception-fqcn",
    "kafka_dlt-exception-message",
];

/// A record that was put on a topic to fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Poison {
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Hash of the payload.
    pub hash: BodyHash,
}

/// A committed offset: everything below it is said to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offset {
    /// The kill at which it was read.
    pub fault: String,
    /// The consumer group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// How far the database was while a killed consumer was away: nothing it had not stored by then may lie below its committed offsets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stored {
    /// The kill.
    pub fault: String,
    /// The room.
    pub room: RoomId,
    /// Whose read mark it is; none: it is the room's head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The last place.
    pub seq: i64,
}

/// A reading of a memory or queue gauge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gauge {
    /// When.
    pub mono_ns: u64,
    /// Of which component.
    pub target: String,
    /// Its name.
    pub name: String,
    /// What it showed.
    pub value: f64,
    /// What it must not pass.
    pub limit: f64,
}

/// The end of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dump {
    /// Of what.
    pub section: Section,
    /// How many records it has: a dump that was cut short is noticed.
    pub count: u64,
}

/// What is dumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names of the records")]
pub enum Section {
    Rows,
    Memberships,
    Marks,
    RedisMarks,
    Topics,
    DeadLetters,
    Offsets,
    Stored,
    Gauges,
}

impl Section {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Rows,
        Self::Memberships,
        Self::Marks,
        Self::RedisMarks,
        Self::Topics,
        Self::DeadLetters,
        Self::Offsets,
        Self::Stored,
        Self::Gauges,
    ];

    /// Its name in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Memberships => "memberships",
            Self::Marks => "marks",
            Self::RedisMarks => "Redis marks",
            Self::Topics => "topics",
            Self::DeadLetters => "dead letters",
            Self::Offsets => "offsets",
            Self::Stored => "places stored at kills",
            Self::Gauges => "gauges",
        }
    }
}
