//! ws-gateway: where clients connect.
//!
//! Consumes: WebSocket (`chat.v1`, STOMP) and REST from clients; room, gateway and user channels of Redis; pages and heads from PostgreSQL.
//! Produces: commands on `chat-messages` and read marks on `chat-read-events`, keyed by room.
//! Guarantees: per connection and room every seq exactly once and in order, from the subscribe point on; `accepted` only after Kafka's
//! acknowledgement; nothing to a user after the entry that ended the membership; nothing kept here that must survive the process.

mod accounts;
mod admission;
mod app;
mod auth;
mod browser;
mod canary;
mod config;
mod error;
mod hub;
mod ingest;
mod landing;
mod last_seen;
mod limits;
mod marks;
mod membership;
mod metrics;
mod passwords;
mod pause;
mod rest;
mod room_lists;
mod routes;
mod single_flight;
mod waiters;
mod ws;

/// One event on its way to many sessions, for the benchmark.
pub mod fan_out {
    pub use crate::{
        hub::{Rendered, Sink, TimelineEvent},
        ws::outbox::{Outbox, size},
    };
}

/// Counting towards a rate, for the benchmark.
pub mod rates {
    pub use crate::limits::Rate;
}

pub use app::{Server, run};
pub use config::Config;
pub use rest::openapi;

/// The commented default configuration.
pub const DEFAULTS: &str = include_str!("../config.default.toml");
