//! The sections every service has. Their meaning and defaults are in `common.default.toml`.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use super::{ConfigError, Validate};

/// All common sections.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    /// `[log]`
    pub log: LogConfig,
    /// `[admin]`
    pub admin: AdminConfig,
    /// `[shutdown]`
    pub shutdown: ShutdownConfig,
    /// `[tracing]`
    pub tracing: TracingConfig,
    /// `[runtime]`
    pub runtime: RuntimeConfig,
}

impl Default for Common {
    fn default() -> Self {
        toml::from_str(super::COMMON_DEFAULTS).expect("the embedded defaults are tested")
    }
}

/// What is logged, and how it looks.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// A level, or directives per module.
    pub filter: String,
    /// One JSON object a line, or text.
    pub format: LogFormat,
}

/// The look of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For reading in a terminal.
    Text,
}

/// The admin port.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AdminConfig {
    /// Where `/live`, `/ready` and `/metrics` answer.
    pub listen: SocketAddr,
}

/// How long a shutdown may take.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ShutdownConfig {
    /// Seconds over which work is handed over.
    pub drain_secs: u64,
    /// Seconds until what still runs is dropped.
    pub deadline_secs: u64,
}

impl ShutdownConfig {
    /// Time over which work is handed over.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_secs)
    }

    /// Time until what still runs is dropped.
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline_secs)
    }
}

/// Export of traces.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TracingConfig {
    /// Base address of an OTLP/HTTP collector; empty exports nothing.
    pub otlp_endpoint: String,
    /// Share of new traces that are exported.
    pub sample_ratio: f64,
}

/// The threads of the process.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeConfig {
    /// Threads that run the service's tasks.
    pub worker_threads: usize,
}

impl Validate for Common {
    fn validate(&self) -> Result<(), ConfigError> {
        if let Err(error) = EnvFilter::builder().parse(&self.log.filter) {
            return Err(ConfigError::invalid("log.filter", format!("cannot be read: {error}")));
        }
        if self.shutdown.deadline_secs <= self.shutdown.drain_secs {
            return Err(ConfigError::invalid("shutdown.deadline_secs", "must be more than shutdown.drain_secs"));
        }
        if !(0.0..=1.0).contains(&self.tracing.sample_ratio) {
            return Err(ConfigError::invalid("tracing.sample_ratio", "must be between 0.0 and 1.0"));
        }
        let endpoint = &self.tracing.otlp_endpoint;
        if !endpoint.is_empty() && !endpoint.starts_with("http://") {
            let why = "must start with http:// (a collector beside the service adds TLS where it is needed)";
            return Err(ConfigError::invalid("tracing.otlp_endpoint", why));
        }
        if !(1..=64).contains(&self.runtime.worker_threads) {
            return Err(ConfigError::invalid("runtime.worker_threads", "must be between 1 and 64"));
        }
        Ok(())
    }
}
