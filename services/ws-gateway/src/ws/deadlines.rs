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
            token_end: None,
            drain: None,
        }
    }

    /// The next one.
    pub fn next(&self) -> Instant {
        let optional = [self.first_frame, self.heart_beat, self.token_end, self.drain];
        optional.into_iter().flatten().chain([self.dead, self.ping]).min().unwrap_or(self.ping)
    }
}
