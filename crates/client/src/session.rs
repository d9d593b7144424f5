//! What a client does with each frame: the rules between the socket and the consumer. Pure; [`crate::client`] does the I/O.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use chat_protocol::{
    ErrorCode, RoomId, UserId,
    frame::{ClientCommand, FrameError, ReplyBody, ReplyResult, RoomSubscription, ServerPush, ServerReply},
    id::ClientMessageId,
    limits::ROOMS_PER_SUBSCRIBE,
};

use crate::{
    client::{Event, SendState},
    connection::Incoming,
    outbox::{Draft, Outbox},
    receipts::Receipts,
    tracker::{Tracker, Verdict},
};

/// Wait before a refused command is repeated, when the server names no time.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The server answers within 5 s; a command without a reply for this long means that the connection is broken.
const REPLY_WITHIN: Duration = Duration::from_secs(15);
/// Silence before the server has said how often it pings.
const FIRST_SILENCE: Duration = Duration::from_secs(10);

/// What the application asks for.
#[derive(Debug)]
pub(crate) enum Request {
    Subscribe { room: RoomId, after: Option<i64> },
    Unsubscribe { room: RoomId },
    Send(Draft),
    Read { room: RoomId, seq: i64 },
}

/// A command given to the server whose reply is awaited.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asked {
    Connect(Vec<RoomId>),
    Subscribe(Vec<RoomId>),
    Send(RoomId, ClientMessageId),
    Read(RoomId, i64),
    Unsubscribe,
}

/// Everything that outlives a connection, and the replies awaited on the present one.
#[derive(Debug, Default)]
pub(crate) struct Session {
    tracker: Tracker,
    receipts: Receipts,
    pub outbox: Outbox,
    marks: HashMap<RoomId, Mark>,
    unsubscribe: Vec<RoomId>,
    asked: HashMap<u64, (Asked, Instant)>,
    /// Set by the reply to `connect`.
    connected: Option<Connected>,
    /// Why the server refused `connect`.
    pub refused: Option<FrameError>,
    /// How long the server asked to stay away.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Connected {
    user_id: UserId,
    ping_interval: Duration,
}

/// A read mark on its way.
#[derive(Debug, Default)]
struct Mark {
    wanted: i64,
    acked: i64,
    in_flight: bool,
    not_before: Option<Instant>,
}

impl Session {
    /// The first command of a connection, resuming as many rooms as fit.
    pub fn connect(&mut self, token: String, now: Instant) -> (ClientCommand, Asked) {
        self.tracker.disconnected();
        self.outbox.reconnected(now);
        self.marks.values_mut().for_each(|mark| mark.in_flight = false);
        self.unsubscribe.clear();
        self.asked.clear();
        self.connected = None;
        self.refused = None;
        self.retry_after = None;
        let rooms = self.tracker.due(now, ROOMS_PER_SUBSCRIBE);
        let ids = rooms.iter().map(|room| room.room_id).collect();
        (ClientCommand::Connect { token: Some(token), rooms }, Asked::Connect(ids))
    }

    pub fn is_connected(&self) -> bool {
        self.connected.is_some()
    }

    /// Silence for longer than this means that the connection is dead.
    pub fn longest_silence(&self) -> Duration {
        self.connected.map_or(FIRST_SILENCE, |connected| connected.ping_interval * 2 + Duration::from_secs(1))
    }

