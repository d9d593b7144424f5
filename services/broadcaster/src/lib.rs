//! Brings committed events to the gateways.
//!
//! - Consumes `chat-events` (group `broadcaster`).
//! - Produces Redis publishes: entries on their room's channel, outcomes on the channel of the gateway that waits; `chat-events-dlt`:
//!   records that can never be published.
//! - Guarantees: every event is published at least once, in the order of its partition; offsets are committed after Redis took the
//!   batch. Pub/Sub itself is at most once: gateways find what they missed by the seq.

mod app;
mod config;
mod metrics;
mod pipeline;
mod routing;

pub use crate::app::run;
pub use crate::config::Config;
