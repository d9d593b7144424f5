//! Errors of this crate.

use rdkafka::types::RDKafkaErrorCode;

use crate::Disposition;

/// What can go wrong for good; what can heal is waited out inside this crate.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// The client could not be made: a bad property.
    #[error("kafka client could not be created")]
    Client(#[source] rdkafka::error::KafkaError),
    /// The group threw this member out for good.
    #[error("kafka consumer failed for good")]
    Consumer(#[source] rdkafka::error::KafkaError),
    /// An administrative request failed.
    #[error("kafka {what} failed")]
    Admin {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: rdkafka::error::KafkaError,
    },
    /// A topic could not be created or deleted.
    #[error("kafka topic {topic}: {code}")]
    Topic {
        /// Which.
        topic: String,
        /// Why.
        code: RDKafkaErrorCode,
    },
    /// A topic that has to be there is not.
    #[error("kafka topic {topic} does not exist")]
    NoSuchTopic {
        /// Which.
        topic: String,
    },
    /// Nothing came although there is something to read.
    #[error("kafka did not answer for {waited:?} while {topic} was read")]
    Silent {
        /// The topic.
        topic: String,
        /// For how long.
        waited: std::time::Duration,
    },
    /// Records were not acked before the time was up.
    #[error("kafka producer could not be flushed")]
    Flush(#[source] rdkafka::error::KafkaError),
    /// A record that no retry will get accepted.
    #[error("kafka refused record {index}: {reason}")]
    Refused {
        /// Its place among the records given.
        index: usize,
        /// Why.
        reason: String,
    },
    /// So many records in a row fail that something else than the records must be wrong.
    #[error("more than {limit} dead letters within a minute")]
    DeadLetterFlood {
        /// The limit.
        limit: u32,
    },
    /// A blocking call did not come back.
    #[error("kafka call was cancelled")]
    Cancelled,
}

/// Why a record was not enqueued: nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The queue is full.
    #[error("the producer's queue is full")]
    Busy,
    /// The record is above the size limit.
    #[error("the record is too large")]
    TooLarge,
    /// Another local failure.
    #[error("the record could not be enqueued: {0}")]
    Failed(String),
}

/// Why a record has no ack. It may be stored all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// Kafka answered with an error, or none of its answers came in time.
    #[error("the record was not acknowledged: {0}")]
    Failed(RDKafkaErrorCode),
    /// The producer ended before the answer.
    #[error("the producer ended before the record was acknowledged")]
    Dropped,
}

impl DeliveryError {
    /// `Reject` for what is wrong with the record itself, else `Retry`.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Failed(
                RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::InvalidMessage
                | RDKafkaErrorCode::InvalidMessageSize
                | RDKafkaErrorCode::InvalidRecord,
            ) => Disposition::Reject,
            Self::Failed(_) | Self::Dropped => Disposition::Retry,
        }
    }
}
