//! One connection as the history sees it: what was asked, and what came.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chat_checker::history::{Event, Key, Op, Outcome, SendState, Via};
use chat_client::{Closed, Incoming};
use chat_protocol::{
    RoomId, TimelineKind,
    frame::{FrameError, ReplyBody, ReplyResult, RoomCursor, RoomSubscription, ServerPush, ServerReply},
};

use super::{
    Person,
    outbox::{Draft, Outbox},
    record,
};
use crate::history::History;

const SUBSCRIBE_AGAIN: Duration = Duration::from_secs(1);

/// A command whose reply is awaited.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    Connect,
    Subscribe(RoomId),
    /// By its number in the outbox.
    Send(u64),
    Mark(RoomId, i64),
}

#[derive(Debug)]
pub struct Session {
    name: String,
    person: Person,
    history: Arc<History>,
    again: bool,
    pub asked: HashMap<u64, Asked>,
    pub connected: bool,
    /// The server refused the session.
    pub refused: bool,
    pub closed: Option<Closed>,
    pub retry_after: Option<Duration>,
    /// Rooms that could not be subscribed, and when to try again.
    waiting: HashMap<RoomId, Instant>,
}

impl Session {
    pub fn new(name: String, person: Person, history: Arc<History>) -> Self {
        Self {
            name,
            person,
            history,
            again: false,
            asked: HashMap::new(),
            connected: false,
            refused: false,
            closed: None,
            retry_after: None,
            waiting: HashMap::new(),
        }
    }

    fn event(&self, outcome: Outcome, op: Op) -> Event {
        self.history.event(&self.person.process, &self.name, outcome, op)
    }

    fn put(&self, outcome: Outcome, op: Op, room: RoomId, seq: Option<i64>, code: Option<String>) {
        self.history.put_event(Event { room: Some(room), seq, code, ..self.event(outcome, op) });
    }

    fn key(&self, draft: &Draft) -> Key {
        record::key(draft, self.person.id)
    }

    pub fn invoke_connect(&mut self, cursors: &HashMap<RoomId, i64>, again: bool) {
        self.again = again;
        self.history.put_event(self.event(Outcome::Invoke, Op::Connect));
        for room in &self.person.watched() {
            self.put(Outcome::Invoke, record::subscription(again), *room, cursors.get(room).copied(), None);
        }
    }

    pub fn invoke_subscribe(&mut self, cursor: RoomCursor) {
        self.waiting.remove(&cursor.room_id);
        self.put(Outcome::Invoke, record::subscription(self.again), cursor.room_id, cursor.after, None);
    }

    pub fn invoke_send(&self, draft: &Draft) {
        let event = self.event(Outcome::Invoke, Op::Send);
        self.history.put_event(record::invoke(event, &self.key(draft), draft));
    }

    pub fn invoke_mark(&self, room: RoomId, seq: i64) {
        self.put(Outcome::Invoke, Op::Mark, room, Some(seq), None);
    }

    /// Rooms to be subscribed again now.
    pub fn rooms_due(&self, now: Instant) -> Vec<RoomId> {
        self.waiting.iter().filter(|(_, at)| **at <= now).map(|(room, _)| *room).collect()
    }

    /// The connection has ended.
    pub fn over(&mut self, lost: bool, outbox: &mut Outbox) {
        for draft in outbox.lost(Instant::now()) {
            let event = Event { code: Some("lost".to_owned()), ..self.event(Outcome::Info, Op::Send) };
            self.history.put_event(record::send(event, &self.key(&draft)));
        }
        // A session that never stood was not lost.
        let outcome = if lost && self.connected { Outcome::Info } else { Outcome::Ok };
        let code = self.closed.as_ref().and_then(|closed| closed.code).map(|code| code.to_string());
        if !self.connected {
            self.history.put_event(Event { code: code.clone(), ..self.event(Outcome::Fail, Op::Connect) });
        }
        self.history.put_event(Event { code, ..self.event(outcome, Op::Close) });
    }

    /// Takes in a frame; the draft that was acknowledged with it.
    pub fn heard(
        &mut self,
        incoming: Incoming,
        cursors: &mut HashMap<RoomId, i64>,
        outbox: &mut Outbox,
    ) -> Option<Draft> {
        match incoming {
            Incoming::Reply(reply) => return self.reply(reply, cursors, outbox),
            Incoming::Push(push) => self.push(*push, cursors, outbox),
            Incoming::Other(text) => eprintln!("{}: not understood: {text}", self.name),
        }
        None
    }

