//! Events: what was committed, and what became of a command. Produced to `chat-events` after the database commit.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    SCHEMA_VERSION,
    command::Origin,
    entry::{Change, Entry, EntryType, TimelineKind},
    error_code::ErrorCode,
    id::{ClientMessageId, GatewayId, MessageId, RoomId, UserId},
};

/// A record of topic `chat-events`. `entry` is present for everything that is in the timeline, `outcome` for whoever waits.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Schema version.
    pub v: u16,
    /// Past tense, for people reading the topic: `MessageSent`, `MessageEdited`, `MessageDeleted`, `MessageReacted`, `RoomCreated`, `MembersInvited`, `MemberLeft`, `MemberJoined`, `MemberKicked`, `RoomUpdated`, `RoleChanged`, `CommandRejected`, `CommandUnchanged`, `ProbeAnswered`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The room; equals the record's key.
    pub room_id: RoomId,
    /// The entry's place, 0 when there is no entry.
    #[serde(default)]
    pub seq: i64,
    /// What `entry` is.
    #[serde(default, skip_serializing_if = "TimelineKind::is_message")]
    pub kind: TimelineKind,
    /// Users whose membership ends with this entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<UserId>,
    /// Users of whom more changed than the room: who sent it, which moves one's mark, and whose membership begins or ends. Their room lists
    /// are outdated, beside what all members' lists say of the room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concerned: Vec<UserId>,
    /// The [`Entry`], or the [`Change`], as JSON: written once here, passed on as bytes to every client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Box<RawValue>>,
    /// The gateway that waits for the outcome.
    pub gateway_id: GatewayId,
    /// The [`Outcome`] as JSON, passed on as bytes to that gateway.
    pub outcome: Box<RawValue>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum OutcomeStatus {
    /// Committed.
    Persisted,
    /// Refused for good.
    Rejected,
}

/// What became of a command, for the session that gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Who waits.
    #[serde(flatten)]
    pub origin: Origin,
    /// The command's room.
    pub room_id: RoomId,
    /// The command's idempotency key.
    pub client_message_id: ClientMessageId,
    /// How it ended.
    pub status: OutcomeStatus,
    /// The entry it became; of the original when `duplicate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The entry's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// The command had been executed before.
    #[serde(default)]
    pub duplicate: bool,
    /// When the entry was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persisted_at: Option<Timestamp>,
    /// Why it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Event {
    /// The type of the answer to a probe.
    pub const PROBE_ANSWERED: &'static str = "ProbeAnswered";

    /// The types of everything that is in a room's timeline.
    pub const TIMELINE_TYPES: [&str; 11] = [
        "MessageSent",
        "MessageEdited",
        "MessageDeleted",
        "MessageReacted",
        "RoomCreated",
        "RoomUpdated",
        "MembersInvited",
        "MemberJoined",
        "MemberLeft",
        "MemberKicked",
        "RoleChanged",
    ];

    /// The event of a committed entry.
    pub fn committed(entry: &Entry, outcome: &Outcome) -> Result<Self, serde_json::Error> {
        Ok(Self {
            v: SCHEMA_VERSION,
            event_type: Self::type_name(entry.entry_type).to_owned(),
            room_id: entry.room_id,
            seq: entry.seq,
            kind: TimelineKind::Message,
            removed: entry.removed(),
            concerned: entry.concerned(),
            entry: Some(serde_json::value::to_raw_value(entry)?),
            gateway_id: outcome.origin.gateway_id,
            outcome: serde_json::value::to_raw_value(outcome)?,
        })
    }

    /// Users whom the command names too: an entry names only the first of many.
    #[must_use]
    pub fn concerning(mut self, users: &[UserId]) -> Self {
        if self.entry.is_some() {
            self.concerned.extend(users);
            self.concerned.sort_unstable();
            self.concerned.dedup();
        }
        self
    }

    /// The event of a committed change.
    pub fn changed(kind: TimelineKind, change: &Change, outcome: &Outcome) -> Result<Self, serde_json::Error> {
        Ok(Self {
            v: SCHEMA_VERSION,
            event_type: Self::change_name(kind).to_owned(),
            room_id: change.room_id,
            seq: change.seq,
            kind,
            removed: Vec::new(),
            concerned: Vec::new(),
            entry: Some(serde_json::value::to_raw_value(change)?),
            gateway_id: outcome.origin.gateway_id,
            outcome: serde_json::value::to_raw_value(outcome)?,
        })
    }

    /// The event of a rejected command: nothing in the timeline, only an outcome.
    pub fn rejected(outcome: &Outcome) -> Result<Self, serde_json::Error> {
        Self::without_entry("CommandRejected", outcome)
    }

    /// The answer to a probe: nothing in the timeline, only an outcome.
    pub fn probe_answered(outcome: &Outcome) -> Result<Self, serde_json::Error> {
        Self::without_entry(Self::PROBE_ANSWERED, outcome)
    }

    /// An event that only tells an outcome.
    pub fn without_entry(event_type: &str, outcome: &Outcome) -> Result<Self, serde_json::Error> {
        Ok(Self {
            v: SCHEMA_VERSION,
            event_type: event_type.to_owned(),
            room_id: outcome.room_id,
            seq: 0,
            kind: TimelineKind::Message,
            removed: Vec::new(),
            concerned: Vec::new(),
            entry: None,
            gateway_id: outcome.origin.gateway_id,
            outcome: serde_json::value::to_raw_value(outcome)?,
        })
    }

    fn change_name(kind: TimelineKind) -> &'static str {
        match kind {
            TimelineKind::Message => "MessageSent",
            TimelineKind::Edit => "MessageEdited",
            TimelineKind::Delete => "MessageDeleted",
            TimelineKind::React => "MessageReacted",
        }
    }

    fn type_name(entry_type: EntryType) -> &'static str {
        match entry_type {
            EntryType::Text | EntryType::Image => "MessageSent",
            EntryType::SystemCreate => "RoomCreated",
            EntryType::SystemInvite => "MembersInvited",
            EntryType::SystemLeave => "MemberLeft",
            EntryType::SystemJoin => "MemberJoined",
            EntryType::SystemKick => "MemberKicked",
            EntryType::SystemRename => "RoomUpdated",
            EntryType::SystemRole => "RoleChanged",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_of_the_timeline_are_those_of_entries_and_changes() {
        let changes = [TimelineKind::Message, TimelineKind::Edit, TimelineKind::Delete, TimelineKind::React];
        let mut named: Vec<_> = EntryType::ALL.into_iter().map(Event::type_name).collect();
        named.extend(changes.into_iter().map(Event::change_name));
        named.sort_unstable();
        named.dedup();
        let mut listed = Event::TIMELINE_TYPES.to_vec();
        listed.sort_unstable();
        assert_eq!(listed, named);
    }
}
