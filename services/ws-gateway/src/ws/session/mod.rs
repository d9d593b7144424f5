//! One WebSocket connection.
//!
//! The loop: client frames → requests → answers; the outbox (filled by the hub) → frames; Kafka's acknowledgements → answers; time →
//! pings, deadlines, the end of the token, the drain. A client that does not read holds up nobody but itself: its socket is written with
//! a deadline, its outbox is bounded.

mod end;
mod held;
mod requests;
mod time;

use std::{sync::Arc, time::Instant};

use bytestring::ByteString;
use chat_protocol::{ErrorCode, Rejection, SessionId, close::CloseCode};

use self::{
    end::{End, unwritten},
    held::Held,
};
use crate::{
    admission::{Place, UserPlace},
    app::Gateway,
    auth::Identity,
    config::WsConfig,
    hub::{Input, SessionHandle},
    ws::{
        deadlines::Deadlines,
        inbound::{Broken, Inbound, Incoming},
        outbox::{self, Item},
        protocol::Protocol,
        reply::Reply,
        request::Tag,
        send_window::{SendWindow, Sent, Standing, What},
        strikes::Strikes,
        transport::Socket,
        typing::TypingThrottle,
    },
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
    held: Held,
    strikes: Strikes,
    typing: TypingThrottle,
    deadlines: Deadlines,
    out: Vec<ByteString>,
    /// The drain has come to it: what is under way is answered, further records are refused.
    leaving: bool,
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
        held: Held::default(),
        strikes,
        typing: TypingThrottle::default(),
        deadlines,
        out: Vec::new(),
        leaving: false,
        user_place: None,
    };
    let mut items = Vec::new();
    let end = loop {
        let (outbox, next) = (session.handle.clone(), session.next_deadline());
        let wake = tokio::select! {
            message = inbound.next(), if session.listens() => Wake::Message(message),
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
    /// Whether it takes further frames.
    fn listens(&self) -> bool {
        self.window.has_space() && self.held.is_empty()
    }

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
        self.held.push(requests);
        if read.is_err() {
            self.held.release();
        }
        self.work_off().await?;
        read.map_err(|fatal| Some(fatal.into()))
    }

    /// Carries out what was read and need not wait.
    async fn work_off(&mut self) -> Step {
        while let Some(request) = self.held.next(Instant::now()) {
            self.request(request).await?;
        }
        self.flush().await
    }

    async fn settled(&mut self, sent: &Sent, standing: Standing) -> Step {
        let reply = match (&sent.what, standing) {
            (What::ReadMark, Standing::Accepted) => Reply::Read,
            // The mark has moved, which its read receipt tells; the command has had its reply.
            (What::ReadMark, Standing::AcceptedLate) => return Ok(()),
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
        let ended = |item: &Item| matches!(item, Item::Standing(standing) if !info.identity.stands(standing));
        if items.iter().any(ended) {
            // What waits to be written is not for this log-in any more.
            return Err(Some(End::new(CloseCode::AUTH, "this log-in has ended: log in again")));
        }
        for item in items.drain(..) {
            let size = outbox::size(&item);
            if matches!(item, Item::Subscribed(..)) {
                self.held.opened();
            }
            let put = self.protocol.item(item, &info, &mut self.out);
            self.flush().await?;
            put.map_err(|fatal| Some(fatal.into()))?;
            if handle.outbox.written(size) {
                self.gateway.hub.tell(Input::Drained(info.id)).await;
            }
        }
        self.work_off().await
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
}

fn too_fast(ws: &WsConfig) -> Rejection {
    let message =
        format!("at most {} messages a second, {} at once: wait, or be cut", ws.frames_per_second, ws.frames_burst);
    Rejection::new(ErrorCode::RateLimited, message)
}

fn unknown() -> Rejection {
    Rejection::new(ErrorCode::Unknown, "no answer in time; it may still happen: repeat with the same clientMessageId")
}
