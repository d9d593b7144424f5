//! When something is due on a connection. One timer serves all of it.

use std::time::{Duration, Instant};

use crate::config::WsConfig;

/// Moments at which something is due.
pub struct Deadlines {
    /// The connect frame must be there.
    pub first_frame: Option<Instant>,
    /// Nothing was heard for too long.
    pub dead: Instant,
    /// The next ping goes out.
    pub ping: Instant,
    /// The next STOMP heart-beat goes out.
    pub heart_beat: Option<Instant>,
    /// The client has agreed to be heard on the STOMP stream by then.
    pub silence: Option<Instant>,
    /// Silence on the STOMP stream that means death: twice what was agreed on, as the specification advises to allow for delays.
    silence_after: Option<Duration>,
    /// The access token ends.
    pub token_end: Option<Instant>,
    /// The gateway restarts, and this connection's turn to leave has come.
    pub drain: Option<Instant>,
}

impl Deadlines {
    /// Of a connection that begins now.
    pub fn new(now: Instant, ws: &WsConfig) -> Self {
        Self {
            first_frame: Some(now + Duration::from_secs(ws.first_frame_secs)),
            dead: now + ws.dead_after(),
            ping: now + ws.ping_interval(),
            heart_beat: None,
            silence: None,
            silence_after: None,
            token_end: None,
            drain: None,
        }
    }

    /// STOMP heart-beats agreed on: sent every … ms, expected every … ms; 0 for none.
    pub fn agree(&mut self, now: Instant, (send_ms, expect_ms): (u32, u32)) {
        self.heart_beat = (send_ms > 0).then(|| now + Duration::from_millis(u64::from(send_ms)));
        self.silence_after = (expect_ms > 0).then(|| Duration::from_millis(2 * u64::from(expect_ms)));
        self.heard(now);
    }

    /// Something came on the STOMP stream. The WebSocket's own pongs do not count: a library sends them for an application that is dead.
    pub fn heard(&mut self, now: Instant) {
        self.silence = self.silence_after.map(|after| now + after);
    }

    /// The next one.
    pub fn next(&self) -> Instant {
        let optional = [self.first_frame, self.heart_beat, self.silence, self.token_end, self.drain];
        optional.into_iter().flatten().chain([self.dead, self.ping]).min().unwrap_or(self.ping)
    }
}
