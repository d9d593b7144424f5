//! The only user of the Kafka client: a producer that never blocks, a consumer that commits by hand and last, dead letters.
//!
//! The loop of a service:
//!
//! ```no_run
//! # async fn run(mut consumer: chat_kafka::Consumer) -> Result<(), chat_kafka::KafkaError> {
//! # async fn process(_: &chat_kafka::Batch) -> Result<(), chat_kafka::KafkaError> { Ok(()) }
//! while let Some(batch) = consumer.next_batch().await? {
//!     let Some(result) = consumer.hold(process(&batch)).await else { break };
//!     result?;
//!     consumer.done(&batch);
//! }
//! consumer.close().await;
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]

pub mod admin;
mod config;
mod consumer;
mod context;
mod dead_letter;
mod disposition;
mod error;
mod metrics;
mod positions;
mod producer;
mod reader;
mod record;
mod throttle;

pub use crate::admin::{
    cluster_reachable, committed, delete_topics, ensure_compacted_topic, ensure_topics, group_lag, offsets,
};
pub use crate::config::{ConsumerConfig, KafkaConfig, ProducerConfig};
pub use crate::consumer::{Batch, Consumer};
pub use crate::dead_letter::DeadLetters;
pub use crate::disposition::Disposition;
pub use crate::error::{DeliveryError, KafkaError, SendError};
pub use crate::metrics::KafkaMetrics;
pub use crate::producer::{Delivered, Delivery, Producer};
pub use crate::reader::{Reader, Spans};
pub use crate::record::{OutRecord, OwnedRecord, Record};
