//! One WebSocket connection.
//!
//! The loop: client frames → requests → answers; the outbox (filled by the hub) → frames; Kafka's acknowledgements → answers; time →
//! pings, deadlines, the end of the token, the drain. A client that does not read holds up nobody but itself: its socket is written with
//! a deadline, its outbox is bounded.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytestring::ByteString;
use chat_protocol::{ErrorCode, Rejection, SessionId, close::CloseCode, limits};
use jiff::Timestamp;
use rand::Rng;

use super::{
    deadlines::Deadlines,
    inbound::{Broken, Inbound, Incoming},
    native,
    outbox::{self, Item, Outbox},
    protocol::Protocol,
    reply::Reply,
    request::{Request, SendRequest, Tag},
    send_window::{Action, SendWindow, Sent, Standing, What},
    stomp::Fatal,
    strikes::Strikes,
    transport::{Socket, Unwritten},
    typing::TypingThrottle,
};
use crate::{
    admission::{Place, UserPlace},
    app::Gateway,
    auth::Identity,
    config::WsConfig,
    error::Refusal,
    hub::{Input, SessionHandle},
};

/// What the protocols tell the client about the session.
#[derive(Debug, Clone)]
pub struct SessionInfo {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub identity: Identity,
    /// Pings come this often.
    pub ping_interval_ms: u64,
}

/// Why the session ends.
struct End {
    code: CloseCode,
    reason: String,
    /// Sent before the close frame.
    last_frame: Option<ByteString>,
    /// The client may come back after this.
    retry_after_ms: Option<u64>,
}

impl End {
    fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), last_frame: None, retry_after_ms: None }
    }
}

impl From<Fatal> for End {
    fn from(fatal: Fatal) -> Self {
        Self { last_frame: fatal.frame, ..Self::new(fatal.close, "see the error before") }
    }
}

/// The connection's parts.
pub struct Connection {
    pub gateway: Arc<Gateway>,
    pub socket: Socket,
    pub inbound: Inbound,
    pub protocol: Protocol,
    /// From a token in the upgrade; the connect frame may bring another.
    pub identity: Option<Identity>,
    /// Kept as long as the connection lasts.
    pub place: Place,
}

struct Session {
    gateway: Arc<Gateway>,
    socket: Socket,
    protocol: Protocol,
    upgrade_identity: Option<Identity>,
    /// Since the connect.
    info: Option<SessionInfo>,
    handle: Option<Arc<SessionHandle>>,
    window: SendWindow,
    strikes: Strikes,
    typing: TypingThrottle,
    deadlines: Deadlines,
    out: Vec<ByteString>,
    /// Among the sessions of the user, since the connect.
    user_place: Option<UserPlace>,
}

enum Wake {
    Message(Result<Incoming, Broken>),
    Items,
    Settled(Sent, Standing),
    Time,
    Drain,
}

/// Runs a connection to its end.
pub async fn run(connection: Connection) {
    let Connection { gateway, socket, mut inbound, protocol, identity, place: _place } = connection;
    let deadlines = Deadlines::new(Instant::now(), &gateway.config.ws);
    let draining = gateway.lifecycle.soft();
    let strikes = Strikes::new(gateway.config.ws.strikes);
    let mut session = Session {
        gateway,
        socket,
        protocol,
        upgrade_identity: identity,
        info: None,
        handle: None,
        window: SendWindow::default(),
        strikes,
        typing: TypingThrottle::default(),
        deadlines,
        out: Vec::new(),
        user_place: None,
    };
    let mut items = Vec::new();
    let end = loop {
        let (outbox, next) = (session.handle.clone(), session.next_deadline());
        let wake = tokio::select! {
            message = inbound.next(), if session.window.has_space() => Wake::Message(message),
            () = take(outbox.as_deref(), &mut items) => Wake::Items,
            (sent, standing) = session.window.next() => Wake::Settled(sent, standing),
            () = tokio::time::sleep_until(next.into()) => Wake::Time,
            () = draining.cancelled(), if session.deadlines.drain.is_none() => Wake::Drain,
        };
        let step = match wake {
            Wake::Message(Err(Broken::Gone)) => break None,
            Wake::Message(Err(Broken::Close(code, reason))) => break Some(End::new(code, reason)),
            Wake::Message(Ok(message)) => session.message(message).await,
            Wake::Items => session.items(&mut items).await,
            Wake::Settled(sent, standing) => session.settled(&sent, standing).await,
            Wake::Time => session.time().await,
            Wake::Drain => {
                session.schedule_drain();
                Ok(())
            }
        };
        if let Err(end) = step {
            break end;
        }
    };
    session.finish(end).await;
}

