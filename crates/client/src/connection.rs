//! One WebSocket with the sub-protocol `chat.v1`, nothing hidden and nothing repeated.

mod error;
mod tasks;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chat_protocol::{
    UserId,
    frame::{
        ClientCommand, ClientFrame, ReplyBody, ReplyResult, RoomCursor, RoomSubscription, SUBPROTOCOL, ServerPush,
        ServerReply,
    },
    id::SessionId,
};
use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
    time::timeout,
};
use tokio_tungstenite::{
    connect_async_with_config,
    tungstenite::{
        self, Bytes, Message, Utf8Bytes,
        client::IntoClientRequest,
        http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use error::refused;
pub use error::{CallError, Closed, ConnectError};
use tasks::{Pending, Socket, lock, read, write};

/// TCP connect and upgrade together.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// The server answers a send within 5 s, even if with `unknown`.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Frames waiting to be written; a caller waits when it is full.
const OUTGOING: usize = 256;
/// Frames waiting for [`Connection::next`]; when it is full, reading from the socket stops.
const INCOMING: usize = 4096;
/// A page of the largest messages fits.
const LARGEST_FRAME: usize = 16 << 20;

/// What arrives, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// Sent by the server on its own.
    Push(Box<ServerPush>),
    /// The reply to a command given by [`Caller::post`].
    Reply(ServerReply),
    /// Not understood: the text as it came.
    Other(String),
}

/// What the server said to `connect`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The session.
    pub session_id: SessionId,
    /// Who the token says you are.
    pub user_id: UserId,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// How often the server pings.
    pub ping_interval: Duration,
    /// Rooms subscribed in the same step.
    pub rooms: Vec<RoomSubscription>,
}

/// One WebSocket. Dropping it cuts the TCP connection; [`Connection::close`] says goodbye first.
#[derive(Debug)]
pub struct Connection {
    caller: Caller,
    incoming: mpsc::Receiver<Incoming>,
    tasks: [AbortHandle; 2],
}

/// Gives commands on a [`Connection`]; cheap to clone.
#[derive(Debug, Clone)]
pub struct Caller {
    outgoing: mpsc::Sender<Message>,
    pending: Pending,
    next_id: Arc<AtomicU64>,
    closed: watch::Receiver<Option<Closed>>,
}

impl Connection {
    /// Opens the WebSocket and sends nothing yet. `url` as from [`crate::ws_url`].
    pub async fn open(url: &str) -> Result<Self, ConnectError> {
        Self::open_with(url, &[(SEC_WEBSOCKET_PROTOCOL.as_str(), SUBPROTOCOL)]).await
    }

