//! From frames to events of the history.

use chat_checker::history::{BodyHash, Event, Key, Kind, Op, Outcome, SendState, Via};
use chat_protocol::{Change, Entry, EntryType, TimelineKind, frame::FrameError};

use super::outbox::Draft;

pub fn kind_of(entry_type: EntryType) -> Kind {
    match entry_type {
        EntryType::Text => Kind::Text,
        EntryType::Image => Kind::Image,
        EntryType::SystemCreate => Kind::SystemCreate,
        EntryType::SystemInvite => Kind::SystemInvite,
        EntryType::SystemLeave => Kind::SystemLeave,
    }
}

/// An event of a send: `event` names who, where and what.
pub fn send(mut event: Event, key: &Key, content: Option<&str>) -> Event {
    event.room = Some(key.room);
    event.sender = Some(key.sender);
    event.client_message_id = Some(key.client_message_id.clone());
    event.kind = Some(Kind::Text);
    event.hash = content.map(BodyHash::of);
    event
}

/// How far it got.
pub fn answered(event: Event, key: &Key, state: SendState, seq: Option<i64>) -> Event {
    Event { state: Some(state), seq, ..send(event, key, None) }
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