async fn take(handle: Option<&SessionHandle>, items: &mut Vec<Item>) {
    match handle {
        Some(handle) => handle.outbox.take(items).await,
        None => std::future::pending().await,
    }
}

/// A step of the loop: go on, or end (with a goodbye, if the client can still hear it).
type Step = Result<(), Option<End>>;

impl Session {
    async fn message(&mut self, message: Incoming) -> Step {
        let now = Instant::now();
        self.deadlines.dead = now + self.gateway.config.ws.dead_after();
        let mut requests = Vec::new();
        let read = match message {
            Incoming::Ping(bytes) => return self.socket.pong(&bytes).await.map_err(unwritten),
            Incoming::Pong => return Ok(()),
            Incoming::Close(reason) => {
                self.socket.closed_by_client(reason);
                return Err(Some(End::new(CloseCode::NORMAL, "")));
            }
            Incoming::TooFast(wait) => {
                let rejection = too_fast(&self.gateway.config.ws).retry_after(wait);
                self.answer(&self.protocol.unasked(), Reply::Refused(rejection))?;
                return self.flush().await;
            }
            Incoming::Text(text) => self.protocol.read(text.into_bytes(), true, &mut requests),
            Incoming::Binary(bytes) => self.protocol.read(bytes, false, &mut requests),
        };
        self.deadlines.heard(now);
        for request in requests {
            self.request(request).await?;
        }
        self.flush().await?;
        read.map_err(|fatal| Some(fatal.into()))
    }

    async fn request(&mut self, request: Request) -> Step {
        let Some(handle) = self.handle.clone() else {
            return match request {
                Request::Connect { tag, token, rooms } => {
                    let rooms = rooms.into_iter().map(native::room_request).collect();
                    self.connect(tag, token.as_deref(), rooms).await
                }
                Request::Unreadable { tag, rejection } => self.unreadable(&tag, rejection),
                Request::Refused { tag, rejection } => self.answer(&tag, Reply::Refused(rejection)),
                Request::Subscribe { tag, .. }
                | Request::Unsubscribe { tag, .. }
                | Request::Send { tag, .. }
                | Request::Refresh { tag, .. }
                | Request::Typing { tag, .. }
                | Request::History { tag, .. }
                | Request::Read { tag, .. }
                | Request::Answer { tag }
                | Request::Disconnect { tag } => self.answer(&tag, Reply::Refused(Protocol::not_connected())),
            };
        };
        match request {
            Request::Connect { tag, .. } => {
                let rejection = Rejection::new(ErrorCode::BadRequest, "already connected");
                self.answer(&tag, Reply::Refused(rejection))
            }
            Request::Subscribe { tag, rooms } if rooms.is_empty() || rooms.len() > limits::ROOMS_PER_SUBSCRIBE => {
                self.answer(&tag, Reply::Refused(rooms_limit()))
            }
            Request::Subscribe { tag, rooms } => {
                self.gateway.hub.tell(Input::Subscribe { session: handle.id, tag, rooms }).await;
                Ok(())
            }
            Request::Unsubscribe { tag, rooms } => {
                self.gateway.hub.tell(Input::Unsubscribe { session: handle.id, rooms }).await;
                self.answer(&tag, Reply::Unsubscribed)
            }
            Request::Send { tag, send } => self.send(&handle, tag, send).await,
            Request::Refresh { tag, token } => self.refresh(&handle, &tag, &token),
            Request::Typing { tag, room_id, typing } => {
                let told = self.gateway.typing.tell(&mut self.typing, handle.user_id, room_id, typing).await;
                self.answer(
                    &tag,
                    told.map_or_else(|refusal| Reply::Refused(refusal.into_rejection()), |()| Reply::Typing),
                )
            }
            Request::History { tag, room_id, before, after, limit } => {
                let user_id = handle.user_id;
                let page = self.gateway.history(user_id, room_id, before, after, limit).await;
                let reply = match page {
                    Ok(page) => Reply::History { room_id, messages: page.messages, more: page.more, head: page.head },
                    Err(refusal) => Reply::Refused(refusal.into_rejection()),
                };
                self.answer(&tag, reply)
            }
            Request::Read { tag, room_id, seq } => {
                match self.gateway.ingest.mark_read(room_id, handle.user_id, seq).await {
                    Ok(delivery) => {
                        self.window.push(Sent { tag, since: Instant::now(), what: What::ReadMark }, delivery);
                        Ok(())
                    }
                    Err(refusal) => self.answer(&tag, Reply::Refused(refusal.into_rejection())),
                }
            }
            Request::Answer { tag } => self.answer(&tag, Reply::Done),
            Request::Unreadable { tag, rejection } => self.unreadable(&tag, rejection),
            Request::Refused { tag, rejection } => self.answer(&tag, Reply::Refused(rejection)),
            Request::Disconnect { tag } => {
                self.answer(&tag, Reply::Done)?;
                Err(Some(End::new(CloseCode::NORMAL, "")))
            }
        }
    }

