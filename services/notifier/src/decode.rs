//! Records to messages.

use chat_kafka::Record;
use chat_protocol::{Entry, Event, MarkRead, SCHEMA_VERSION};
use chat_store::ReadUpTo;

/// Type of the only events that are news: messages people wrote.
const MESSAGE_SENT: &str = "MessageSent";

/// The event in a record, or why it will never be understood.
pub fn event(record: &Record) -> Result<Event, String> {
    let event: Event = serde_json::from_slice(record.value()).map_err(|error| error.to_string())?;
    if event.v != SCHEMA_VERSION {
        return Err(format!("schema version {}, this service knows {SCHEMA_VERSION}", event.v));
    }
    if record.key_str() != Some(&event.room_id.to_string()) {
        return Err("the key is not the room's id".to_owned());
    }
    Ok(event)
}

/// The read mark in a record of `chat-read-events`. One that cannot be understood is passed over: whoever stores the marks says so.
pub fn mark(record: &Record) -> Option<ReadUpTo> {
    let mark: MarkRead = serde_json::from_slice(record.value()).ok()?;
    let MarkRead { v, room_id, user_id, seq, .. } = mark;
    (v == SCHEMA_VERSION).then_some(ReadUpTo { room_id, user_id, seq })
}

/// Whoever writes has read what was before: the database moves the sender's mark with the message, and no read mark says so.
pub fn mark_of_sender(message: &Entry) -> ReadUpTo {
    ReadUpTo { room_id: message.room_id, user_id: message.sender_id, seq: message.seq }
}

/// The message in a record; `None` for events that are no news, such as changes of messages; or why the record will never be understood.
pub fn message(record: &Record) -> Result<Option<Entry>, String> {
    news(event(record)?)
}

/// The message in an event.
pub fn news(event: Event) -> Result<Option<Entry>, String> {
    // The entry is parsed only where it is needed: most of an event is passed on as bytes by others.
    if event.event_type != MESSAGE_SENT {
        return Ok(None);
    }
    let entry = event.entry.ok_or("a message without an entry")?;
    let entry: Entry = serde_json::from_str(entry.get()).map_err(|error| format!("entry: {error}"))?;
    if entry.room_id != event.room_id {
        return Err("the entry is of another room".to_owned());
    }
    // A repeated event can be of a message that has been deleted since.
    Ok(Some(entry).filter(|entry| entry.deleted_at.is_none()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use chat_protocol::{ClientMessageId, EntryType, GatewayId, MessageId, RoomId, UserId};
    use jiff::Timestamp;
    use serde_json::value::RawValue;

    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    fn record(event: &Event) -> Record {
        Record {
            topic: Arc::from("chat-events"),
            partition: 0,
            offset: 0,
            timestamp_ms: None,
            broker_timestamp: false,
            key: Some(Bytes::from(event.room_id.to_string())),
            payload: Some(Bytes::from(serde_json::to_vec(event).unwrap())),
            headers: Vec::new(),
        }
    }

    fn event(event_type: &str, entry: Option<&Entry>) -> Event {
        Event {
            v: SCHEMA_VERSION,
            event_type: event_type.to_owned(),
            room_id: entry.map_or_else(RoomId::generate, |entry| entry.room_id),
            seq: 1,
            kind: chat_protocol::TimelineKind::Message,
            removed: Vec::new(),
            concerned: Vec::new(),
            entry: entry.map(|entry| serde_json::value::to_raw_value(entry).unwrap()),
            gateway_id: GatewayId::generate(),
            outcome: raw("{}"),
        }
    }

    fn entry(entry_type: EntryType) -> Entry {
        Entry {
            message_id: MessageId::generate(),
            room_id: RoomId::generate(),
            seq: 1,
            number: 1,
            sender_id: UserId::generate(),
            sender_nickname: "alice".to_owned(),
            client_message_id: ClientMessageId::generate(),
            entry_type,
            content: "hi".to_owned(),
            members: Vec::new(),
            sent_at: Timestamp::UNIX_EPOCH,
            reply_to: None,
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
        }
    }

    #[test]
    fn only_messages_are_news() {
        let sent = entry(EntryType::Text);
        assert_eq!(message(&record(&event("MessageSent", Some(&sent)))), Ok(Some(sent)));
        for change in ["MessageEdited", "MessageDeleted", "MessageReacted"] {
            assert_eq!(message(&record(&event(change, Some(&entry(EntryType::Text))))), Ok(None), "{change}");
        }
        let deleted = Entry { deleted_at: Some(Timestamp::UNIX_EPOCH), ..entry(EntryType::Text) };
        assert_eq!(message(&record(&event("MessageSent", Some(&deleted)))), Ok(None), "deleted since");
        assert_eq!(message(&record(&event("MembersInvited", Some(&entry(EntryType::SystemInvite))))), Ok(None));
        for without_entry in ["CommandRejected", "CommandUnchanged", Event::PROBE_ANSWERED] {
            assert_eq!(message(&record(&event(without_entry, None))), Ok(None), "{without_entry}");
        }
    }

    #[test]
    fn what_is_not_an_event_of_this_version_under_its_rooms_key_is_poison() {
        let good = event("MessageSent", Some(&entry(EntryType::Text)));
        let refused = |record: &Record| message(record).unwrap_err();
        assert_eq!(refused(&record(&Event { v: 9, ..good.clone() })), "schema version 9, this service knows 1");
        assert_eq!(refused(&Record { key: None, ..record(&good) }), "the key is not the room's id");
        assert_eq!(refused(&record(&event("MessageSent", None))), "a message without an entry");
        assert!(
            refused(&record(&Event { entry: Some(raw("{}")), ..good.clone() })).starts_with("entry: missing field")
        );
        assert_eq!(
            refused(&record(&Event { room_id: RoomId::generate(), ..good.clone() })),
            "the entry is of another room"
        );
        assert!(message(&Record { payload: None, ..record(&good) }).is_err(), "a tombstone");
    }
}
