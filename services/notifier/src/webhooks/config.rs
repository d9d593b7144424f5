//! Section `[deliveries]`.

use std::time::Duration;

use chat_outbound::Schedule;
use chat_service::{ConfigError, Validate};
use serde::{Deserialize, Serialize};

/// How webhooks are delivered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveriesConfig {
    /// Endpoints are read anew this often.
    pub endpoints_ms: u64,
    /// Calls to one endpoint at once, each of another room.
    pub rooms_at_once: usize,
    /// After so many failures in a row an endpoint is left alone …
    pub failures_to_open: u32,
    /// … for this long, and then tried with one call.
    pub open_ms: u64,
    /// Until the second attempt of a delivery; …
    pub retry_first_ms: u64,
    /// … every wait is so many times the last one, …
    pub retry_factor: u32,
    /// … but no longer than this.
    pub retry_longest_ms: u64,
    /// Attempts of a delivery.
    pub attempts: u32,
    /// An endpoint whose failures span this time is disabled; …
    pub disable_after_hours: u64,
    /// … and so is one for which more than this waits of what came since it was enabled.
    pub max_waiting: u32,
    /// Deliveries are kept for this long, for replays.
    pub retention_days: u32,
}

impl DeliveriesConfig {
    pub(super) fn schedule(&self) -> Schedule {
        Schedule {
            first: Duration::from_millis(self.retry_first_ms),
            factor: self.retry_factor,
            longest: Duration::from_millis(self.retry_longest_ms),
            attempts: self.attempts,
        }
    }

    /// Deliveries taken at once.
    pub(super) fn batch(&self) -> u32 {
        u32::try_from(self.rooms_at_once).unwrap_or(u32::MAX).saturating_mul(4)
    }

    pub(super) fn retention_secs(&self) -> i64 {
        i64::from(self.retention_days) * 86_400
    }
}

impl Validate for DeliveriesConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        let ranges = [
            ("endpoints_ms", self.endpoints_ms, 10..=60_000),
            ("rooms_at_once", self.rooms_at_once as u64, 1..=64),
            ("failures_to_open", self.failures_to_open.into(), 1..=1_000),
            ("open_ms", self.open_ms, 1..=3_600_000),
            ("retry_first_ms", self.retry_first_ms, 1..=3_600_000),
            ("retry_factor", self.retry_factor.into(), 1..=10),
            ("retry_longest_ms", self.retry_longest_ms, self.retry_first_ms..=86_400_000),
            ("attempts", self.attempts.into(), 1..=100),
            ("disable_after_hours", self.disable_after_hours, 1..=8_760),
            ("max_waiting", self.max_waiting.into(), 1..=10_000_000),
            ("retention_days", self.retention_days.into(), 1..=365),
        ];
        for (key, value, range) in ranges {
            if !range.contains(&value) {
                let why = format!("must be {} to {}", range.start(), range.end());
                return Err(ConfigError::invalid(&format!("deliveries.{key}"), why));
            }
        }
        Ok(())
    }
}
