//! From frames to events of the history.

use chat_checker::history::{BodyHash, Event, Key, Kind, Op, Outcome, SendState, Via};
use chat_protocol::{Change, Entry, EntryType, TimelineKind, frame::FrameError};

use super::outbox::{Act, Draft};

pub fn kind_of(entry_type: EntryType) -> Kind {
    match entry_type {
        EntryType::Text => Kind::Text,
        EntryType::Image => Kind::Image,
        EntryType::SystemCreate => Kind::SystemCreate,
        EntryType::SystemInvite => Kind::SystemInvite,
        EntryType::SystemLeave => Kind::SystemLeave,
        EntryType::SystemJoin => Kind::SystemJoin,
        EntryType::SystemKick => Kind::SystemKick,
        EntryType::SystemRename => Kind::SystemRename,
        EntryType::SystemRole => Kind::SystemRole,
    }
}

/// A send, or a change: who, where, what.
pub fn invoke(event: Event, key: &Key, draft: &Draft) -> Event {
    let (kind, target, content) = match draft.act {
        Act::Say => (Kind::Text, None, Some(&*draft.content)),
        Act::Edit(target) => (Kind::Edit, Some(target), Some(&*draft.content)),
        Act::Delete(target) => (Kind::Delete, Some(target), None),
        Act::React { target, .. } => (Kind::React, Some(target), None),
    };
    let (hash, target) = (content.map(BodyHash::of), target.map(|target| target.seq));
    Event { kind: Some(kind), hash, target, ..send(event, key) }
}

/// A word on a send, or on a change.
pub fn send(mut event: Event, key: &Key) -> Event {
    event.room = Some(key.room);
    event.sender = Some(key.sender);
    event.client_message_id = Some(key.client_message_id.clone());
    event
}

/// How far it got.
pub fn answered(event: Event, key: &Key, state: SendState, seq: Option<i64>) -> Event {
    Event { state: Some(state), seq, ..send(event, key) }
}

/// The outcome and the code of an error: `busy`, `unknown` and whatever may be repeated decide nothing.
pub fn refusal(error: &FrameError) -> (Outcome, String) {
    (if error.retry { Outcome::Info } else { Outcome::Fail }, error.code.to_string())
}

pub fn key(draft: &Draft, sender: chat_protocol::UserId) -> Key {
    Key { room: draft.room, sender, client_message_id: draft.id.clone() }
}

/// An entry that was received.
pub fn entry(event: Event, entry: &Entry, via: Via) -> Event {
    Event {
        room: Some(entry.room_id),
        sender: Some(entry.sender_id),
        client_message_id: Some(entry.client_message_id.clone()),
        kind: Some(kind_of(entry.entry_type)),
        hash: entry.entry_type.is_message().then(|| BodyHash::of(&entry.content)),
        seq: Some(entry.seq),
        via: Some(via),
        ..event
    }
}

/// A change that was received.
pub fn change(event: Event, kind: TimelineKind, change: &Change) -> Event {
    let kind = match kind {
        TimelineKind::Edit => Kind::Edit,
        TimelineKind::Delete => Kind::Delete,
        TimelineKind::React | TimelineKind::Message => Kind::React,
    };
    Event {
        room: Some(change.room_id),
        sender: Some(change.actor_id),
        client_message_id: Some(change.client_message_id.clone()),
        kind: Some(kind),
        hash: Some(BodyHash::of(&change.message.content)),
        seq: Some(change.seq),
        target: Some(change.message.seq),
        ..event
    }
}

/// The operation by which a subscription begins.
pub fn subscription(again: bool) -> Op {
    if again { Op::Resume } else { Op::Sub }
}
