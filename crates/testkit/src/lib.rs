//! What tests against the real Kafka, PostgreSQL and Redis share. Never part of a release.
//!
//! Tests run side by side: each takes an [`Isolation`], which is a schema, a topic prefix and a Redis prefix of its own.
#![warn(missing_docs)]

mod env;
mod eventually;
mod isolation;
mod proxy;
mod receiver;
mod signing;
mod token;

pub use env::TestEnv;
pub use isolation::Isolation;
pub use proxy::TcpProxy;
pub use receiver::{Received, Receiver, Reply};
pub use signing::{SigningKey, key_set};
pub use token::access_token;

#[doc(hidden)]
pub use tokio; // for assert_eventually!
