//! WebSocket: the upgrade, the session's loop, and the two protocols on it.

mod deadlines;
pub mod destination;
mod endpoints;
mod frame_rate;
mod guarded;
mod handshake;
mod in_flight;
mod inbound;
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
mod transport;
pub mod typing;
mod upgrade;

pub use self::endpoints::{check_paths, configure};
