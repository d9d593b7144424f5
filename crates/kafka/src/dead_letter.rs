//! Records that can never be processed go to `<topic>-dlt`, with the header names that Spring Kafka and its tools use.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use chat_protocol::{
    header::{DEAD_LETTER_EXCEPTION as EXCEPTION, DEAD_LETTER_ORIGINAL as ORIGINAL},
    topic,
};

use crate::{KafkaError, OwnedRecord, Producer, Record};

const WINDOW: Duration = Duration::from_mins(1);

/// Sends records to their dead-letter topic.
pub struct DeadLetters {
    producer: Producer,
    group: String,
    limit: u32,
    recent: Mutex<VecDeque<Instant>>,
}

impl DeadLetters {
    /// For the records of a consumer group; more than `per_minute` are a flood.
    pub fn new(producer: Producer, group: String, per_minute: u32) -> Self {
        Self { producer, group, limit: per_minute, recent: Mutex::new(VecDeque::new()) }
    }

    /// Sends a record, bytes untouched, to the same partition of its dead-letter topic, and waits until it is stored there.
    /// An error means that the process must stop: so many failures are no fault of the records, and good data would be drained.
    pub async fn send(&self, record: &Record, code: &str, message: &str) -> Result<(), KafkaError> {
        self.count()?;
        let place = (&*record.topic, record.partition, record.offset);
        tracing::error!(
            topic = place.0,
            partition = place.1,
            offset = place.2,
            code,
            message,
            "record goes to the dead-letter topic"
        );
        self.producer.send_all(&[dead_letter(record, &self.group, code, message)]).await?;
        self.producer.metrics().dead_letters.with_label_values(&[&*record.topic, code]).inc();
        Ok(())
    }

    fn count(&self) -> Result<(), KafkaError> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        while recent.front().is_some_and(|at| at.elapsed() > WINDOW) {
            recent.pop_front();
        }
        if recent.len() >= self.limit as usize {
            return Err(KafkaError::DeadLetterFlood { limit: self.limit });
        }
        recent.push_back(Instant::now());
        Ok(())
    }
}

fn dead_letter(record: &Record, group: &str, code: &str, message: &str) -> OwnedRecord {
    let mut headers = record.headers.clone();
    // A record that failed again after a replay says where it came from first, and why it failed last.
    headers.retain(|(name, _)| !name.starts_with(EXCEPTION));
    let timestamp_type = match (record.timestamp_ms, record.broker_timestamp) {
        (None, _) => "NoTimestampType",
        (Some(_), false) => "CreateTime",
        (Some(_), true) => "LogAppendTime",
    };
    if !headers.iter().any(|(name, _)| name.starts_with(ORIGINAL)) {
        let originals = [
            ("topic", Bytes::copy_from_slice(record.topic.as_bytes())),
            ("partition", Bytes::copy_from_slice(&record.partition.to_be_bytes())),
            ("offset", Bytes::copy_from_slice(&record.offset.to_be_bytes())),
            ("timestamp", Bytes::copy_from_slice(&record.timestamp_ms.unwrap_or(-1).to_be_bytes())),
            ("timestamp-type", Bytes::from_static(timestamp_type.as_bytes())),
            ("consumer-group", Bytes::copy_from_slice(group.as_bytes())),
        ];
        headers.extend(originals.map(|(name, value)| (format!("{ORIGINAL}{name}"), value)));
    }
    headers.push((format!("{EXCEPTION}fqcn"), Bytes::copy_from_slice(code.as_bytes())));
    headers.push((format!("{EXCEPTION}message"), Bytes::copy_from_slice(message.as_bytes())));
    OwnedRecord {
        topic: Arc::from(topic::dead_letter(&record.topic)),
        partition: Some(record.partition),
        key: record.key.clone(),
        payload: record.payload.clone(),
        headers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_death_keeps_the_first_origin() {
        let record = Record {
            topic: Arc::from("t"),
            partition: 2,
            offset: 7,
            timestamp_ms: Some(5),
            broker_timestamp: false,
            key: None,
            payload: None,
            headers: vec![("type".to_owned(), Bytes::from_static(b"x"))],
        };
        let first = dead_letter(&record, "g", "poison", "one");
        let replayed = Record { offset: 99, headers: first.headers, ..record };
        let second = Record { headers: dead_letter(&replayed, "g", "poison", "two").headers, ..replayed };
        assert_eq!(second.header("kafka_dlt-original-offset"), Some(&7_i64.to_be_bytes()[..]));
        assert_eq!(second.header_str("kafka_dlt-exception-message"), Some("two"));
        assert_eq!(second.headers.iter().filter(|(name, _)| name == "kafka_dlt-exception-message").count(), 1);
        assert_eq!(second.header_str("type"), Some("x"));
    }
}
