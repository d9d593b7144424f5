//! The persister's metrics.

use chat_service::metrics::LATENCY_SECONDS_BUCKETS;
use prometheus::{
    Histogram, IntCounter, IntCounterVec, Registry, register_histogram_with_registry,
    register_int_counter_vec_with_registry, register_int_counter_with_registry,
};

/// Registered once per process.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Commands by type and result.
    pub commands: IntCounterVec,
    /// One database call, its repeats included.
    pub apply: Histogram,
    /// From the gateway's taking of a command to its commit.
    pub delay: Histogram,
    /// Database calls that failed and were repeated.
    pub retries: IntCounter,
}

impl Metrics {
    /// Registers the metrics.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            commands: register_int_counter_vec_with_registry!(
                "chat_persister_commands_total",
                "Commands by type and result",
                &["type", "result"],
                registry
            )?,
            apply: register_histogram_with_registry!(
                "chat_persister_apply_seconds",
                "Time of a database call, repeats included",
                LATENCY_SECONDS_BUCKETS.to_vec(),
                registry
            )?,
            delay: register_histogram_with_registry!(
                "chat_persister_commit_delay_seconds",
                "Time from the gateway taking a command to its commit",
                LATENCY_SECONDS_BUCKETS.to_vec(),
                registry
            )?,
            retries: register_int_counter_with_registry!(
                "chat_persister_database_retries_total",
                "Database calls that failed and were repeated",
                registry
            )?,
        })
    }
}
