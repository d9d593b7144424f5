//! How a room's events look on the wire. Each look is built once per event and shared by all sessions that want it.

use std::collections::HashMap;

use bytestring::ByteString;
use chat_protocol::{Change, RoomId, TimelineKind, UserId};
use chat_stomp::{MessageTemplate, Version};
use serde::Deserialize;

/// Which of a session's subscriptions: 0 for `chat.v1`, the session's count for STOMP.
pub type SubscriptionKey = u64;

/// What of a room a subscription wants: a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feed(u8);

impl Feed {
    /// The sequenced timeline.
    pub const TIMELINE: Self = Self(1);
    /// Members' read marks.
    pub const READ: Self = Self(2);
    /// Who is typing.
    pub const TYPING: Self = Self(4);
    /// Who is online.
    pub const PRESENCE: Self = Self(8);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of `other` is in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the timeline is in it.
    pub fn timeline(self) -> bool {
        self.has(Self::TIMELINE)
    }
}

/// The look.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sink {
    /// `chat.v1`.
    Native,
    /// A STOMP MESSAGE for one subscription.
    Stomp {
        /// Negotiated version.
        version: Version,
        /// `subscription` header.
        id: Option<ByteString>,
        /// `destination` header.
        destination: ByteString,
    },
}

/// A sequenced event of a room.
#[derive(Debug, Clone)]
pub struct TimelineEvent {
    /// Its place.
    pub seq: i64,
    /// What it is.
    pub kind: TimelineKind,
    /// Place of the message it shows: its own, or that of the message changed.
    pub shows: i64,
    /// Users whose membership ends with it.
    pub removed: Vec<UserId>,
    /// The entry's or the change's JSON.
    pub json: ByteString,
}

/// What is read of a change.
#[derive(Deserialize)]
struct Shown {
    message: ShownMessage,
}

#[derive(Deserialize)]
struct ShownMessage {
    seq: i64,
}

impl TimelineEvent {
    /// An event as it arrives; it fails when the JSON is not what its kind says.
    pub fn new(
        seq: i64,
        kind: TimelineKind,
        removed: Vec<UserId>,
        json: ByteString,
    ) -> Result<Self, serde_json::Error> {
        let shows = if kind.is_message() { seq } else { serde_json::from_str::<Shown>(&json)?.message.seq };
        Ok(Self { seq, kind, shows, removed, json })
    }

    /// The change for somebody who became a member after the message was written.
    pub fn withheld(&self) -> Self {
        let blank = |change: Change| serde_json::to_string(&change.withheld());
        let json = serde_json::from_str(&self.json).and_then(blank).unwrap_or_else(|_| "{}".to_owned());
        Self { json: json.into(), removed: Vec::new(), ..*self }
    }
}

/// An event and its looks so far.
pub struct Rendered<'a> {
    event: &'static str,
    message_id: String,
    seq: Option<i64>,
    json: &'a str,
    native: Option<ByteString>,
    template: Option<(Version, MessageTemplate)>,
    stomp: HashMap<Sink, ByteString>,
}

impl<'a> Rendered<'a> {
    /// A timeline event.
    pub fn timeline(room_id: RoomId, event: &'a TimelineEvent) -> Self {
        Self::new(event.kind.as_str(), format!("{room_id}-{}", event.seq), Some(event.seq), &event.json)
    }

    /// Something beside the timeline, such as a read receipt; `nth` tells them apart.
    pub fn aside(room_id: RoomId, event: &'static str, nth: u64, json: &'a str) -> Self {
        Self::new(event, format!("{room_id}-{event}-{nth}"), None, json)
    }

    fn new(event: &'static str, message_id: String, seq: Option<i64>, json: &'a str) -> Self {
        Self { event, message_id, seq, json, native: None, template: None, stomp: HashMap::new() }
    }

