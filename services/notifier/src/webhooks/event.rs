//! What an endpoint is told of an event.

use chat_protocol::{Event, MessageId};
use chat_store::WebhookEvent;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The event after which a message has no text.
const MESSAGE_DELETED: &str = "MessageDeleted";

/// The body, in the shape of Standard Webhooks: what it is, when it happened, and the entry or change as every client gets it.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    event_type: &'a str,
    timestamp: Timestamp,
    data: &'a RawValue,
}

/// When an entry or a change was committed, and which message it shows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    changed_at: Option<Timestamp>,
    sent_at: Option<Timestamp>,
    message_id: Option<MessageId>,
    message: Option<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: Option<MessageId>,
}

/// The delivery of an event that is in a room's timeline, or why it cannot be told; `None` for outcomes.
pub fn told(event: &Event) -> Result<Option<WebhookEvent>, String> {
    let Some(data) = &event.entry else { return Ok(None) };
    let shown = shown(data)?;
    let timestamp = shown.changed_at.or(shown.sent_at).ok_or("an entry without a time")?;
    let body = Body { event_type: &event.event_type, timestamp, data };
    Ok(Some(WebhookEvent {
        event_id: format!("{}:{}", event.room_id, event.seq),
        event_type: event.event_type.clone(),
        room_id: event.room_id,
        seq: event.seq,
        message_id: shown.message_id(),
        body: serde_json::to_string(&body).map_err(|error| error.to_string())?,
    }))
}

/// The message whose text is to be nowhere from now on.
pub fn deleted(event: &Event) -> Result<Option<MessageId>, String> {
    match &event.entry {
        Some(data) if event.event_type == MESSAGE_DELETED => Ok(shown(data)?.message_id()),
        _ => Ok(None),
    }
}

impl Shown {
    fn message_id(&self) -> Option<MessageId> {
        self.message.as_ref().map_or(self.message_id, |message| message.message_id)
    }
}

fn shown(data: &RawValue) -> Result<Shown, String> {
    serde_json::from_str(data.get()).map_err(|error| format!("entry: {error}"))
}

#[cfg(test)]
mod tests {
    use chat_protocol::{GatewayId, RoomId, SCHEMA_VERSION, TimelineKind};
    use serde_json::{Value, json};

    use super::*;

    fn event(event_type: &str, seq: i64, entry: Option<&Value>) -> Event {
        Event {
            v: SCHEMA_VERSION,
            event_type: event_type.to_owned(),
            room_id: RoomId::generate(),
            seq,
            kind: TimelineKind::Message,
            removed: Vec::new(),
            concerned: Vec::new(),
            entry: entry.map(|entry| serde_json::value::to_raw_value(entry).unwrap()),
            gateway_id: GatewayId::generate(),
            outcome: serde_json::value::to_raw_value(&()).unwrap(),
        }
    }

    #[test]
    fn everything_in_a_timeline_is_told_with_its_time_and_a_stable_id() {
        let sent = json!({ "seq": 3, "content": "hi", "sentAt": "2026-11-21T11:05:29Z" });
        let edited =
            json!({ "seq": 4, "changedAt": "2026-11-21T11:06:00Z", "message": { "sentAt": "2026-11-21T11:05:29Z" } });
        for (event, entry, at) in [
            (event("MessageSent", 3, Some(&sent)), &sent, "2026-11-21T11:05:29Z"),
            (event("MessageEdited", 4, Some(&edited)), &edited, "2026-11-21T11:06:00Z"),
        ] {
            let told = told(&event).unwrap().unwrap();
            assert_eq!(told.event_id, format!("{}:{}", event.room_id, event.seq));
            assert_eq!((told.room_id, told.seq, &told.event_type), (event.room_id, event.seq, &event.event_type));
            let body: Value = serde_json::from_str(&told.body).unwrap();
            assert_eq!(body, json!({ "type": event.event_type, "timestamp": at, "data": entry }));
        }
    }

    #[test]
    fn outcomes_are_not_told_and_an_entry_without_a_time_is_an_error() {
        assert_eq!(told(&event("CommandRejected", 0, None)), Ok(None));
        assert!(told(&event("MessageSent", 1, Some(&json!({})))).is_err());
        assert!(told(&event("MessageSent", 1, Some(&json!([])))).is_err());
    }
}
