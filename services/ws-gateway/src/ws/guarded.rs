//! The frame guard between the socket and the WebSocket decoder, and what the session is told of it.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Instant,
};

use actix_web::{dev, error::PayloadError};
use bytes::Bytes;
use chat_protocol::limits;
use chat_websocket::{FrameGuard, FrameLimits, Violation};
use futures_util::Stream;

/// What the guard lets through. Clients that split messages do so above 16 KiB; 1,024 fragments are far more than any needs.
const LIMITS: FrameLimits = FrameLimits { message_bytes: limits::WS_MESSAGE_BYTES as u64, fragments: 1_024 };

/// What the guard saw, shared with the session.
#[derive(Debug, Default)]
pub struct Seen {
    violation: Cell<Option<Violation>>,
    begun: Cell<Option<Instant>>,
}

impl Seen {
    /// Why the stream ended, when the guard ended it.
    pub fn violation(&self) -> Option<Violation> {
        self.violation.get()
    }

    /// Since when a message is unfinished.
    pub fn begun(&self) -> Option<Instant> {
        self.begun.get()
    }
}

/// The request's body with the guard in front.
pub struct Guarded {
    inner: dev::Payload,
    guard: FrameGuard,
    /// The unfinished message, by its number.
    unfinished: Option<u64>,
    seen: Rc<Seen>,
}

impl Guarded {
    /// In front of a request's body.
    pub fn new(inner: dev::Payload) -> (Self, Rc<Seen>) {
        let seen = Rc::<Seen>::default();
        (Self { inner, guard: FrameGuard::new(LIMITS), unfinished: None, seen: seen.clone() }, seen)
    }
}

impl Stream for Guarded {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.seen.violation.get().is_some() {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut this.inner).poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            if let Err(violation) = this.guard.feed(bytes) {
                this.seen.violation.set(Some(violation));
                return Poll::Ready(Some(Err(PayloadError::Overflow)));
            }
            let unfinished = this.guard.unfinished();
            if unfinished != this.unfinished {
                this.unfinished = unfinished;
                this.seen.begun.set(unfinished.map(|_| Instant::now()));
            }
        }
        polled
    }
}
