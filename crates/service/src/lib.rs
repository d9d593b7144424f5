//! What every service does identically: configuration, telemetry, lifecycle, readiness, the admin port.
//!
//! [`main`] is the whole of a service's `main.rs`; the service itself is one `async fn(Config, Context)`.
//! This crate knows nothing of Kafka, Redis or PostgreSQL.

#![warn(missing_docs)]

pub mod admin;
pub mod backoff;
mod cli;
pub mod clock;
pub mod config;
mod context;
mod fail_point;
pub mod lifecycle;
mod log_format;
pub mod metrics;
mod patience;
pub mod readiness;
mod run;
pub mod telemetry;

pub use crate::backoff::{Backoff, retry_forever};
pub use crate::clock::{Clock, SystemClock, TestClock};
pub use crate::config::{Common, ConfigError, Secret, Validate};
pub use crate::context::Context;
#[cfg(feature = "fail-points")]
pub use crate::fail_point::break_here;
pub use crate::fail_point::{fail_point, is_broken};
pub use crate::lifecycle::{Lifecycle, Outcome};
pub use crate::patience::Patience;
pub use crate::readiness::{Condition, Latch, Readiness};
pub use crate::run::main;
