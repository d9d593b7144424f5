//! Records to read marks.

use chat_kafka::Record;
use chat_protocol::{MarkRead, SCHEMA_VERSION};

/// The read mark in a record, or why it will never be one.
pub fn mark(record: &Record) -> Result<MarkRead, String> {
    let mark: MarkRead = serde_json::from_slice(record.value()).map_err(|error| error.to_string())?;
    if mark.v != SCHEMA_VERSION {
        return Err(format!("schema version {}, this service knows {SCHEMA_VERSION}", mark.v));
    }
    // Order per room hangs on the key: a record under another one is in the wrong partition.
    if record.key_str() != Some(&mark.room_id.to_string()) {
        return Err("the key is not the room's id".to_owned());
    }
    Ok(mark)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use chat_protocol::{RoomId, UserId};
    use jiff::Timestamp;

    use super::*;

    fn record(key: &str, value: Vec<u8>) -> Record {
        Record {
            topic: Arc::from("chat-read-events"),
            partition: 0,
            offset: 0,
            timestamp_ms: None,
            broker_timestamp: false,
            key: Some(Bytes::copy_from_slice(key.as_bytes())),
            payload: Some(Bytes::from(value)),
            headers: Vec::new(),
        }
    }

    #[test]
    fn only_a_mark_of_the_known_version_under_its_rooms_key_is_taken() {
        let sent = MarkRead::new(RoomId::generate(), UserId::generate(), 5, Timestamp::UNIX_EPOCH);
        let (key, value) = (sent.room_id.to_string(), serde_json::to_vec(&sent).unwrap());
        assert_eq!(mark(&record(&key, value.clone())), Ok(sent.clone()));
        assert_eq!(mark(&record("another", value)).unwrap_err(), "the key is not the room's id");
        let newer = serde_json::to_vec(&MarkRead { v: 2, ..sent }).unwrap();
        assert_eq!(mark(&record(&key, newer)).unwrap_err(), "schema version 2, this service knows 1");
        assert!(mark(&record(&key, b"{}".to_vec())).is_err());
        assert!(mark(&Record { payload: None, ..record(&key, Vec::new()) }).is_err(), "a tombstone");
    }
}
