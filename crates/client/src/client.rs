//! A client that stays connected: every entry of its rooms exactly once and in order, every send answered in the end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chat_protocol::{
    Change, ClientMessageId, Entry, EntryType, ErrorCode, ReadReceipt, ReadSummary, RoomId, SessionId, UserId,
    close::CloseCode,
    frame::{ClientCommand, FrameError, ReplyBody},
    push::{Notification, Presence, Typing},
};
use chat_service::Backoff;
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    account::TokenProvider,
    connection::{CallError, Caller, Closed, ConnectError, Connection},
    outbox::Draft,
    session::{Request, Session},
};

/// Looks for due repeats and silence.
const TICK: Duration = Duration::from_millis(500);
/// A connection that held this long was a good one: the next reconnect is quick again.
const STABLE: Duration = Duration::from_secs(5);
/// A server that asks to stay away for longer is asked again all the same.
const LONGEST_TOLD: Duration = Duration::from_mins(1);
/// Requests of the application waiting to be taken; then [`ClientHandle`]'s methods wait.
const REQUESTS: usize = 256;

/// How to connect.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Address of the WebSocket, see [`crate::ws_url`].
    pub url: String,
    /// Rooms to receive from the start: room, and the last seq one has (`None`: from now on).
    pub rooms: Vec<(RoomId, Option<i64>)>,
    /// Shortest and longest wait before a reconnect; drawn at random in between (full jitter).
    pub reconnect: (Duration, Duration),
    /// Events waiting for [`Client::next_event`]. When it is full, reading from the socket stops; nothing is lost.
    pub event_queue: usize,
}

impl ClientOptions {
    /// The usual ones.
    pub fn new(url: impl Into<String>) -> Self {
        let reconnect = (Duration::from_millis(200), Duration::from_secs(10));
        Self { url: url.into(), rooms: Vec::new(), reconnect, event_queue: 1024 }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Connected (again); the rooms follow as [`Event::Subscribed`].
    Connected {
        /// The session.
        session_id: SessionId,
        /// Who one is.
        user_id: UserId,
    },
    /// Not connected; the client will be trying again.
    Disconnected {
        /// How the connection ended, or why there was none.
        closed: Closed,
        /// When the next attempt is made.
        retry_in: Duration,
    },
    /// The client gives up: credentials refused, or the server forbade to come back. The last event.
    Failed(Closed),
    /// Entries of a room arrive from here on.
    Subscribed {
        /// The room.
        room_id: RoomId,
        /// The next entry is this + 1.
        seq: i64,
        /// The room's last seq at that moment.
        head: i64,
    },
    /// The next entry of a room.
    Entry(Entry),
    /// An earlier message changed: its new state is within.
    Change(Change),
    /// A send got further.
    Send {
        /// The room.
        room_id: RoomId,
        /// Which send.
        client_message_id: ClientMessageId,
        /// How far.
        state: SendState,
    },
    /// A member's read mark moved forward. One's own is told of every room.
    Read(ReadReceipt),
    /// Many marks of a room moved: where all of them stand, instead of what was told before.
    ReadSummary(ReadSummary),
    /// A member types, or has stopped.
    Typing(Typing),
    /// A member came or went.
    Presence(Presence),
    /// News of a room that is not subscribed.
    Notification(Notification),
    /// A fault of the server: entries were skipped. The client subscribes the room anew from `expected`, so none is lost here.
    Gap {
        /// The room.
        room_id: RoomId,
        /// The seq that should have come.
        expected: i64,
        /// The seq that came.
        got: i64,
    },
    /// A room is not received any more: not (or no longer) a member.
    RoomEnded {
        /// The room.
        room_id: RoomId,
        /// Why.
        code: ErrorCode,
        /// Why, in words.
        message: String,
    },
}

impl Event {
    pub(crate) fn send(room_id: RoomId, client_message_id: ClientMessageId, state: SendState) -> Self {
        Self::Send { room_id, client_message_id, state }
    }
}

/// How far a send is. `Persisted` and `Rejected` are final and told once; the others may be repeated.
#[derive(Debug, Clone, PartialEq)]
pub enum SendState {
    /// Durable: it will have its place.
    Accepted,
    /// Stored.
    Persisted {
        /// Its place.
        seq: i64,
        /// It had been sent before, with the same id.
        duplicate: bool,
    },
    /// Refused for good.
    Rejected(FrameError),
    /// The server does not know; the client repeats it with the same id.
    Unknown,
}

/// The client is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client has ended")]
pub struct ClientGone;

/// A client that stays connected. Dropping it ends it.
#[derive(Debug)]
pub struct Client {
    handle: ClientHandle,
    events: mpsc::Receiver<Event>,
    _stop: DropGuard,
}

/// Asks things of a [`Client`]; cheap to clone. Requests made while disconnected are kept and carried out later.
#[derive(Debug, Clone)]
pub struct ClientHandle {
    requests: mpsc::Sender<Request>,
    caller: watch::Receiver<Option<Caller>>,
    stop: CancellationToken,
}

impl Client {
    /// Starts connecting, on the current runtime.
    pub fn start(options: ClientOptions, tokens: Arc<dyn TokenProvider>) -> Self {
        let (request_sender, requests) = mpsc::channel(REQUESTS);
        let (event_sender, events) = mpsc::channel(options.event_queue.max(1));
        let (caller_sender, caller) = watch::channel(None);
        let stop = CancellationToken::new();
        let mut session = Session::default();
        for (room, after) in &options.rooms {
            session.request(Request::Subscribe { room: *room, after: *after }, Instant::now());
        }
        let worker = Worker { options, tokens, session, requests, events: event_sender, caller: caller_sender };
        let stopped = stop.clone();
        tokio::spawn(async move { stopped.run_until_cancelled(worker.run()).await });
        let handle = ClientHandle { requests: request_sender, caller, stop: stop.clone() };
        Self { handle, events, _stop: stop.drop_guard() }
    }

