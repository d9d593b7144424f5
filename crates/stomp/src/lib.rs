//! STOMP 1.0, 1.1 and 1.2 without I/O: frames, a streaming decoder, an encoder, and the server's session rules.
//!
//! Nothing here reads a socket or a clock. The caller passes the bytes it received to [`Decoder::decode`], the frames that
//! come out to [`Session::accept`], and sends what [`encode`] or [`MessageTemplate`] return.
//!
//! Guarantees: no input makes this crate panic; at most [`Limits::frame`] bytes of an unfinished frame are held; cutting the
//! same bytes into other pieces gives the same items; every frame that was decoded can be encoded again for the same version
//! and means the same.
//!
//! Deliberately absent: authorization and the meaning of destinations (the gateway's), acknowledgement modes and
//! transactions (answered with an error), evaluation of `selector` (ignored).
#![warn(missing_docs)]

mod body;
mod decoder;
mod encoder;
mod error;
mod escape;
mod frame;
mod head;
mod negotiation;
mod scan;
mod session;
mod session_error;
mod subscriptions;

pub use decoder::{Decoder, Item, Limits};
pub use encoder::{HEART_BEAT, MessageTemplate, encode, encode_text};
pub use error::DecodeError;
pub use frame::{Command, Frame, Headers, Version, header};
pub use negotiation::{HeartBeat, Negotiated};
pub use session::{Phase, Request, ServerSettings, Session, error, receipt};
pub use session_error::{Rule, SessionError};
pub use subscriptions::{Subscription, Subscriptions};
