//! What lies between HTTP and the client protocols, without I/O.
//!
//! [`frame_guard`] stands in front of a WebSocket decoder and ends a connection from a frame's header, before what the frame announces is
//! buffered. [`sockjs`] is the framing that SockJS clients put around the messages of a WebSocket.
//!
//! Guarantees: no input makes this crate panic; what is held of a connection is bounded by a constant; nothing depends on how the input is
//! cut.
//!
//! Deliberately absent: the decoding of frames (the WebSocket library's), routes and sessions (the gateway's), the SockJS transports over
//! plain HTTP.
#![warn(missing_docs)]

pub mod frame_guard;
pub mod sockjs;

pub use frame_guard::{FrameGuard, FrameLimits, Violation};