    /// What happened next; `None` after the end. Cancel-safe.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// For asking from elsewhere.
    pub fn handle(&self) -> ClientHandle {
        self.handle.clone()
    }
}

impl ClientHandle {
    /// Receives a room, from after a seq or from now on.
    pub async fn subscribe(&self, room: RoomId, after: Option<i64>) -> Result<(), ClientGone> {
        self.request(Request::Subscribe { room, after }).await
    }

    /// Receives a room no longer.
    pub async fn unsubscribe(&self, room: RoomId) -> Result<(), ClientGone> {
        self.request(Request::Unsubscribe { room }).await
    }

    /// Sends a text; what becomes of it arrives as [`Event::Send`] with the id returned. Waits while 1000 are unanswered.
    pub async fn send(&self, room: RoomId, content: impl Into<String>) -> Result<ClientMessageId, ClientGone> {
        let id = ClientMessageId::generate();
        self.send_with_id(room, id.clone(), content).await?;
        Ok(id)
    }

    /// The same, with an id of one's own: sending the same again is harmless.
    pub async fn send_with_id(
        &self,
        room: RoomId,
        id: ClientMessageId,
        content: impl Into<String>,
    ) -> Result<(), ClientGone> {
        let message_type = EntryType::Text;
        let draft = Draft { room_id: room, client_message_id: id, content: content.into(), message_type };
        self.request(Request::Send(draft)).await
    }

    /// Marks a room as read up to and including `seq`; only ever moves forward.
    pub async fn read(&self, room: RoomId, seq: i64) -> Result<(), ClientGone> {
        self.request(Request::Read { room, seq }).await
    }

    /// Gives any command on the present connection and waits for its result. Not repeated.
    pub async fn call(&self, command: ClientCommand) -> Result<ReplyBody, CallError> {
        let caller = self.caller.borrow().clone();
        let not_connected = || Closed { code: None, reason: "not connected".to_owned() };
        caller.ok_or_else(|| CallError::Closed(not_connected()))?.call(command).await
    }

    /// Ends the client; events that wait can still be taken.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    async fn request(&self, request: Request) -> Result<(), ClientGone> {
        self.requests.send(request).await.map_err(|_| ClientGone)
    }
}

struct Worker {
    options: ClientOptions,
    tokens: Arc<dyn TokenProvider>,
    session: Session,
    requests: mpsc::Receiver<Request>,
    events: mpsc::Sender<Event>,
    caller: watch::Sender<Option<Caller>>,
}

/// Why a connection ended, or was none.
struct Ended {
    closed: Closed,
    after: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Reconnect,
    /// … with another token.
    Renew,
    GiveUp,
}

