//! HTTP calls to addresses that others name: webhooks and push services.
//!
//! Whoever may name an address could name one of ours. So a call goes only where [`Guard`] allows: the address is checked when it is
//! saved ([`Guard::check_url`], [`Outbound::check_name`]), and again when it is called. There the name is resolved once, and the connection
//! goes to the very addresses that were checked, so that a name that changes in between leads nowhere else. Redirections are answers, not
//! followed; there is no proxy; an answer's body is read up to a limit and thrown away; every call has a time limit; and there are
//! only so many at once.
//!
//! [`Breaker`] and [`Schedule`] say when to call again; [`signed_headers`] lets whoever is called verify who calls.

#![warn(missing_docs)]

mod address;
mod attempt;
mod breaker;
mod client;
mod config;
mod guard;
mod resolver;
mod schedule;
mod signature;

pub use address::{AddressKind, kind_of};
pub use attempt::{Attempt, Failure};
pub use breaker::Breaker;
pub use client::{Outbound, Turn};
pub use config::OutboundConfig;
pub use guard::{Forbidden, Guard, Target, URL_CHARS};
pub use hyper::{HeaderMap, header};
pub use resolver::{Resolver, SystemResolver};
pub use schedule::Schedule;
pub use signature::{Unsigned, new_secret, signed_headers};