    /// The frame for a sink: shared bytes.
    pub fn frame(&mut self, sink: &Sink) -> ByteString {
        let Sink::Stomp { version, id, destination } = sink else {
            return self.native.get_or_insert_with(|| native(self.event, self.json)).clone();
        };
        if let Some(frame) = self.stomp.get(sink) {
            return frame.clone();
        }
        let template = match &self.template {
            Some((built_for, template)) if built_for == version => template,
            _ => {
                let seq = self.seq.map(|seq| seq.to_string());
                let mut headers = vec![("event", self.event)];
                headers.extend(seq.as_deref().map(|seq| ("seq", seq)));
                let template = MessageTemplate::new(*version, &self.message_id, &headers, self.json);
                &self.template.insert((*version, template)).1
            }
        };
        let frame = template.render(id.as_deref(), destination);
        self.stomp.insert(sink.clone(), frame.clone());
        frame
    }
}

/// `{"push":"message","message":{…}}`, `{"push":"read",…}`: the JSON inside is passed on as it is.
fn native(event: &str, json: &str) -> ByteString {
    if event == "message" {
        format!(r#"{{"push":"message","message":{json}}}"#).into()
    } else {
        format!(r#"{{"push":"{event}",{}"#, json.strip_prefix('{').unwrap_or("}")).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_look_is_built_once_and_shared() {
        let event = TimelineEvent::new(7, TimelineKind::Message, Vec::new(), r#"{"seq":7}"#.into()).unwrap();
        let mut rendered = Rendered::timeline(RoomId::generate(), &event);
        let sink = |id: &'static str| Sink::Stomp {
            version: Version::V1_2,
            id: Some(ByteString::from_static(id)),
            destination: ByteString::from_static("/sub/chat/room/1"),
        };
        let (a, b, c) = (rendered.frame(&sink("s1")), rendered.frame(&sink("s1")), rendered.frame(&sink("s2")));
        assert_eq!(a.as_ptr(), b.as_ptr());
        assert_ne!(a, c);
        assert!(a.starts_with("MESSAGE\n") && a.contains("\nseq:7\n") && a.contains("\nsubscription:s1\n"), "{a}");
        let native = rendered.frame(&Sink::Native);
        assert_eq!(&*native, r#"{"push":"message","message":{"seq":7}}"#);
        assert_eq!(native.as_ptr(), rendered.frame(&Sink::Native).as_ptr());
    }

    #[test]
    fn a_change_is_flat_on_the_native_wire_and_named_on_both() {
        let json = r#"{"seq":9,"message":{"seq":7}}"#;
        let named = [(TimelineKind::Edit, "edit"), (TimelineKind::Delete, "delete"), (TimelineKind::React, "react")];
        for (kind, name) in named {
            let event = TimelineEvent::new(9, kind, Vec::new(), json.into()).unwrap();
            assert_eq!(event.shows, 7);
            let mut rendered = Rendered::timeline(RoomId::generate(), &event);
            let native = format!(r#"{{"push":"{name}","seq":9,"message":{{"seq":7}}}}"#);
            assert_eq!(*rendered.frame(&Sink::Native), native);
            let destination = ByteString::from_static("/sub/chat/room/1");
            let stomp = rendered.frame(&Sink::Stomp { version: Version::V1_2, id: None, destination });
            assert!(stomp.contains(&format!("\nevent:{name}\n")) && stomp.contains("\nseq:9\n"), "{stomp}");
            assert!(stomp.contains(json), "{stomp}");
        }
        assert!(TimelineEvent::new(9, TimelineKind::Edit, Vec::new(), "{}".into()).is_err());
    }

    #[test]
    fn a_read_receipt_is_flat_on_the_native_wire() {
        let mut rendered = Rendered::aside(RoomId::generate(), "read", 1, r#"{"lastReadSeq":3}"#);
        assert_eq!(&*rendered.frame(&Sink::Native), r#"{"push":"read","lastReadSeq":3}"#);
    }
}