    fn reply(&mut self, reply: ServerReply, cursors: &mut HashMap<RoomId, i64>, outbox: &mut Outbox) -> Option<Draft> {
        match (self.asked.remove(&reply.id)?, reply.result) {
            (Asked::Connect, ReplyResult::Ok(ReplyBody::Connect { rooms, .. })) => {
                self.connected = true;
                self.history.put_event(self.event(Outcome::Ok, Op::Connect));
                for room in &rooms {
                    self.subscribed(room, cursors);
                }
            }
            (Asked::Connect, ReplyResult::Error(error)) => {
                self.refused = true;
                self.retry_after = error.retry_after_ms.map(Duration::from_millis);
            }
            (Asked::Subscribe(_), ReplyResult::Ok(ReplyBody::Subscribe { rooms })) => {
                for room in &rooms {
                    self.subscribed(room, cursors);
                }
            }
            (Asked::Subscribe(room), ReplyResult::Error(error)) => self.not_subscribed(room, &error),
            (Asked::Send(number), ReplyResult::Ok(_)) => {
                let draft = outbox.finish(number)?;
                let event = self.event(Outcome::Ok, Op::Send);
                self.history.put_event(record::answered(event, &self.key(&draft), SendState::Accepted, None));
                return Some(draft);
            }
            (Asked::Send(number), ReplyResult::Error(error)) => {
                let draft = outbox.get(number)?.clone();
                let (outcome, code) = record::refusal(&error);
                let event = Event { code: Some(code), ..self.event(outcome, Op::Send) };
                self.history.put_event(record::send(event, &self.key(&draft)));
                if error.retry {
                    outbox.postpone(number, error.retry_after_ms.map(Duration::from_millis), Instant::now());
                } else {
                    outbox.finish(number);
                }
            }
            (Asked::Mark(room, seq), ReplyResult::Ok(_)) => self.put(Outcome::Ok, Op::Mark, room, Some(seq), None),
            (Asked::Mark(room, seq), ReplyResult::Error(error)) => {
                let (outcome, code) = record::refusal(&error);
                self.put(outcome, Op::Mark, room, Some(seq), Some(code));
            }
            (_, ReplyResult::Ok(_)) => {}
        }
        None
    }

    fn subscribed(&mut self, room: &RoomSubscription, cursors: &mut HashMap<RoomId, i64>) {
        if let Some(error) = &room.error {
            return self.not_subscribed(room.room_id, error);
        }
        self.put(Outcome::Ok, record::subscription(self.again), room.room_id, Some(room.seq), None);
        cursors.entry(room.room_id).or_insert(room.seq);
    }

    fn not_subscribed(&mut self, room: RoomId, error: &FrameError) {
        let (_, code) = record::refusal(error);
        self.put(Outcome::Fail, record::subscription(self.again), room, None, Some(code));
        // Whoever is invited again is told by nobody, and tries.
        if error.retry || self.person.wanders == Some(room) {
            let wait = error.retry_after_ms.map_or(SUBSCRIBE_AGAIN, Duration::from_millis);
            self.waiting.insert(room, Instant::now() + wait);
        }
    }

    fn push(&mut self, push: ServerPush, cursors: &mut HashMap<RoomId, i64>, outbox: &mut Outbox) {
        let send_key = |room, id: &chat_protocol::ClientMessageId| Key {
            room,
            sender: self.person.id,
            client_message_id: id.clone(),
        };
        match push {
            ServerPush::Message { message } => {
                let event = self.event(Outcome::Ok, Op::Recv);
                self.history.put_event(record::entry(event, &message, Via::Live));
                cursors.insert(message.room_id, message.seq);
            }
            ServerPush::Edit(change) => self.changed(TimelineKind::Edit, &change, cursors),
            ServerPush::Delete(change) => self.changed(TimelineKind::Delete, &change, cursors),
            ServerPush::React(change) => self.changed(TimelineKind::React, &change, cursors),
            ServerPush::Accepted { room_id, client_message_id, .. } => {
                let event = self.event(Outcome::Ok, Op::Status);
                let key = send_key(room_id, &client_message_id);
                self.history.put_event(record::answered(event, &key, SendState::Accepted, None));
                outbox.finish_named(room_id, &client_message_id);
            }
            ServerPush::Persisted { room_id, client_message_id, seq, .. } => {
                let event = self.event(Outcome::Ok, Op::Status);
                let key = send_key(room_id, &client_message_id);
                self.history.put_event(record::answered(event, &key, SendState::Persisted, Some(seq)));
                outbox.finish_named(room_id, &client_message_id);
            }
            ServerPush::Rejected { room_id, client_message_id, error } => {
                let (outcome, code) = record::refusal(&error);
                let event = Event { code: Some(code), ..self.event(outcome, Op::Status) };
                self.history.put_event(record::send(event, &send_key(room_id, &client_message_id)));
                outbox.finish_named(room_id, &client_message_id);
            }
            ServerPush::Read(receipt) => {
                let event = Event { user: Some(receipt.user_id), ..self.event(Outcome::Ok, Op::Receipt) };
                self.history.put_event(Event {
                    room: Some(receipt.room_id),
                    seq: Some(receipt.last_read_seq),
                    ..event
                });
            }
            ServerPush::Unsubscribed { room_id, code } => {
                self.put(Outcome::Info, Op::Close, room_id, None, Some(code.to_string()));
                if self.person.wanders == Some(room_id) {
                    self.waiting.insert(room_id, Instant::now() + SUBSCRIBE_AGAIN);
                }
            }
            ServerPush::Closing { retry_after_ms, .. } => self.retry_after = retry_after_ms.map(Duration::from_millis),
            ServerPush::Notification(news) => {
                let event = Event { user: Some(self.person.id), ..self.event(Outcome::Ok, Op::Notify) };
                let (room, seq) = (Some(news.room_id), Some(news.seq));
                self.history.put_event(Event { room, seq, id: Some(news.id), count: Some(news.count), ..event });
            }
            ServerPush::ReadSummary(_)
            | ServerPush::Typing(_)
            | ServerPush::Presence(_)
            | ServerPush::Lagging { .. }
            | ServerPush::Ping { .. } => {}
        }
    }

    fn changed(&self, kind: TimelineKind, change: &chat_protocol::Change, cursors: &mut HashMap<RoomId, i64>) {
        self.history.put_event(record::change(self.event(Outcome::Ok, Op::Recv), kind, change));
        cursors.insert(change.room_id, change.seq);
    }
}