    /// Opens the WebSocket with other headers, for tests of the upgrade (no sub-protocol is added).
    pub async fn open_with(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, ConnectError> {
        let web_socket = |error: tungstenite::Error| match error {
            tungstenite::Error::Http(response) => refused(&response),
            error => ConnectError::WebSocket(Box::new(error)),
        };
        let mut request = url.into_client_request().map_err(web_socket)?;
        for (name, value) in headers {
            let value = HeaderValue::from_str(value)
                .map_err(|error| web_socket(tungstenite::Error::HttpFormat(error.into())))?;
            request.headers_mut().insert(*name, value);
        }
        let config =
            WebSocketConfig::default().max_message_size(Some(LARGEST_FRAME)).max_frame_size(Some(LARGEST_FRAME));
        let opening = connect_async_with_config(request, Some(config), true);
        let (socket, _response) =
            timeout(OPEN_TIMEOUT, opening).await.map_err(|_| ConnectError::Timeout)?.map_err(web_socket)?;
        Ok(Self::start(socket))
    }

    /// Opens the WebSocket and connects with `token`, subscribing `rooms` in the same step.
    pub async fn connect(url: &str, token: &str, rooms: Vec<RoomCursor>) -> Result<(Self, Welcome), ConnectError> {
        let connection = Self::open(url).await?;
        let welcome = connection.caller.connect(token, rooms).await?;
        Ok((connection, welcome))
    }

    fn start(socket: Socket) -> Self {
        let (sink, source) = socket.split();
        let (outgoing, outgoing_queue) = mpsc::channel(OUTGOING);
        let (incoming_queue, incoming) = mpsc::channel(INCOMING);
        let (closed_sender, closed) = watch::channel(None);
        let pending = Pending::default();
        let writer = tokio::spawn(write(sink, outgoing_queue));
        let reader = tokio::spawn(read(source, incoming_queue, Arc::clone(&pending), closed_sender));
        let caller = Caller { outgoing, pending, next_id: Arc::new(AtomicU64::new(1)), closed };
        Self { caller, incoming, tasks: [writer.abort_handle(), reader.abort_handle()] }
    }

    /// A handle for commands from elsewhere.
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// Gives a command and waits for its result, at most 10 s. Pushes are buffered meanwhile (4096; then nothing is read).
    pub async fn call(&self, command: ClientCommand) -> Result<ReplyBody, CallError> {
        self.caller.call(command).await
    }

    /// What arrived next; `None` after the end (see [`Connection::closed`]). Cancel-safe.
    pub async fn next(&mut self) -> Option<Incoming> {
        self.incoming.recv().await
    }

    /// The next push, whatever else arrives before it; `None` after the end. Cancel-safe.
    pub async fn next_push(&mut self) -> Option<ServerPush> {
        loop {
            if let Incoming::Push(push) = self.incoming.recv().await? {
                return Some(*push);
            }
        }
    }

    /// Sends any text, for tests of bad input.
    pub async fn send_raw_text(&self, text: &str) -> Result<(), CallError> {
        self.caller.write(Message::Text(text.into())).await
    }

    /// Sends any binary frame, for tests of bad input.
    pub async fn send_raw_bytes(&self, bytes: &[u8]) -> Result<(), CallError> {
        self.caller.write(Message::Binary(Bytes::copy_from_slice(bytes))).await
    }

    /// Waits for the end. Reads nothing from the queue: what came before stays available to [`Connection::next`].
    pub async fn closed(&self) -> Closed {
        self.caller.closed().await
    }

    /// Says goodbye and waits for the answer, at most 2 s.
    pub async fn close(mut self) -> Closed {
        let frame = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::from_static("") };
        // An error here means that the connection has ended already, and `closed` knows how.
        drop(self.caller.write(Message::Close(Some(frame))).await);
        self.incoming.close(); // nobody reads any more: the reader must not wait for room in the queue
        let gave_up = Closed { code: None, reason: "no answer to the goodbye".to_owned() };
        timeout(Duration::from_secs(2), self.caller.closed()).await.unwrap_or(gave_up)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Caller {
    /// Gives a command and waits for its result, at most 10 s.
    pub async fn call(&self, command: ClientCommand) -> Result<ReplyBody, CallError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.lock().insert(id, sender);
        let forget = |error| {
            self.lock().remove(&id);
            error
        };
        self.write_command(id, command).await.map_err(forget)?;
        let reply = async {
            tokio::select! {
                biased;
                reply = receiver => reply.ok(),
                _ = self.closed() => None,
            }
        };
        match timeout(CALL_TIMEOUT, reply).await {
            Ok(Some(ReplyResult::Ok(body))) => Ok(body),
            Ok(Some(ReplyResult::Error(error))) => Err(CallError::Refused(error)),
            Ok(None) => Err(forget(CallError::Closed(self.closed().await))),
            Err(_) => Err(forget(CallError::Timeout)),
        }
    }

    /// Gives a command; its reply arrives at [`Connection::next`], in order with the pushes, with the id returned here.
    pub async fn post(&self, command: ClientCommand) -> Result<u64, CallError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.write_command(id, command).await?;
        Ok(id)
    }

    /// The first command.
    pub async fn connect(&self, token: &str, rooms: Vec<RoomCursor>) -> Result<Welcome, CallError> {
        match self.call(ClientCommand::Connect { token: Some(token.to_owned()), rooms }).await? {
            ReplyBody::Connect { session_id, user_id, expires_at, ping_interval_ms, rooms } => {
                let ping_interval = Duration::from_millis(ping_interval_ms);
                Ok(Welcome { session_id, user_id, expires_at, ping_interval, rooms })
            }
            _ => Err(CallError::Timeout),
        }
    }

    /// Waits for the end of the connection.
    pub async fn closed(&self) -> Closed {
        let mut closed = self.closed.clone();
        let ended = closed.wait_for(Option::is_some).await.ok().and_then(|value| value.clone());
        ended.unwrap_or_else(|| Closed { code: None, reason: "connection dropped".to_owned() })
    }

    async fn write_command(&self, id: u64, command: ClientCommand) -> Result<(), CallError> {
        let text = serde_json::to_string(&ClientFrame { id, command })
            .map_err(|error| CallError::Closed(Closed { code: None, reason: error.to_string() }))?;
        self.write(Message::Text(text.into())).await
    }

    async fn write(&self, message: Message) -> Result<(), CallError> {
        match self.outgoing.send(message).await {
            Ok(()) => Ok(()),
            Err(_) => Err(CallError::Closed(self.closed().await)),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<ReplyResult>>> {
        lock(&self.pending)
    }
}
