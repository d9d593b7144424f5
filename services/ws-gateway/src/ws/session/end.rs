//! The end of a session: why, and the last words.

use std::time::Duration;

use bytestring::ByteString;
use chat_protocol::close::CloseCode;

use super::Session;
use crate::{
    hub::Input,
    ws::{stomp::Fatal, transport::Unwritten},
};

/// Why the session ends.
pub struct End {
    pub code: CloseCode,
    pub reason: String,
    /// Sent before the close frame.
    pub last_frame: Option<ByteString>,
    /// The client may come back after this.
    pub retry_after_ms: Option<u64>,
}

impl End {
    pub fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), last_frame: None, retry_after_ms: None }
    }
}

impl From<Fatal> for End {
    fn from(fatal: Fatal) -> Self {
        // Nobody asked: there is no error before it.
        let replaced = fatal.close == CloseCode::LIMIT && fatal.frame.is_none();
        let reason =
            if replaced { "replaced by a newer session: you have as many as you may" } else { "see the error before" };
        Self { last_frame: fatal.frame, ..Self::new(fatal.close, reason) }
    }
}

impl Session {
    pub(super) async fn finish(mut self, end: Option<End>) {
        if let Some(handle) = &self.handle {
            self.gateway.typing.ended(std::mem::take(&mut self.typing), handle.user_id);
            self.gateway.hub.tell(Input::Detach(handle.id)).await;
        }
        let Some(end) = end else { return };
        self.gateway.metrics.closes.with_label_values(&[&end.code.0.to_string()]).inc();
        // Answers already put into words come before the goodbye.
        self.protocol.closing(end.code, &end.reason, end.retry_after_ms, end.last_frame, &mut self.out);
        if end.code != CloseCode::SLOW && self.flush().await.is_err() {
            return;
        }
        // A client that is gone hears no goodbye. One that is slow has as long as it had before: nothing is kept for it meanwhile.
        let slow = end.code == CloseCode::SLOW;
        let wait = if slow { self.gateway.config.ws.write_stall() } else { Duration::from_secs(1) };
        tokio::time::timeout(wait, self.socket.close(end.code, end.reason)).await.ok();
    }
}

/// What a message that could not be written means for the session.
pub fn unwritten(unwritten: Unwritten) -> Option<End> {
    match unwritten {
        Unwritten::Gone => None,
        Unwritten::Stalled => Some(End::new(CloseCode::SLOW, "the client reads too slowly")),
    }
}