    /// Whether a reply is missing for too long.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.asked.values().any(|(_, at)| now.duration_since(*at) > REPLY_WITHIN)
    }

    pub fn posted(&mut self, id: u64, asked: Asked, now: Instant) {
        self.asked.insert(id, (asked, now));
    }

    pub fn request(&mut self, request: Request, now: Instant) {
        match request {
            Request::Subscribe { room, after } => self.tracker.want(room, after),
            Request::Unsubscribe { room } => {
                self.receipts.forget(room);
                if self.tracker.forget(room) {
                    self.unsubscribe.push(room);
                }
            }
            Request::Send(draft) => self.outbox.add(draft, now),
            Request::Read { room, seq } => {
                let mark = self.marks.entry(room).or_default();
                mark.wanted = mark.wanted.max(seq);
            }
        }
    }

    /// The commands to give now. None before the server has accepted `connect`.
    pub fn commands(&mut self, now: Instant) -> Vec<(ClientCommand, Asked)> {
        let mut commands = Vec::new();
        if !self.is_connected() {
            return commands;
        }
        if !self.unsubscribe.is_empty() {
            let rooms = std::mem::take(&mut self.unsubscribe);
            commands.push((ClientCommand::Unsubscribe { rooms }, Asked::Unsubscribe));
        }
        loop {
            let rooms = self.tracker.due(now, ROOMS_PER_SUBSCRIBE);
            if rooms.is_empty() {
                break;
            }
            let ids = rooms.iter().map(|room| room.room_id).collect();
            commands.push((ClientCommand::Subscribe { rooms }, Asked::Subscribe(ids)));
        }
        for command in self.outbox.due(now) {
            if let ClientCommand::Send { room_id, client_message_id, .. } = &command {
                let asked = Asked::Send(*room_id, client_message_id.clone());
                commands.push((command, asked));
            }
        }
        for (room_id, mark) in &mut self.marks {
            let due = mark.wanted > mark.acked && !mark.in_flight && mark.not_before.is_none_or(|at| at <= now);
            if due {
                mark.in_flight = true;
                let command = ClientCommand::Read { room_id: *room_id, seq: mark.wanted };
                commands.push((command, Asked::Read(*room_id, mark.wanted)));
            }
        }
        commands
    }

    /// Takes a frame; what it means for the consumer.
    pub fn incoming(&mut self, incoming: Incoming, now: Instant) -> Vec<Event> {
        match incoming {
            Incoming::Push(push) => self.push(*push, now),
            Incoming::Reply(reply) => self.reply(reply, now),
            Incoming::Other(_) => Vec::new(), // of a newer server
        }
    }

    fn push(&mut self, push: ServerPush, now: Instant) -> Vec<Event> {
        match push {
            ServerPush::Message { message } => match self.tracker.entry(message.room_id, message.seq) {
                Verdict::Drop => Vec::new(),
                Verdict::Gap { expected } => vec![Event::Gap { room_id: message.room_id, expected, got: message.seq }],
                Verdict::Deliver => {
                    let mut events = Vec::new();
                    // One's own message on the screen is proof too, should the outcome have been lost.
                    let own = self.connected.is_some_and(|connected| connected.user_id == message.sender_id);
                    if own && self.outbox.finish(message.room_id, &message.client_message_id) {
                        let state = SendState::Persisted { seq: message.seq, duplicate: false };
                        events.push(Event::send(message.room_id, message.client_message_id.clone(), state));
                    }
                    events.push(Event::Entry(message));
                    events
                }
            },
            ServerPush::Edit(change) | ServerPush::Delete(change) | ServerPush::React(change) => {
                match self.tracker.entry(change.room_id, change.seq) {
                    Verdict::Drop => Vec::new(),
                    Verdict::Gap { expected } => {
                        vec![Event::Gap { room_id: change.room_id, expected, got: change.seq }]
                    }
                    Verdict::Deliver => vec![Event::Change(change)],
                }
            }
            ServerPush::Accepted { room_id, client_message_id, .. } => self.accepted(room_id, client_message_id, now),
            ServerPush::Persisted { room_id, client_message_id, seq, duplicate, .. } => {
                self.finished(room_id, client_message_id, SendState::Persisted { seq, duplicate })
            }
            ServerPush::Rejected { room_id, client_message_id, error } => {
                self.finished(room_id, client_message_id, SendState::Rejected(error))
            }
            ServerPush::Read(receipt) if self.receipts.moves(&receipt) => vec![Event::Read(receipt)],
            ServerPush::ReadSummary(summary) => vec![Event::ReadSummary(summary)],
            ServerPush::Typing(typing) => vec![Event::Typing(typing)],
            ServerPush::Presence(presence) => vec![Event::Presence(presence)],
            ServerPush::Notification(notification) => vec![Event::Notification(notification)],
            // Behind what was told; goes on by itself.
            ServerPush::Read(_) | ServerPush::Lagging { .. } => Vec::new(),
            ServerPush::Unsubscribed { room_id, code } => {
                self.ended(room_id, code, "you are no longer a member".to_owned())
            }
            ServerPush::Ping { heads } => {
                self.tracker.ping(&heads);
                Vec::new()
            }
            ServerPush::Closing { retry_after_ms, .. } => {
                self.retry_after = retry_after_ms.map(Duration::from_millis);
                Vec::new()
            }
        }
    }

    fn reply(&mut self, reply: ServerReply, now: Instant) -> Vec<Event> {
        let Some((asked, _)) = self.asked.remove(&reply.id) else { return Vec::new() };
        match (asked, reply.result) {
            (
                Asked::Connect(_),
                ReplyResult::Ok(ReplyBody::Connect { session_id, user_id, ping_interval_ms, rooms, .. }),
            ) => {
                self.connected = Some(Connected { user_id, ping_interval: Duration::from_millis(ping_interval_ms) });
                let mut events = vec![Event::Connected { session_id, user_id }];
                events.extend(self.subscribed(rooms, now));
                events
            }
            (Asked::Connect(_), ReplyResult::Error(error)) => {
                self.retry_after = error.retry_after_ms.map(Duration::from_millis);
                self.refused = Some(error);
                Vec::new()
            }
            (Asked::Subscribe(_), ReplyResult::Ok(ReplyBody::Subscribe { rooms })) => self.subscribed(rooms, now),
            (Asked::Subscribe(rooms), ReplyResult::Error(error)) => {
                let failed = |room_id| RoomSubscription { room_id, seq: 0, head: 0, error: Some(error.clone()) };
                self.subscribed(rooms.into_iter().map(failed).collect(), now)
            }
            (Asked::Send(room, id), ReplyResult::Ok(_)) => self.accepted(room, id, now),
            (Asked::Send(room, id), ReplyResult::Error(error)) if error.retry => {
                let waiting = self.outbox.postpone(room, &id, now + wait(&error));
                let unknown = waiting && error.code == ErrorCode::Unknown;
                unknown.then(|| Event::send(room, id, SendState::Unknown)).into_iter().collect()
            }
            (Asked::Send(room, id), ReplyResult::Error(error)) => self.finished(room, id, SendState::Rejected(error)),
            (Asked::Read(room, seq), result) => {
                self.marked(room, seq, &result, now);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn subscribed(&mut self, rooms: Vec<RoomSubscription>, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        for room in rooms {
            match room.error {
                None => {
                    self.tracker.subscribed(&room);
                    events.push(Event::Subscribed { room_id: room.room_id, seq: room.seq, head: room.head });
                }
                Some(error) if error.retry => self.tracker.postpone(room.room_id, now + wait(&error)),
                Some(error) => events.extend(self.ended(room.room_id, error.code, error.message)),
            }
        }
        events
    }

    fn ended(&mut self, room_id: RoomId, code: ErrorCode, message: String) -> Vec<Event> {
        self.receipts.forget(room_id);
        let wanted = self.tracker.forget(room_id);
        wanted.then_some(Event::RoomEnded { room_id, code, message }).into_iter().collect()
    }

    fn accepted(&mut self, room: RoomId, id: ClientMessageId, now: Instant) -> Vec<Event> {
        let waiting = self.outbox.accepted(room, &id, now);
        waiting.then(|| Event::send(room, id, SendState::Accepted)).into_iter().collect()
    }

    fn finished(&mut self, room: RoomId, id: ClientMessageId, state: SendState) -> Vec<Event> {
        let waiting = self.outbox.finish(room, &id);
        waiting.then(|| Event::send(room, id, state)).into_iter().collect()
    }

    fn marked(&mut self, room: RoomId, seq: i64, result: &ReplyResult, now: Instant) {
        let Some(mark) = self.marks.get_mut(&room) else { return };
        mark.in_flight = false;
        match result {
            ReplyResult::Error(error) if error.retry => mark.not_before = Some(now + wait(error)),
            _ => mark.acked = seq, // refused for good counts as done: it would be refused again
        }
    }
}

fn wait(error: &FrameError) -> Duration {
    error.retry_after_ms.map_or(RETRY_AFTER, Duration::from_millis)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