    async fn connect(&mut self, tag: Tag, token: Option<&str>, rooms: Vec<super::request::RoomRequest>) -> Step {
        if rooms.len() > limits::ROOMS_PER_SUBSCRIBE {
            return self.answer(&tag, Reply::Refused(rooms_limit()));
        }
        let identity = match (token.map(|token| self.gateway.tokens.verify(token)), self.upgrade_identity) {
            (Some(Ok(identity)), _) | (None, Some(identity)) => identity,
            (Some(Err(rejection)), _) => return self.answer(&tag, Reply::Refused(rejection)),
            (None, None) => return self.answer(&tag, Reply::Refused(Protocol::not_connected())),
        };
        let Some(place) = self.gateway.admission.sessions.of_user(identity.user_id) else {
            return self.answer(&tag, Reply::Refused(session_limit(&self.gateway.config.ws)));
        };
        self.user_place = Some(place);
        self.deadlines.first_frame = None;
        self.token_ends(identity.expires_at);
        let ws = &self.gateway.config.ws;
        if let Protocol::Stomp(stomp) = &self.protocol {
            self.deadlines.agree(Instant::now(), stomp.heart_beat_ms());
        }
        let info = SessionInfo {
            id: SessionId::generate(),
            identity,
            ping_interval_ms: u64::try_from(ws.ping_interval().as_millis()).unwrap_or(u64::MAX),
        };
        let outbox = Outbox::new(ws.outbox_bytes);
        let handle = Arc::new(SessionHandle { id: info.id, user_id: identity.user_id, outbox });
        self.gateway.hub.tell(Input::Attach(handle.clone())).await;
        if rooms.is_empty() {
            self.protocol.connected(&tag, &info, &mut self.out);
        } else {
            self.gateway.hub.tell(Input::Subscribe { session: info.id, tag, rooms }).await;
        }
        (self.info, self.handle) = (Some(info), Some(handle));
        Ok(())
    }

    /// Told why; one too many ends the session.
    fn unreadable(&mut self, tag: &Tag, rejection: Rejection) -> Step {
        if self.strikes.strike(Instant::now()) {
            let end = End::from(self.protocol.struck_out(tag, rejection));
            return Err(Some(End { reason: "too many frames that could not be read".to_owned(), ..end }));
        }
        self.answer(tag, Reply::Refused(rejection))
    }

    /// The same user goes on with a new token.
    fn refresh(&mut self, handle: &SessionHandle, tag: &Tag, token: &str) -> Step {
        let reply = match self.gateway.tokens.verify(token) {
            Ok(identity) if identity.user_id == handle.user_id => {
                self.token_ends(identity.expires_at);
                self.info = self.info.take().map(|info| SessionInfo { identity, ..info });
                Reply::Refreshed { expires_at: identity.expires_at }
            }
            Ok(_) => {
                Reply::Refused(Rejection::new(ErrorCode::Forbidden, "token must be the same user's: connect anew"))
            }
            Err(rejection) => Reply::Refused(rejection),
        };
        self.answer(tag, reply)
    }

    fn token_ends(&mut self, at: Timestamp) {
        let left = Duration::try_from(at.duration_since(self.gateway.clock.now())).unwrap_or_default();
        self.deadlines.token_end = Some(Instant::now() + left);
    }

    async fn send(&mut self, handle: &SessionHandle, tag: Tag, send: SendRequest) -> Step {
        let (room_id, client_message_id, since) = (send.room_id, send.client_message_id.clone(), Instant::now());
        let action = Action::from(&send.body);
        match self.gateway.ingest.send(handle.user_id, handle.id, send).await {
            Ok(delivery) => {
                self.window
                    .push(Sent { tag, since, what: What::Command(action, room_id, client_message_id) }, delivery);
                Ok(())
            }
            Err(refusal) => {
                let rejection = Refusal::into_rejection(refusal);
                self.gateway.metrics.sends.with_label_values(&[rejection.code.as_str()]).inc();
                self.answer(&tag, Reply::SendRefused { room_id, client_message_id, rejection })
            }
        }
    }

