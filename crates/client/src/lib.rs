//! A client of the chat: REST, and the native WebSocket protocol `chat.v1`.
//!
//! | layer | what it does |
//! | --- | --- |
//! | [`rest::RestClient`] | typed REST calls; waits when told to (429, 503) |
//! | [`account::Account`] | a logged-in user: keeps the access token fresh |
//! | [`connection::Connection`] | one WebSocket, nothing hidden: commands, replies, pushes, raw frames, close code |
//! | [`client::Client`] | stays connected: resumes rooms without loss, repeats unanswered sends, gives every entry exactly once |
//!
//! The rules of the last one are pure and tested by themselves: [`tracker`] (which entries were seen), [`outbox`] (which
//! sends are unanswered), [`receipts`] (how far others have read).
#![warn(missing_docs)]

pub mod account;
pub mod client;
pub mod connection;
pub mod outbox;
pub mod receipts;
pub mod rest;
mod session;
pub mod tracker;

pub use account::{Account, StaticToken, TokenProvider};
pub use client::{Client, ClientHandle, ClientOptions, Event, SendState};
pub use connection::{Caller, Closed, Connection, Incoming};
pub use rest::{RestClient, RestError};

/// The WebSocket address of a server's base address: `http://host:8080` → `ws://host:8080/ws/v1/chat`.
pub fn ws_url(base: &str) -> String {
    let base = base.trim_end_matches('/');
    let base = base.strip_prefix("http").map_or_else(|| base.to_owned(), |rest| format!("ws{rest}"));
    format!("{base}/ws/v1/chat")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_websocket_address_follows_from_the_base_address() {
        assert_eq!(super::ws_url("http://127.0.0.1:8080/"), "ws://127.0.0.1:8080/ws/v1/chat");
        assert_eq!(super::ws_url("https://chat.example.org"), "wss://chat.example.org/ws/v1/chat");
    }
}
