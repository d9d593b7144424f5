//! What the session writes to: a WebSocket, plain or with SockJS framing.

use std::time::{Duration, Instant};

use actix_ws::{CloseReason, Closed};
use bytestring::ByteString;
use chat_protocol::close::CloseCode;
use chat_websocket::sockjs;

use crate::config::WsConfig;

/// How messages are put into WebSocket messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// As they are: a frame for many receivers stays one.
    Plain,
    /// As SockJS has it.
    SockJs,
}

/// A message was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritten {
    /// The client is gone.
    Gone,
    /// It has taken nothing for too long.
    Stalled,
}

/// The sending side of a connection.
pub struct Socket {
    inner: actix_ws::Session,
    framing: Framing,
    stall: Duration,
    heart_beat: Duration,
    written: Instant,
    /// How the client closed: it is answered alike.
    closed_by_client: Option<CloseReason>,
}

impl Socket {
    /// Opens it: the first frame of SockJS is ours.
    pub async fn open(inner: actix_ws::Session, framing: Framing, ws: &WsConfig) -> Result<Self, Unwritten> {
        let (stall, heart_beat) = (ws.write_stall(), ws.sockjs_heart_beat());
        let mut socket = Self { inner, framing, stall, heart_beat, written: Instant::now(), closed_by_client: None };
        if framing == Framing::SockJs {
            socket.write(ByteString::from_static(sockjs::OPEN)).await?;
        }
        Ok(socket)
    }

    /// Sends a message.
    pub async fn text(&mut self, message: ByteString) -> Result<(), Unwritten> {
        let message = match self.framing {
            Framing::Plain => message,
            Framing::SockJs => sockjs::message(&message),
        };
        self.write(message).await
    }

    /// Sends a WebSocket ping.
    pub async fn ping(&mut self) -> Result<(), Unwritten> {
        in_time(self.stall, self.inner.ping(b"")).await
    }

    /// Answers a WebSocket ping.
    pub async fn pong(&mut self, payload: &[u8]) -> Result<(), Unwritten> {
        in_time(self.stall, self.inner.pong(payload)).await
    }

    /// When a heart-beat of the framing is due.
    pub fn heart_beat_at(&self) -> Option<Instant> {
        (self.framing == Framing::SockJs).then(|| self.written + self.heart_beat)
    }

    /// Sends it if it is.
    pub async fn beat(&mut self, now: Instant) -> Result<(), Unwritten> {
        if self.heart_beat_at().is_some_and(|at| now >= at) {
            self.write(ByteString::from_static(sockjs::HEART_BEAT)).await?;
        }
        Ok(())
    }

    /// The client closes.
    pub fn closed_by_client(&mut self, reason: Option<CloseReason>) {
        self.closed_by_client = reason;
    }

    /// Closes, with the client's own code if it closed with one (RFC 6455 section 5.5.1).
    pub async fn close(mut self, code: CloseCode, reason: String) -> Result<(), Unwritten> {
        if self.framing == Framing::SockJs {
            self.write(sockjs::close(code.0, &reason)).await?;
        }
        let reason = match self.closed_by_client {
            Some(CloseReason { code, .. }) => CloseReason { code, description: None },
            None => CloseReason { code: code.0.into(), description: Some(reason).filter(|reason| !reason.is_empty()) },
        };
        in_time(self.stall, self.inner.close(Some(reason))).await
    }

    async fn write(&mut self, message: ByteString) -> Result<(), Unwritten> {
        in_time(self.stall, self.inner.text(message)).await?;
        self.written = Instant::now();
        Ok(())
    }
}

async fn in_time(stall: Duration, writing: impl Future<Output = Result<(), Closed>>) -> Result<(), Unwritten> {
    match tokio::time::timeout(stall, writing).await {
        Ok(written) => written.map_err(|_| Unwritten::Gone),
        Err(_) => Err(Unwritten::Stalled),
    }
}
