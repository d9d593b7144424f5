//! Configuration section.

use std::time::Duration;

use chat_service::{ConfigError, Validate};
use serde::{Deserialize, Serialize};

use crate::guard::Guard;

/// `[outbound]`: calls to addresses that others name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundConfig {
    /// Whether addresses of this machine and of private networks may be called.
    pub allow_private: bool,
    /// Whether `http` may be called besides `https`.
    pub allow_http: bool,
    /// Time limit of a connection.
    pub connect_ms: u64,
    /// Time limit of a whole call.
    pub within_ms: u64,
    /// Calls at once.
    pub calls_at_once: usize,
}

impl OutboundConfig {
    /// Where calls may go.
    pub fn guard(&self) -> Guard {
        Guard { allow_private: self.allow_private, allow_http: self.allow_http }
    }

    pub(crate) fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms)
    }

    pub(crate) fn within(&self) -> Duration {
        Duration::from_millis(self.within_ms)
    }
}

impl Validate for OutboundConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        if !(100..=60_000).contains(&self.within_ms) {
            return Err(ConfigError::invalid("outbound.within_ms", "must be 100 to 60000"));
        }
        if !(1..=self.within_ms).contains(&self.connect_ms) {
            return Err(ConfigError::invalid("outbound.connect_ms", "must be 1 to outbound.within_ms"));
        }
        if !(1..=1_024).contains(&self.calls_at_once) {
            return Err(ConfigError::invalid("outbound.calls_at_once", "must be 1 to 1024"));
        }
        Ok(())
    }
}
