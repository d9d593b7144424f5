//! What a client sends, message by message: SockJS framing taken off, pings gathered, rates and times kept.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseReason, ProtocolError};
use bytes::Bytes;
use bytestring::ByteString;
use chat_protocol::{close::CloseCode, limits};
use chat_websocket::{Violation, sockjs};
use futures_util::Stream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    frame_rate::{FrameRate, Pace},
    guarded::Seen,
    transport::Framing,
};
use crate::config::WsConfig;

/// A SockJS client that was busy sends what it has as one frame.
const SOCKJS_LIMITS: sockjs::Limits = sockjs::Limits { strings: 256, bytes: limits::WS_MESSAGE_BYTES };

/// Something from the client.
#[derive(Debug)]
pub enum Incoming {
    /// A text message.
    Text(ByteString),
    /// A binary message.
    Binary(Bytes),
    /// The last of the pings that came together: one pong answers them (RFC 6455 section 5.5.3).
    Ping(Bytes),
    /// A sign of life.
    Pong,
    /// The client closes.
    Close(Option<CloseReason>),
    /// Messages come too fast: the client is to wait for this long. The message that was too much follows all the same.
    TooFast(Duration),
}

/// The end of the stream.
#[derive(Debug)]
pub enum Broken {
    /// The client is gone.
    Gone,
    /// The client did what ends a connection.
    Close(CloseCode, String),
}

/// The receiving side of a connection.
pub struct Inbound {
    stream: AggregatedMessageStream,
    seen: Rc<Seen>,
    framing: Framing,
    rate: FrameRate,
    per_second: u32,
    message_time: Duration,
    /// Rings when the unfinished message is overdue.
    overdue: Pin<Box<Sleep>>,
    ping: Option<Bytes>,
    /// Read and not yet given away: at most what one WebSocket message holds.
    ready: VecDeque<Result<Incoming, Broken>>,
}

impl Inbound {
    /// Reads from a stream behind a guard.
    pub fn new(stream: AggregatedMessageStream, seen: Rc<Seen>, framing: Framing, ws: &WsConfig) -> Self {
        Self {
            stream,
            seen,
            framing,
            rate: FrameRate::new(ws.frames_per_second, ws.frames_burst),
            per_second: ws.frames_per_second,
            message_time: ws.message_time(),
            overdue: Box::pin(sleep_until(Instant::now())),
            ping: None,
            ready: VecDeque::new(),
        }
    }

    /// The next one. Cancel-safe; not to be called again after an error.
    pub async fn next(&mut self) -> Result<Incoming, Broken> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Incoming, Broken>> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Poll::Ready(ready);
            }
            match Pin::new(&mut self.stream).poll_next(context) {
                Poll::Ready(Some(Ok(AggregatedMessage::Ping(payload)))) => {
                    self.ping = Some(payload);
                    self.pace();
                }
                Poll::Ready(message) => {
                    self.answer_pings();
                    self.take(message);
                }
                Poll::Pending if self.ping.is_some() => self.answer_pings(),
                Poll::Pending => return self.poll_overdue(context),
            }
        }
    }

    fn answer_pings(&mut self) {
        self.ready.extend(self.ping.take().map(|payload| Ok(Incoming::Ping(payload))));
    }

    fn take(&mut self, message: Option<Result<AggregatedMessage, ProtocolError>>) {
        let incoming = match message {
            None => Err(Broken::Gone),
            Some(Err(error)) => Err(broken(&error, self.seen.violation())),
            Some(Ok(AggregatedMessage::Close(reason))) => Ok(Incoming::Close(reason)),
            Some(Ok(AggregatedMessage::Text(text))) if self.framing == Framing::SockJs => return self.unframe(&text),
            Some(Ok(message)) => {
                self.pace();
                match message {
                    AggregatedMessage::Text(text) => Ok(Incoming::Text(text)),
                    AggregatedMessage::Binary(_) if self.framing == Framing::SockJs => {
                        Err(Broken::Close(CloseCode::UNSUPPORTED, "SockJS frames are text".to_owned()))
                    }
                    AggregatedMessage::Binary(bytes) => Ok(Incoming::Binary(bytes)),
                    AggregatedMessage::Ping(_) | AggregatedMessage::Pong(_) | AggregatedMessage::Close(_) => {
                        Ok(Incoming::Pong)
                    }
                }
            }
        };
        self.ready.push_back(incoming);
    }

    /// Each string in a SockJS frame is a message.
    fn unframe(&mut self, frame: &str) {
        match sockjs::read(frame, SOCKJS_LIMITS) {
            Ok(messages) if messages.is_empty() => self.pace(),
            Ok(messages) => {
                for message in messages {
                    self.pace();
                    self.ready.push_back(Ok(Incoming::Text(message)));
                }
            }
            Err(sockjs::Error::BrokenJson) => {
                let reason = "a SockJS frame is a JSON array of strings".to_owned();
                self.ready.push_back(Err(Broken::Close(CloseCode::PROTOCOL, reason)));
            }
            Err(error) => self.ready.push_back(Err(Broken::Close(CloseCode::TOO_LARGE, error.to_string()))),
        }
    }

    fn pace(&mut self) {
        match self.rate.count() {
            Pace::Fine => {}
            Pace::Tell(wait) => self.ready.push_back(Ok(Incoming::TooFast(wait))),
            Pace::Cut => {
                let reason = format!("more than {} messages a second for too long", self.per_second);
                self.ready.push_back(Err(Broken::Close(CloseCode::POLICY, reason)));
            }
        }
    }

    /// Nothing is there to be read: has an unfinished message waited for its rest for too long?
    fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<Result<Incoming, Broken>> {
        let Some(begun) = self.seen.begun() else { return Poll::Pending };
        let due = Instant::from_std(begun + self.message_time);
        if self.overdue.deadline() != due {
            self.overdue.as_mut().reset(due);
        }
        self.overdue.as_mut().poll(context).map(|()| {
            let reason = format!("a message must be complete within {} seconds", self.message_time.as_secs());
            Err(Broken::Close(CloseCode::TIMEOUT, reason))
        })
    }
}

/// What a broken stream is answered with.
fn broken(error: &ProtocolError, violation: Option<Violation>) -> Broken {
    let (code, reason) = match (violation, error) {
        (Some(Violation::TooLarge), _) | (None, ProtocolError::Overflow) => {
            (CloseCode::TOO_LARGE, format!("a message has at most {} bytes", limits::WS_MESSAGE_BYTES))
        }
        (Some(Violation::TooManyFragments), _) => (CloseCode::TOO_LARGE, "too many fragments".to_owned()),
        (Some(Violation::Protocol(rule)), _) => (CloseCode::PROTOCOL, rule.to_owned()),
        (None, ProtocolError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            (CloseCode::INVALID_TEXT, "text must be UTF-8".to_owned())
        }
        (None, ProtocolError::Io(_)) => return Broken::Gone,
        (None, error) => (CloseCode::PROTOCOL, error.to_string()),
    };
    Broken::Close(code, reason)
}
