//! read-receipt: how far everybody has read.
//!
//! *Consumes* `chat-read-events` (group `read-receipt`): one [`chat_protocol::MarkRead`] per mark that a client sent.
//!
//! *Produces* on the Redis channel of the room a `read` push ([`chat_protocol::ReadReceipt`]) for every mark that moved, and the same on the
//! channel of the user whose mark it is; `chat-read-events-dlt` for records that can never be processed.
//!
//! *Keeps* the farthest mark of each member in Redis ([`chat_redis::ReadMarks`]), which decides what is told, and in PostgreSQL, which is the truth.
//!
//! *Guarantees*
//! - A mark only moves forward, never beyond the room's head, and only a member's mark moves, whatever is redelivered or reordered.
//! - Nobody is told of a mark that goes back, whatever Redis has lost: what Redis does not know is compared with PostgreSQL, and with what this
//!   process told and has not stored yet.
//! - A mark is in PostgreSQL before its Kafka offset is committed: no single crash loses one, and one that was told is in Kafka until it is stored.
//! - PostgreSQL away: nothing is skipped. Marks that Redis can compare are told all the same; what is not stored waits, up to `dirty_max`
//!   records, then the consumer waits. Redis away: marks are stored all the same, only the live push is given up after about two seconds;
//!   clients read the truth from PostgreSQL on their next load.
//! - A record that cannot be processed stops no other.

mod app;
mod coalesce;
mod config;
mod decode;
mod dirty;
mod error;
mod flush;
mod metrics;
mod pipeline;
mod pushes;
mod raise;

pub use app::run;
pub use config::{Config, DEFAULT_CONFIG};
