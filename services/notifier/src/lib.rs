//! notifier: tells members what was written while they were not looking.
//!
//! *Consumes* `chat-events` (group `notifier`): committed messages. System entries and outcomes are passed over. With Web Push also
//! `chat-read-events` (same group): what was read is not pushed, or taken back.
//!
//! *Produces* a [`chat_protocol::push::Notification`] on the Redis channel of every member who does not have the room open and wants to hear
//! of it, one per room and batch, standing for all that others wrote; pushes to the devices of those who have no session; `chat-events-dlt`
//! for records that can never be processed.
//!
//! *Guarantees*
//! - Nobody is notified of a message that is not stored, nor of their own, nor of one they have read or muted.
//! - At least once while Redis is there; a repeat has the same id (`roomId:seq`), so that a client shows it once.
//! - Notifications on sessions are best effort beyond that: with Redis away for more than about two seconds they are dropped. What is unread
//!   is never lost: it follows from PostgreSQL. PostgreSQL away: nothing is skipped, the consumer waits.
//! - Pushes are at least once until they expire, Redis or not: they are stored before the offset is committed.
//! - A record that cannot be processed stops no other.
//!
//! Webhooks: every event in a timeline that an endpoint wanted when it happened is queued in PostgreSQL before the offset is committed, and
//! sent by signed calls, at least once and under the same id; an endpoint that is slow or away delays nobody else.

mod app;
mod audience;
mod config;
mod decode;
mod error;
mod metrics;
mod news;
mod persist;
mod pipeline;
mod web_push;
mod webhooks;

pub use app::{run, run_with};
pub use config::{Config, DEFAULT_CONFIG};
