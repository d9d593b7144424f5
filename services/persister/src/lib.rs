//! The one writer of every room's timeline.
//!
//! - Consumes `chat-messages` (group `persister`): commands, keyed by room.
//! - Produces `chat-events`: what was committed, with its seq, and what became of every command; `chat-messages-dlt`: records that can
//!   never be executed.
//! - Guarantees: an event exists only for what is committed in PostgreSQL; every command that was accepted ends in an event, whatever
//!   crashes in between; a repeated command changes nothing and its event is produced again; offsets are committed last.

mod answer;
mod app;
mod config;
mod decode;
mod error;
mod metrics;
mod pipeline;
mod plan;
mod writer;

pub use crate::app::run;
pub use crate::config::Config;
