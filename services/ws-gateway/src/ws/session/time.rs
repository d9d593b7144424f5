//! What time brings: pings, deadlines, the end of the token, the drain.

use std::time::{Duration, Instant};

use bytestring::ByteString;
use chat_protocol::close::CloseCode;
use rand::Rng;

use super::{
    Session, Step,
    end::{End, unwritten},
};
use crate::{hub::Input, ws::protocol::Protocol};

impl Session {
    pub(super) async fn time(&mut self) -> Step {
        let now = Instant::now();
        let ws = &self.gateway.config.ws;
        if self.deadlines.first_frame.is_some_and(|at| now >= at) {
            return Err(Some(End::new(CloseCode::TIMEOUT, "no connect in time")));
        }
        if now >= self.deadlines.dead {
            return Err(Some(End::new(CloseCode::TIMEOUT, "nothing heard for too long")));
        }
        if self.deadlines.token_end.is_some_and(|at| now >= at) {
            return Err(Some(End::new(CloseCode::AUTH, "the access token has expired: refresh it and connect again")));
        }
        if self.deadlines.drain.is_some_and(|at| now >= at) {
            if self.window.is_empty() && self.held.is_empty() {
                let retry_after_ms = Some(rand::rng().random_range(100..1_000));
                return Err(Some(End { retry_after_ms, ..End::new(CloseCode::RESTART, "the server restarts") }));
            }
            // Sends under way are answered first; the hard stop is the limit. Further ones would put the end off for ever:
            // they are refused, and the client repeats them elsewhere.
            self.leaving = true;
            self.deadlines.drain = Some(now + Duration::from_millis(50));
        }
        if now >= self.deadlines.ping {
            self.deadlines.ping = now + ws.ping_interval();
            self.socket.ping().await.map_err(unwritten)?;
            if let (Some(handle), true) = (&self.handle, self.protocol.wants_heads()) {
                self.gateway.hub.tell(Input::Ping(handle.id)).await;
            }
        }
        if let (Protocol::Stomp(stomp), Some(_)) = (&self.protocol, self.deadlines.silence.filter(|at| now >= *at)) {
            return Err(Some(End { reason: "no heart-beat in time".to_owned(), ..stomp.silent().into() }));
        }
        if let (Protocol::Stomp(stomp), Some(_)) = (&self.protocol, self.deadlines.heart_beat.filter(|at| now >= *at)) {
            self.deadlines.heart_beat = Some(now + Duration::from_millis(u64::from(stomp.heart_beat_ms().0)));
            self.out.push(ByteString::from_static(chat_stomp::HEART_BEAT));
        }
        self.socket.beat(now).await.map_err(unwritten)?;
        self.work_off().await
    }

    pub(super) fn next_deadline(&self) -> Instant {
        let due = [self.socket.heart_beat_at(), self.held.until()];
        due.into_iter().flatten().fold(self.deadlines.next(), Instant::min)
    }

    /// Sessions leave one after the other, not all at once: the gateways that take them have time.
    pub(super) fn schedule_drain(&mut self) {
        let spread = self.gateway.drain_spread;
        let wait = spread.mul_f64(rand::rng().random_range(0.0..1.0));
        self.deadlines.drain = Some(Instant::now() + wait);
    }
}
