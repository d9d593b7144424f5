//! Web Push to the devices of those who have no session: a queue in PostgreSQL, written by the pipeline before the offsets are committed, and
//! workers that take from it.
//!
//! At least once: whoever dies with a job in hand leaves it to the next when the claim ends; a repeat has the same id and replaces the first on
//! the screen.

mod config;
mod origins;
mod queue;
mod request;
mod step;
mod verdict;
mod worker;

pub use self::{
    config::PushConfig,
    queue::{PushQueue, farthest},
    request::Sender,
    worker::Workers,
};
