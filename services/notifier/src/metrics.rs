//! Metrics of the service, counted per batch.

use prometheus::{
    Histogram, IntCounter, Registry, register_histogram_with_registry, register_int_counter_with_registry,
};

/// Registered once per process.
pub struct Metrics {
    pub messages: IntCounter,
    pub notifications: IntCounter,
    pub rooms_dropped: IntCounter,
    pub batch_seconds: Histogram,
}

impl Metrics {
    /// Registers the metrics.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            messages: register_int_counter_with_registry!(
                "chat_notifier_messages_total",
                "Messages taken from Kafka",
                registry
            )?,
            notifications: register_int_counter_with_registry!(
                "chat_notifier_notifications_sent_total",
                "Notifications published, one per user, room and batch",
                registry
            )?,
            rooms_dropped: register_int_counter_with_registry!(
                "chat_notifier_rooms_dropped_total",
                "News of a room that were dropped, at least in part, because Redis was away",
                registry
            )?,
            batch_seconds: register_histogram_with_registry!(
                "chat_notifier_batch_seconds",
                "Time from a batch of records to its notifications published",
                chat_service::metrics::LATENCY_SECONDS_BUCKETS.to_vec(),
                registry
            )?,
        })
    }
}
