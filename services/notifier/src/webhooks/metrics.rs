//! Metrics of webhooks. Labels are bounded: never an endpoint.

use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGauge, Registry, register_histogram_with_registry,
    register_int_counter_vec_with_registry, register_int_counter_with_registry, register_int_gauge_with_registry,
};

use super::verdict::Verdict;

/// Registered once per process.
pub struct WebhookMetrics {
    pub queued: IntCounter,
    attempts: IntCounterVec,
    pub call_seconds: Histogram,
    pub waiting: IntGauge,
    pub disabled: IntCounterVec,
}

impl WebhookMetrics {
    /// Registers the metrics.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            queued: register_int_counter_with_registry!(
                "chat_notifier_webhooks_queued_total",
                "Deliveries queued, one per event and endpoint",
                registry
            )?,
            attempts: register_int_counter_vec_with_registry!(
                "chat_notifier_webhook_attempts_total",
                "Calls to endpoints: delivered, again (to be repeated), failed (the last attempt), gone (the endpoint wants no more)",
                &["result"],
                registry
            )?,
            call_seconds: register_histogram_with_registry!(
                "chat_notifier_webhook_call_seconds",
                "Time of a call to an endpoint, without the wait for its turn",
                chat_service::metrics::LATENCY_SECONDS_BUCKETS.to_vec(),
                registry
            )?,
            waiting: register_int_gauge_with_registry!(
                "chat_notifier_webhooks_waiting",
                "Deliveries that wait for enabled endpoints, as of the last minute; the same in every process",
                registry
            )?,
            disabled: register_int_counter_vec_with_registry!(
                "chat_notifier_webhooks_disabled_total",
                "Endpoints disabled: gone (answered 410), failing (for days), behind (too much waited)",
                &["why"],
                registry
            )?,
        })
    }

    /// Counts an attempt.
    pub fn count(&self, verdict: Verdict) {
        let result = match verdict {
            Verdict::Delivered => "delivered",
            Verdict::Again(_) => "again",
            Verdict::Failed => "failed",
            Verdict::Gone => "gone",
        };
        self.attempts.with_label_values(&[result]).inc();
    }
}
