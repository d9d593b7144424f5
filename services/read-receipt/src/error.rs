//! What stops the service. Everything that can heal is waited out in the pipeline.

/// The process cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka failed for good, or too many records did.
    #[error(transparent)]
    Kafka(#[from] chat_kafka::KafkaError),
    /// A push could not be written as JSON.
    #[error("push cannot be encoded")]
    Encode(#[from] serde_json::Error),
    /// The shutdown deadline passed while a dependency was away; the batch is read again by the next process.
    #[error("stopped while a dependency was away")]
    Stopped,
}
