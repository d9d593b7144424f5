//! From what became of a command to the event that tells it.

use std::sync::Arc;

use bytes::Bytes;
use chat_kafka::{OwnedRecord, Record};
use chat_protocol::{Event, Outcome, OutcomeStatus, Rejection, SCHEMA_VERSION, TraceContext, header};
use chat_store::Applied;

use crate::decode::Asker;

/// The event of an executed command.
pub fn applied(asker: &Asker, applied: Applied) -> Result<Event, serde_json::Error> {
    match applied {
        Applied::Committed { entry, duplicate } => {
            let outcome = Outcome {
                message_id: Some(entry.message_id),
                seq: Some(entry.seq),
                duplicate,
                persisted_at: Some(entry.sent_at),
                ..outcome(asker, OutcomeStatus::Persisted)
            };
            Event::committed(&entry, &outcome)
        }
        Applied::Changed { kind, change, duplicate } => {
            let outcome = Outcome {
                message_id: Some(change.message.message_id),
                seq: Some(change.seq),
                duplicate,
                persisted_at: Some(change.changed_at),
                ..outcome(asker, OutcomeStatus::Persisted)
            };
            Event::changed(kind, &change, &outcome)
        }
        Applied::Unchanged { head, message_id } => {
            let (seq, duplicate) = (Some(head), true);
            let outcome = Outcome { message_id, seq, duplicate, ..outcome(asker, OutcomeStatus::Persisted) };
            Event::without_entry("CommandUnchanged", &outcome)
        }
        Applied::Rejected(rejection) => rejected(asker, rejection),
    }
}

/// The event of a probe, when the database was reached.
pub fn probed(asker: &Asker) -> Result<Event, serde_json::Error> {
    Event::probe_answered(&outcome(asker, OutcomeStatus::Persisted))
}

/// The event of a command that was not executed.
pub fn rejected(asker: &Asker, rejection: Rejection) -> Result<Event, serde_json::Error> {
    let outcome = Outcome {
        code: Some(rejection.code),
        reason: Some(rejection.message),
        ..outcome(asker, OutcomeStatus::Rejected)
    };
    Event::rejected(&outcome)
}

fn outcome(asker: &Asker, status: OutcomeStatus) -> Outcome {
    Outcome {
        origin: asker.origin,
        room_id: asker.room_id,
        client_message_id: asker.client_message_id.clone(),
        status,
        message_id: None,
        seq: None,
        duplicate: false,
        persisted_at: None,
        code: None,
        reason: None,
    }
}

/// The record that carries an event; the trace of the command's record goes on in it.
pub fn record(topic: &Arc<str>, event: &Event, cause: &Record) -> Result<OwnedRecord, serde_json::Error> {
    let mut headers = vec![
        (header::TYPE.to_owned(), Bytes::copy_from_slice(event.event_type.as_bytes())),
        (header::VERSION.to_owned(), Bytes::from(SCHEMA_VERSION.to_string())),
    ];
    let trace = cause.header_str(header::TRACEPARENT).and_then(|text| text.parse::<TraceContext>().ok());
    if let Some(trace) = trace {
        headers.push((header::TRACEPARENT.to_owned(), Bytes::from(trace.child().to_string())));
    }
    Ok(OwnedRecord {
        topic: Arc::clone(topic),
        partition: None,
        key: Some(Bytes::from(event.room_id.to_string())),
        payload: Some(Bytes::from(serde_json::to_vec(event)?)),
        headers,
    })
}
