//! Why there is no connection, or no result, and how a connection ended.

use std::time::Duration;

use chat_protocol::frame::FrameError;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::{
    self,
    http::{Response, header::RETRY_AFTER},
};

use super::{CALL_TIMEOUT, OPEN_TIMEOUT};

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server answered the upgrade with an HTTP error.
    #[error("the server refused the WebSocket with HTTP status {0}")]
    Http(u16),
    /// The server takes no connection just now, and says when to come again.
    #[error("the server takes no WebSocket just now (HTTP status {status})")]
    Later {
        /// 429 or 503.
        status: u16,
        /// Not before this long.
        retry_after: Duration,
    },
    /// No TCP connection, or no WebSocket behind it.
    #[error("no WebSocket connection")]
    WebSocket(#[source] Box<tungstenite::Error>),
    /// Nothing happened in time.
    #[error("no WebSocket connection within {} s", OPEN_TIMEOUT.as_secs())]
    Timeout,
    /// The `connect` command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Why a command has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// The server refused.
    #[error("{} ({})", .0.message, .0.code)]
    Refused(FrameError),
    /// The connection ended first.
    #[error("the connection ended: {0}")]
    Closed(Closed),
    /// No reply in time, or one that does not belong to the command.
    #[error("no reply within {} s", CALL_TIMEOUT.as_secs())]
    Timeout,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The close code the server sent; `None` when it ended without one.
    pub code: Option<u16>,
    /// The reason beside the code, or the error.
    pub reason: String,
}

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) => write!(f, "{} (close code {code})", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// What is read of a problem document; the header only knows whole seconds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Waiting {
    retry_after_ms: u64,
}

/// An upgrade that the server answered with something else.
pub(super) fn refused(response: &Response<Option<Vec<u8>>>) -> ConnectError {
    let status = response.status().as_u16();
    let in_body = response.body().as_deref().and_then(|body| serde_json::from_slice::<Waiting>(body).ok());
    let in_header = || response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs);
    let told = in_body.map(|waiting| Duration::from_millis(waiting.retry_after_ms)).or_else(in_header);
    match told.filter(|_| matches!(status, 429 | 503)) {
        Some(retry_after) => ConnectError::Later { status, retry_after },
        None => ConnectError::Http(status),
    }
}
