//! Failures that end the process. What can heal is waited out, what is wrong with a record goes to the dead-letter topic.

/// Why the persister stops.
#[derive(Debug, thiserror::Error)]
pub enum PersisterError {
    /// Kafka refuses an event for good, or too many records are dead.
    #[error("kafka")]
    Kafka(#[from] chat_kafka::KafkaError),
    /// An event could not be written as JSON.
    #[error("event could not be written as JSON")]
    Encode(#[from] serde_json::Error),
}
