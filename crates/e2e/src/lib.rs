//! All services together, for tests: in this process ([`System`]) or as the real binaries ([`Processes`]), on an isolated part of the
//! test stack. Never part of a release.
#![warn(missing_docs)]

mod balancer;
mod config;
mod crowd;
mod identity_provider;
mod person;
mod processes;
mod raw_http;
mod raw_socket;
mod stomp_client;
mod system;
mod talk;
mod transcript;
mod witness;
mod workers;

pub use balancer::Balancer;
pub use config::ADMIN_TOKEN;
pub use crowd::Crowd;
pub use identity_provider::IdentityProvider;
pub use person::{Person, create_person};
pub use processes::{Exit, Processes, binary, stack};
pub use raw_http::{Answer, ask, upgrade_request};
pub use raw_socket::RawSocket;
pub use stomp_client::StompClient;
pub use system::{Gateway, System};
pub use talk::{PATIENCE, Talk, assert_gapless, deadline, frame_error};
pub use transcript::Transcript;
pub use witness::Witness;