    async fn settled(&mut self, sent: &Sent, standing: Standing) -> Step {
        let reply = match (&sent.what, standing) {
            (What::ReadMark, Standing::Accepted | Standing::AcceptedLate) => Reply::Read,
            (What::ReadMark, _) => Reply::Refused(unknown()),
            (What::Command(action, room_id, id), Standing::Accepted | Standing::AcceptedLate) => {
                let metrics = &self.gateway.metrics;
                metrics.accept_seconds.observe(sent.since.elapsed().as_secs_f64());
                metrics.sends.with_label_values(&["accepted"]).inc();
                let (room_id, client_message_id, accepted_at) = (*room_id, id.clone(), self.gateway.clock.now());
                if standing == Standing::Accepted {
                    Reply::Accepted { action: *action, room_id, client_message_id, accepted_at }
                } else {
                    Reply::AcceptedLate { room_id, client_message_id, accepted_at }
                }
            }
            (What::Command(_, room_id, id), _) => {
                self.gateway.metrics.sends.with_label_values(&["unknown"]).inc();
                Reply::SendRefused { room_id: *room_id, client_message_id: id.clone(), rejection: unknown() }
            }
        };
        self.answer(&sent.tag, reply)?;
        self.flush().await
    }

    async fn items(&mut self, items: &mut Vec<Item>) -> Step {
        let (Some(info), Some(handle)) = (self.info.clone(), self.handle.clone()) else { return Ok(()) };
        for item in items.drain(..) {
            let size = outbox::size(&item);
            let put = self.protocol.item(item, &info, &mut self.out);
            self.flush().await?;
            put.map_err(|fatal| Some(fatal.into()))?;
            if handle.outbox.written(size) {
                self.gateway.hub.tell(Input::Drained(info.id)).await;
            }
        }
        Ok(())
    }

    async fn time(&mut self) -> Step {
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
            if self.window.is_empty() {
                let retry_after_ms = Some(rand::rng().random_range(100..1_000));
                return Err(Some(End { retry_after_ms, ..End::new(CloseCode::RESTART, "the server restarts") }));
            }
            // Sends under way are answered first; the hard stop is the limit.
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
        self.flush().await
    }

    fn next_deadline(&self) -> Instant {
        let next = self.deadlines.next();
        self.socket.heart_beat_at().map_or(next, |at| at.min(next))
    }

    /// Sessions leave one after the other, not all at once: the gateways that take them have time.
    fn schedule_drain(&mut self) {
        let spread = self.gateway.drain_spread;
        let wait = spread.mul_f64(rand::rng().random_range(0.0..1.0));
        self.deadlines.drain = Some(Instant::now() + wait);
    }

    fn answer(&mut self, tag: &Tag, reply: Reply) -> Step {
        self.protocol.reply(tag, reply, &mut self.out).map_err(|fatal| Some(fatal.into()))
    }

    /// Writes what is put into words. A client that takes nothing for too long is cut.
    async fn flush(&mut self) -> Step {
        for frame in self.out.drain(..) {
            self.socket.text(frame).await.map_err(unwritten)?;
        }
        Ok(())
    }

    async fn finish(mut self, end: Option<End>) {
        if let Some(handle) = &self.handle {
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
fn unwritten(unwritten: Unwritten) -> Option<End> {
    match unwritten {
        Unwritten::Gone => None,
        Unwritten::Stalled => Some(End::new(CloseCode::SLOW, "the client reads too slowly")),
    }
}

fn too_fast(ws: &WsConfig) -> Rejection {
    let message =
        format!("at most {} messages a second, {} at once: wait, or be cut", ws.frames_per_second, ws.frames_burst);
    Rejection::new(ErrorCode::RateLimited, message)
}

fn session_limit(ws: &WsConfig) -> Rejection {
    let message = format!("a user has at most {} sessions here: close another first", ws.max_sessions_per_user);
    Rejection::new(ErrorCode::SessionLimit, message)
}

fn rooms_limit() -> Rejection {
    Rejection::new(ErrorCode::BadRequest, format!("rooms must name 1 to {} rooms", limits::ROOMS_PER_SUBSCRIBE))
}

fn unknown() -> Rejection {
    Rejection::new(ErrorCode::Unknown, "no answer in time; it may still happen: repeat with the same clientMessageId")
}
