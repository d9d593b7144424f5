//! Metrics of Kafka clients. Labels are topics, clients and codes: few, and known beforehand.

use prometheus::{
    IntCounter, IntCounterVec, IntGaugeVec, Registry, register_int_counter_vec_with_registry,
    register_int_counter_with_registry, register_int_gauge_vec_with_registry,
};

/// Registered once per process and handed to every client.
#[derive(Debug, Clone)]
pub struct KafkaMetrics {
    pub(crate) lag: IntGaugeVec,
    pub(crate) records: IntCounterVec,
    pub(crate) rebalances: IntCounter,
    pub(crate) commit_failures: IntCounter,
    pub(crate) queue: IntGaugeVec,
    pub(crate) dead_letters: IntCounterVec,
    pub(crate) producers_replaced: IntCounter,
}

impl KafkaMetrics {
    /// Registers the metrics.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            lag: register_int_gauge_vec_with_registry!(
                "chat_kafka_consumer_lag_records",
                "Records not yet committed, over the partitions that this process owns",
                &["topic"],
                registry
            )?,
            records: register_int_counter_vec_with_registry!(
                "chat_kafka_records_consumed_total",
                "Records handed to the service",
                &["topic"],
                registry
            )?,
            rebalances: register_int_counter_with_registry!(
                "chat_kafka_rebalances_total",
                "Changes of the partitions that this process owns",
                registry
            )?,
            commit_failures: register_int_counter_with_registry!(
                "chat_kafka_commit_failures_total",
                "Offset commits that failed and were repeated",
                registry
            )?,
            queue: register_int_gauge_vec_with_registry!(
                "chat_kafka_producer_queue_records",
                "Records that wait for their acknowledgement",
                &["client"],
                registry
            )?,
            dead_letters: register_int_counter_vec_with_registry!(
                "chat_kafka_dead_letters_total",
                "Records sent to the dead-letter topic",
                &["topic", "code"],
                registry
            )?,
            producers_replaced: register_int_counter_with_registry!(
                "chat_kafka_producers_replaced_total",
                "Producers that failed for good, and were replaced",
                registry
            )?,
        })
    }
}
