//! Metrics of the service, counted per batch and per flush.

use prometheus::{
    Histogram, IntCounter, IntGauge, Registry, register_histogram_with_registry, register_int_counter_with_registry,
    register_int_gauge_with_registry,
};

/// Registered once per process.
pub struct Metrics {
    received: IntCounter,
    raised: IntCounter,
    behind: IntCounter,
    stored: IntCounter,
    untold: IntCounter,
    dirty: IntGauge,
    pub batch_seconds: Histogram,
    pub flush_seconds: Histogram,
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
            raised: register_int_counter_with_registry!(
                "chat_read_receipt_marks_raised_total",
                "Read marks that moved forward in Redis",
                registry
            )?,
            behind: register_int_counter_with_registry!(
                "chat_read_receipt_marks_behind_total",
                "Read marks that were not ahead of what was known",
                registry
            )?,
            stored: register_int_counter_with_registry!(
                "chat_read_receipt_marks_stored_total",
                "Read marks that moved forward in PostgreSQL",
                registry
            )?,
            untold: register_int_counter_with_registry!(
                "chat_read_receipt_marks_untold_total",
                "Read marks that were stored but not told: Redis away, no floor in time, no member any more, or overtaken",
                registry
            )?,
            dirty: register_int_gauge_with_registry!(
                "chat_read_receipt_dirty_marks",
                "Records taken and not stored yet",
                registry
            )?,
            batch_seconds: register_histogram_with_registry!(
                "chat_read_receipt_batch_seconds",
                "Time from a batch of records to its marks told",
                chat_service::metrics::LATENCY_SECONDS_BUCKETS.to_vec(),
                registry
            )?,
            flush_seconds: register_histogram_with_registry!(
                "chat_read_receipt_flush_seconds",
                "Time to store what was collected",
                chat_service::metrics::LATENCY_SECONDS_BUCKETS.to_vec(),
                registry
            )?,
        })
    }

    /// A batch was taken.
    pub fn taken(&self, received: usize, raised: usize, behind: usize, dirty: usize) {
        self.received.inc_by(received as u64);
        self.raised.inc_by(raised as u64);
        self.behind.inc_by(behind as u64);
        self.set_dirty(dirty);
    }

    /// A load was stored.
    pub fn stored(&self, moved: usize, untold: usize, dirty: usize) {
        self.stored.inc_by(moved as u64);
        self.untold.inc_by(untold as u64);
        self.set_dirty(dirty);
    }

    fn set_dirty(&self, dirty: usize) {
        self.dirty.set(i64::try_from(dirty).unwrap_or(i64::MAX));
    }
}