impl Worker {
    async fn run(mut self) {
        let (shortest, longest) = self.options.reconnect;
        let mut backoff = Backoff::new(shortest, longest);
        let mut renew = false;
        loop {
            let started = Instant::now();
            let ended = self.one_connection(renew).await;
            self.caller.send_replace(None);
            if started.elapsed() > STABLE {
                backoff.reset();
            }
            renew = ended.after == End::Renew;
            if ended.after == End::GiveUp {
                self.emit([Event::Failed(ended.closed)]).await;
                return;
            }
            let retry_in = backoff.next_delay().max(self.session.retry_after.take().unwrap_or_default());
            self.emit([Event::Disconnected { closed: ended.closed, retry_in }]).await;
            tokio::time::sleep(retry_in).await;
        }
    }

    /// token → open → connect with all cursors → frames, requests, repeats until the end
    async fn one_connection(&mut self, renew: bool) -> Ended {
        let token = match self.tokens.token(renew).await {
            Ok(token) => token,
            Err(error) => {
                let after = if error.is_unauthorized() { End::GiveUp } else { End::Reconnect };
                return Ended { closed: Closed { code: None, reason: error.to_string() }, after };
            }
        };
        let mut connection = match Connection::open(&self.options.url).await {
            Ok(connection) => connection,
            Err(error) => {
                let after = if matches!(error, ConnectError::Http(401)) { End::Renew } else { End::Reconnect };
                if let ConnectError::Later { retry_after, .. } = error {
                    self.session.retry_after = Some(retry_after.min(LONGEST_TOLD));
                }
                return Ended { closed: Closed { code: None, reason: error.to_string() }, after };
            }
        };
        let broken =
            |reason: &str| Ended { closed: Closed { code: None, reason: reason.to_owned() }, after: End::Reconnect };
        let caller = connection.caller();
        let mut commands = vec![self.session.connect(token, Instant::now())];
        let mut heard = Instant::now();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            for (command, asked) in commands {
                let Ok(id) = caller.post(command).await else { return ended(connection.closed().await) };
                self.session.posted(id, asked, Instant::now());
            }
            let happened = tokio::select! {
                incoming = connection.next() => Happened::Incoming(incoming),
                Some(request) = self.requests.recv(), if !self.session.outbox.is_full() => Happened::Request(request),
                _ = tick.tick() => Happened::Tick,
            };
            let now = Instant::now();
            match happened {
                Happened::Incoming(None) => return ended(connection.closed().await),
                Happened::Incoming(Some(incoming)) => {
                    let was_connected = self.session.is_connected();
                    let events = self.session.incoming(incoming, now);
                    if let Some(error) = self.session.refused.take() {
                        return refused(&error);
                    }
                    if !was_connected && self.session.is_connected() {
                        self.caller.send_replace(Some(connection.caller()));
                    }
                    self.emit(events).await;
                    // The consumer may have taken its time: that was not the server's silence.
                    heard = Instant::now();
                }
                Happened::Request(request) => self.session.request(request, now),
                Happened::Tick if heard.elapsed() > self.session.longest_silence() => {
                    return broken("nothing heard from the server for too long");
                }
                Happened::Tick if self.session.is_overdue(now) => return broken("the server does not answer"),
                Happened::Tick => {}
            }
            commands = self.session.commands(now);
        }
    }

    async fn emit(&self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            // Fails only when the Client was dropped, which ends this task anyway.
            drop(self.events.send(event).await);
        }
    }
}

enum Happened {
    Incoming(Option<crate::connection::Incoming>),
    Request(Request),
    Tick,
}

fn ended(closed: Closed) -> Ended {
    let after = match closed.code {
        Some(code) if code == CloseCode::AUTH.0 => End::Renew,
        Some(code) if CloseCode::TABLE.iter().any(|(known, _, reconnect)| known.0 == code && !reconnect) => End::GiveUp,
        _ => End::Reconnect,
    };
    Ended { closed, after }
}

fn refused(error: &FrameError) -> Ended {
    let code = error.code.close_code();
    let after = match code {
        Some(CloseCode::AUTH) => End::Renew,
        _ if error.retry => End::Reconnect,
        _ => End::GiveUp,
    };
    Ended { closed: Closed { code: code.map(|code| code.0), reason: error.message.clone() }, after }
}
