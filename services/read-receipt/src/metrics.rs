//! Metrics of the service, counted per batch.

use prometheus::{
    Histogram, IntCounter, Registry, register_histogram_with_registry, register_int_counter_with_registry,
};

/// Registered once per process.
pub struct Metrics {
    pub received: IntCounter,
    pub moved: IntCounter,
    pub untold: IntCounter,
    pub batch_seconds: Histogram,
}

impl Metrics {
    /// Registers the metrics.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            received: register_int_counter_with_registry!(
                "chat_read_receipt_marks_received_total",
                "Read marks taken from Kafka",
                registry
            )?,
            moved: register_int_counter_with_registry!(
                "chat_read_receipt_marks_moved_total",
                "Read marks that moved forward in PostgreSQL",
                registry
            )?,
            untold: register_int_counter_with_registry!(
                "chat_read_receipt_marks_untold_total",
                "Read marks that moved but were not told to the room, because Redis was away",
                registry
            )?,
            batch_seconds: register_histogram_with_registry!(
                "chat_read_receipt_batch_seconds",
                "Time from a batch of records to its marks stored and told",
                chat_service::metrics::LATENCY_SECONDS_BUCKETS.to_vec(),
                registry
            )?,
        })
    }
}
