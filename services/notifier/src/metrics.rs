//! Metrics of the service, counted per batch.

use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGauge, Registry, register_histogram_with_registry,
    register_int_counter_vec_with_registry, register_int_counter_with_registry, register_int_gauge_with_registry,
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

/// Of Web Push; clones share them. Registered also where it is off, so that dashboards find zeros.
#[derive(Clone)]
pub struct PushMetrics {
    pub waiting: IntGauge,
    pub call_seconds: Histogram,
    ended: IntCounterVec,
}

impl PushMetrics {
    /// How a push ends, or does not yet: `failed` is repeated.
    const OUTCOMES: [&str; 7] = ["sent", "withdrawn", "failed", "gone", "refused", "expired", "unneeded"];

    /// Registers the metrics.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let ended = register_int_counter_vec_with_registry!(
            "chat_notifier_pushes_total",
            "Pushes by what became of them; failed ones are repeated",
            &["outcome"],
            registry
        )?;
        for outcome in Self::OUTCOMES {
            ended.with_label_values(&[outcome]);
        }
        Ok(Self {
            ended,
            waiting: register_int_gauge_with_registry!(
                "chat_notifier_push_jobs_waiting",
                "Pushes that are still to be sent or repeated, by any process, counted up to 100,000",
                registry
            )?,
            call_seconds: register_histogram_with_registry!(
                "chat_notifier_push_call_seconds",
                "Time from a push posted to its answer, or to its time limit",
                chat_service::metrics::LATENCY_SECONDS_BUCKETS.to_vec(),
                registry
            )?,
        })
    }

    /// A push came to an end.
    pub fn count(&self, outcome: &str) {
        self.ended.with_label_values(&[outcome]).inc();
    }
}
