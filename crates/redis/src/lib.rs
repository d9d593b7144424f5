//! The only user of the Redis client: a pool for commands, one Pub/Sub connection per process, who views which room, who is
//! online, how far everybody has read, the sessions of each user, and rates that hold for all gateways.
//!
//! Redis is never the only copy of anything that a client was promised: Pub/Sub is at most once, and every event that tells of a
//! possible loss ([`SubscriberEvent::Connected`], [`SubscriberEvent::Overflow`]) asks its receiver to compare with the database.
#![warn(missing_docs)]

mod config;
mod error;
mod online;
mod outbox;
mod pool;
mod pubsub;
mod rate;
mod read_marks;
mod room_lists;
mod sessions;
mod tickets;
mod viewers;

pub use crate::config::RedisConfig;
pub use crate::error::RedisError;
pub use crate::online::OnlineUsers;
pub use crate::outbox::SubscriberEvent;
pub use crate::pool::RedisPool;
pub use crate::pubsub::{Subscriber, SubscriberHandle};
pub use crate::rate::{SharedRate, SharedRates};
pub use crate::read_marks::{Raise, Raised, ReadMarks};
pub use crate::room_lists::{Lease, Outdated, Part, RoomListCache};
pub use crate::sessions::{RegisteredSession, Renewed, SessionRegistry};
pub use crate::tickets::UsedTickets;
pub use crate::viewers::Viewers;
