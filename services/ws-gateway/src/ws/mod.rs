//! WebSocket: the upgrade, the session's loop, and the two protocols on it.

mod deadlines;
pub mod destination;
mod in_flight;
mod native;
pub mod outbox;
mod protocol;
mod reply;
pub mod request;
mod send_window;
mod session;
mod stomp;
mod strikes;
mod template;
mod upgrade;

pub use self::upgrade::upgrade;
