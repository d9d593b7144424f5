//! What people send, and what they are told about it.

use chat_checker::history::{
    BodyHash, DeadLetter, Event, Key, Kind, Op, Outcome, Poison, REQUIRED_HEADERS, Record, Row, SendState, TopicRecord,
};
use chat_protocol::ClientMessageId;

use super::{Story, count, room, user};

impl Story {
    fn id(&mut self) -> ClientMessageId {
        self.made += 1;
        ClientMessageId::parse(&format!("m-{}", self.made)).expect("an id")
    }

    fn produce(&mut self, key: &Key, hash: Option<BodyHash>) -> i64 {
        let offset = count(self.topics.len());
        self.topics.push(TopicRecord {
            topic: "chat-messages".into(),
            partition: 0,
            offset,
            hash: hash.unwrap_or_else(|| BodyHash::of("command")),
            key: Some(key.clone()),
            room: None,
            user: None,
            seq: None,
            refused: false,
            unchanged: false,
        });
        offset
    }

    /// A command of the system's own client, executed without a change: answered on the topic of events, and without a row.
    pub fn asks_for_nothing_new(&mut self, who: &'static str, name: &'static str) {
        let key = Key { room: room(name), sender: user(who), client_message_id: self.id() };
        self.produce(&key, None);
        let answer = self.topics.last().expect("the command").clone();
        self.topics.push(TopicRecord { topic: "chat-events".into(), room: Some(key.room), unchanged: true, ..answer });
    }

    fn told(&mut self, who: &'static str, key: &Key, outcome: Outcome, op: Op, rest: impl FnOnce(&mut Event)) {
        self.event(who, outcome, op, |event| {
            (event.room, event.sender) = (Some(key.room), Some(key.sender));
            event.client_message_id = Some(key.client_message_id.clone());
            rest(event);
        });
    }

    fn command(
        &mut self,
        who: &'static str,
        name: &'static str,
        kind: Kind,
        text: Option<&str>,
        target: Option<i64>,
        lost_answers: u32,
    ) -> i64 {
        let key = Key { room: room(name), sender: user(who), client_message_id: self.id() };
        let hash = text.map(BodyHash::of);
        let asked = |event: &mut Event| (event.kind, event.hash, event.target) = (Some(kind), hash, target);
        let mut stored = None;
        for attempt in 0..=lost_answers {
            self.told(who, &key, Outcome::Invoke, Op::Send, asked);
            self.produce(&key, hash);
            if stored.is_none() {
                stored = Some(self.store(name, who, key.client_message_id.clone(), kind, hash, target, &[]));
            }
            if attempt < lost_answers {
                self.told(who, &key, Outcome::Info, Op::Send, |event| event.code = Some("unknown".into()));
                self.time_passes(10);
            }
        }
        self.told(who, &key, Outcome::Ok, Op::Send, |event| event.state = Some(SendState::Accepted));
        self.told(who, &key, Outcome::Ok, Op::Status, |event| {
            (event.state, event.seq) = (Some(SendState::Persisted), stored);
        });
        stored.expect("stored at the first attempt")
    }

    pub fn says(&mut self, who: &'static str, name: &'static str, text: &str) -> i64 {
        self.command(who, name, Kind::Text, Some(text), None, 0)
    }

    /// The answer to the first attempt gets lost; the second finds the original.
    pub fn says_again(&mut self, who: &'static str, name: &'static str, text: &str) -> i64 {
        self.command(who, name, Kind::Text, Some(text), None, 1)
    }

    pub fn edits(&mut self, who: &'static str, name: &'static str, target: i64, text: &str) -> i64 {
        self.command(who, name, Kind::Edit, Some(text), Some(target), 0)
    }

    pub fn deletes(&mut self, who: &'static str, name: &'static str, target: i64) -> i64 {
        self.command(who, name, Kind::Delete, None, Some(target), 0)
    }

    pub fn reacts(&mut self, who: &'static str, name: &'static str, target: i64) -> i64 {
        self.command(who, name, Kind::React, None, Some(target), 0)
    }

    /// Messages of a member that are not deleted.
    pub fn messages_of(&self, who: &str, name: &str) -> Vec<i64> {
        let of = |row: &&Row| row.kind.is_message() && row.sender == user(who) && row.hash != Some(BodyHash::of(""));
        self.rooms[name].rows.iter().filter(of).map(|row| row.seq).collect()
    }

    pub fn head(&self, name: &str) -> i64 {
        count(self.rooms[name].rows.len())
    }

    pub fn is_rejected(&mut self, who: &'static str, name: &'static str, text: &str) {
        let key = Key { room: room(name), sender: user(who), client_message_id: self.id() };
        self.told(who, &key, Outcome::Invoke, Op::Send, |event| event.hash = Some(BodyHash::of(text)));
        self.told(who, &key, Outcome::Fail, Op::Send, |event| event.code = Some("content_too_long".into()));
    }

    /// Accepted, and nothing comes of it.
    pub fn is_accepted_only(&mut self, who: &'static str, name: &'static str, text: &str) {
        let key = Key { room: room(name), sender: user(who), client_message_id: self.id() };
        let hash = Some(BodyHash::of(text));
        self.told(who, &key, Outcome::Invoke, Op::Send, |event| event.hash = hash);
        self.produce(&key, hash);
        self.told(who, &key, Outcome::Ok, Op::Send, |event| event.state = Some(SendState::Accepted));
    }

    /// Accepted, and then the persister cannot take it.
    pub fn sends_poison(&mut self, who: &'static str, name: &'static str) {
        let key = Key { room: room(name), sender: user(who), client_message_id: self.id() };
        let hash = BodyHash::of("poison");
        self.told(who, &key, Outcome::Invoke, Op::Send, |event| event.hash = Some(hash));
        self.told(who, &key, Outcome::Ok, Op::Send, |event| event.state = Some(SendState::Accepted));
        let offset = self.produce(&key, Some(hash));
        self.records.push(Record::Poison(Poison { topic: "chat-messages".into(), partition: 0, offset, hash }));
        self.letters.push(DeadLetter {
            topic: "chat-messages-dlt".into(),
            partition: 0,
            offset: count(self.letters.len()),
            original_topic: "chat-messages".into(),
            original_partition: 0,
            original_offset: offset,
            headers: REQUIRED_HEADERS.map(str::to_owned).to_vec(),
            hash,
            key: Some(key.clone()),
        });
        self.told(who, &key, Outcome::Fail, Op::Status, |event| event.code = Some("poison".into()));
    }
}
