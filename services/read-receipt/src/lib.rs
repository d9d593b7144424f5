//! read-receipt: how far everybody has read.
//!
//! *Consumes* `chat-read-events` (group `read-receipt`): one [`chat_protocol::MarkRead`] per mark that a client sent.
//!
//! *Produces* a `read` push ([`chat_protocol::ReadReceipt`]) on the Redis channel of the room for every mark that moved;
//! `chat-read-events-dlt` for records that can never be processed.
//!
//! *Guarantees*
//! - A mark only moves forward, never beyond the room's head, and only a member's mark moves, whatever is redelivered or reordered.
//! - A mark is in PostgreSQL before its Kafka offset is committed: no single crash loses one.
//! - PostgreSQL away: nothing is skipped, the consumer waits. Redis away: marks are stored all the same, only the live push is given
//!   up after about two seconds; clients read the truth from PostgreSQL on their next load.
//! - A record that cannot be processed stops no other.

mod app;
mod coalesce;
mod config;
mod decode;
mod error;
mod metrics;
mod pipeline;

pub use app::run;
pub use config::{Config, DEFAULT_CONFIG};
