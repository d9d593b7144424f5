//! The broadcaster's metrics.

use chat_service::metrics::LATENCY_SECONDS_BUCKETS;
use prometheus::{
    Histogram, IntCounter, IntCounterVec, Registry, register_histogram_with_registry,
    register_int_counter_vec_with_registry, register_int_counter_with_registry,
};

/// Registered once per process.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Records, by what became of them.
    pub events: IntCounterVec,
    /// Messages given to Redis.
    pub publishes: IntCounter,
    /// Their payloads.
    pub bytes: IntCounter,
    /// From the event's production to its publish; the oldest of each batch.
    pub delay: Histogram,
    /// Batches that Redis did not take and that were repeated.
    pub retries: IntCounter,
}

impl Metrics {
    /// Registers the metrics.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            events: register_int_counter_vec_with_registry!(
                "chat_broadcaster_events_total",
                "Events by what became of them",
                &["result"],
                registry
            )?,
            publishes: register_int_counter_with_registry!(
                "chat_broadcaster_publishes_total",
                "Redis publishes",
                registry
            )?,
            bytes: register_int_counter_with_registry!(
                "chat_broadcaster_published_bytes_total",
                "Payload published",
                registry
            )?,
            delay: register_histogram_with_registry!(
                "chat_broadcaster_publish_delay_seconds",
                "Time from an event's production to its publish, the oldest of each batch",
                LATENCY_SECONDS_BUCKETS.to_vec(),
                registry
            )?,
            retries: register_int_counter_with_registry!(
                "chat_broadcaster_redis_retries_total",
                "Batches that Redis did not take and that were repeated",
                registry
            )?,
        })
    }
}
