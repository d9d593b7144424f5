//! Histories that read like stories: a small perfect system, in which people talk and every step is recorded.

use std::collections::{BTreeMap, BTreeSet};

use chat_checker::{
    Reader, Report, check,
    history::{
        BodyHash, Client, DeadLetter, Dump, Event, Evidence, Exercised, Fault, FaultKind, Gauge, Key, Kind, Mark,
        Membership, Offset, Op, Outcome, Pace, Phase, PhaseName, Plan, PlannedFault, Poison, REQUIRED_HEADERS, Record,
        RedisMark, Row, Section, SendState, TopicRecord, Via,
    },
};
use chat_protocol::{ClientMessageId, RoomId, UserId};
use uuid::Uuid;

pub const MS: u64 = 1_000_000;

pub fn user(name: &str) -> UserId {
    UserId(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()))
}

pub fn room(name: &str) -> RoomId {
    RoomId(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
}

pub fn judge(records: &[Record]) -> Report {
    let lines: Vec<String> = records.iter().map(|record| serde_json::to_string(record).expect("JSON")).collect();
    let mut reader = Reader::default();
    reader.read("story.jsonl", lines.join("\n").as_bytes()).expect("a readable story");
    check(&reader.finish())
}

#[derive(Default)]
struct World {
    rows: Vec<Row>,
    members: BTreeMap<&'static str, (i64, Option<i64>)>,
    marks: BTreeMap<&'static str, i64>,
    subscribed: BTreeSet<&'static str>,
}

/// The story so far.
pub struct Story {
    now: u64,
    pub records: Vec<Record>,
    plan: Plan,
    rooms: BTreeMap<&'static str, World>,
    connections: BTreeMap<&'static str, Option<String>>,
    reached: BTreeMap<(&'static str, &'static str), i64>,
    topics: Vec<TopicRecord>,
    letters: Vec<DeadLetter>,
    offsets: Vec<Offset>,
    made: u32,
}

impl Story {
    pub fn begins() -> Self {
        let plan = Plan {
            run: "story".into(),
            seed: 7,
            min_ok: 1,
            faults: Vec::new(),
            exercise: chat_checker::history::Exercise::default(),
            budgets: chat_checker::history::Budgets::default(),
            redis_loss_window_ms: 1000,
            notifications: false,
        };
        Self {
            now: 1_000 * MS,
            records: Vec::new(),
            plan,
            rooms: BTreeMap::new(),
            connections: BTreeMap::new(),
            reached: BTreeMap::new(),
            topics: Vec::new(),
            letters: Vec::new(),
            offsets: Vec::new(),
            made: 0,
        }
    }

    pub fn plan(&mut self) -> &mut Plan {
        &mut self.plan
    }

    pub fn time_passes(&mut self, ms: u64) {
        self.now += ms * MS;
    }

    fn event(&mut self, who: &'static str, outcome: Outcome, op: Op, rest: impl FnOnce(&mut Event)) {
        self.now += MS / 10;
        let connection = self.connections.get(who).cloned().flatten().unwrap_or_default();
        let mut event = Event {
            process: who.into(),
            connection,
            wall_ns: 0,
            mono_ns: self.now,
            outcome,
            op,
            room: None,
            sender: None,
            client_message_id: None,
            hash: None,
            seq: None,
            kind: None,
            target: None,
            user: None,
            via: None,
            state: None,
            code: None,
            id: None,
        };
        rest(&mut event);
        self.records.push(Record::Event(Box::new(event)));
    }

    fn join_in(&mut self, who: &'static str) {
        if !self.connections.contains_key(who) {
            self.connections.insert(who, None);
            self.records.push(Record::Client(Client { process: who.into(), user: user(who), pace: Pace::Steady }));
        }
    }

    pub fn founds(&mut self, who: &'static str, name: &'static str, with: &[&'static str]) {
        self.rooms.insert(name, World::default());
        let all: Vec<_> = with.iter().chain([&who]).copied().collect();
        all.iter().for_each(|member| self.join_in(member));
        self.membership(who, name, Op::Join, Kind::SystemCreate, &all);
    }

    pub fn invites(&mut self, who: &'static str, name: &'static str, guest: &'static str) {
        self.join_in(guest);
        self.membership(who, name, Op::Join, Kind::SystemInvite, &[guest]);
    }

    pub fn kicks(&mut self, who: &'static str, name: &'static str, whom: &'static str) {
        self.membership(who, name, Op::Kick, Kind::SystemKick, &[whom]);
    }

    pub fn leaves(&mut self, who: &'static str, name: &'static str) {
        self.membership(who, name, Op::Leave, Kind::SystemLeave, &[who]);
    }

    fn membership(&mut self, who: &'static str, name: &'static str, op: Op, kind: Kind, whom: &[&'static str]) {
        let asked = |event: &mut Event| (event.room, event.sender) = (Some(room(name)), Some(user(who)));
        self.event(who, Outcome::Invoke, op, asked);
        self.made += 1;
        let id = ClientMessageId::parse(&format!("system-{}", self.made)).expect("an id");
        let seq = self.store(name, who, id, kind, None, None, whom);
        self.event(who, Outcome::Ok, op, asked);
        for member in whom {
            let world = self.rooms.get_mut(name).expect("a room");
            if op == Op::Join {
                world.members.insert(member, (seq, None));
                world.marks.insert(member, seq);
                if self.connections[member].is_some() {
                    self.subscribes(member, name, Op::Sub);
                }
            } else {
                world.members.get_mut(member).expect("a member").1 = Some(seq);
                if world.subscribed.remove(member) {
                    self.event(member, Outcome::Info, Op::Close, |event| event.room = Some(room(name)));
                }
            }
        }
    }

    pub fn connects(&mut self, who: &'static str) {
        self.join_in(who);
        if self.connections[who].is_some() {
            return;
        }
        self.made += 1;
        self.connections.insert(who, Some(format!("{who}-{}", self.made)));
        self.event(who, Outcome::Invoke, Op::Connect, |_| {});
        self.event(who, Outcome::Ok, Op::Connect, |_| {});
        let rooms: Vec<_> = self.rooms.keys().copied().filter(|name| self.is_member(who, name)).collect();
        for name in rooms {
            self.subscribes(who, name, Op::Resume);
        }
    }

    pub fn is_member(&self, who: &str, name: &str) -> bool {
        self.rooms[name].members.get(who).is_some_and(|(_, left)| left.is_none())
    }

    pub fn is_connected(&self, who: &str) -> bool {
        self.connections.get(who).is_some_and(Option::is_some)
    }

    fn subscribes(&mut self, who: &'static str, name: &'static str, op: Op) {
        let start = self.rooms[name].members[who].0;
        let after = self.reached.get(&(who, name)).copied().unwrap_or(0).max(start - 1);
        let asked = |event: &mut Event| (event.room, event.seq) = (Some(room(name)), Some(after));
        self.event(who, Outcome::Invoke, op, asked);
        self.event(who, Outcome::Ok, op, asked);
        self.rooms.get_mut(name).expect("a room").subscribed.insert(who);
        let rows: Vec<_> = self.rooms[name].rows.iter().filter(|row| row.seq > after).cloned().collect();
        rows.iter().for_each(|row| self.receives(who, name, row, Via::Live));
    }

    pub fn loses_connection(&mut self, who: &'static str) {
        if self.is_connected(who) {
            self.event(who, Outcome::Info, Op::Close, |event| event.code = Some("1006".into()));
            self.connections.insert(who, None);
            self.rooms.values_mut().for_each(|world| {
                world.subscribed.remove(who);
            });
        }
    }

    fn receives(&mut self, who: &'static str, name: &'static str, row: &Row, via: Via) {
        let shown = row.target.map_or(row.hash, |target| self.rooms[name].rows[index(target)].hash);
        self.event(who, Outcome::Ok, Op::Recv, |event| {
            (event.room, event.sender) = (Some(row.room), Some(row.sender));
            event.client_message_id = Some(row.client_message_id.clone());
            (event.hash, event.seq, event.kind, event.target) = (shown, Some(row.seq), Some(row.kind), row.target);
            event.via = (via != Via::Live).then_some(via);
        });
        if via == Via::Live {
            self.reached.insert((who, name), row.seq);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a row has that many parts")]
    fn store(
        &mut self,
        name: &'static str,
        who: &'static str,
        id: ClientMessageId,
        kind: Kind,
        hash: Option<BodyHash>,
        target: Option<i64>,
        members: &[&'static str],
    ) -> i64 {
        let world = self.rooms.get_mut(name).expect("a room");
        let number = world.rows.last().map_or(0, |row| row.number) + i64::from(kind.is_message());
        let seq = world.rows.len() as i64 + 1;
        let members = members.iter().map(|member| user(member)).collect();
        let row = Row {
            room: room(name),
            seq,
            number,
            sender: user(who),
            client_message_id: id,
            kind,
            hash,
            target,
            members,
        };
        world.rows.push(row.clone());
        if kind.is_message() {
            world.marks.insert(who, seq);
        }
        if let (Some(target), true) = (target, kind != Kind::React) {
            world.rows[index(target)].hash = Some(hash.unwrap_or_else(|| BodyHash::of("")));
        }
        if kind.is_change() {
            world.rows.last_mut().expect("the row").hash = None;
        }
        for reader in world.subscribed.clone() {
            self.receives(reader, name, &row, Via::Live);
        }
        seq
    }

    fn id(&mut self) -> ClientMessageId {
        self.made += 1;
        ClientMessageId::parse(&format!("m-{}", self.made)).expect("an id")
    }

    fn produce(&mut self, key: &Key, hash: Option<BodyHash>) -> i64 {
        let offset = self.topics.len() as i64;
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
        });
        offset
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
        self.rooms[name].rows.len() as i64
    }

    pub fn is_rejected(&mut self, who: &'static str, name: &'static str, text: &str) {
        let key = Key { room: room(name), sender: user(who), client_message_id: self.id() };
        self.told(who, &key, Outcome::Invoke, Op::Send, |event| event.hash = Some(BodyHash::of(text)));
        self.told(who, &key, Outcome::Fail, Op::Send, |event| event.code = Some("content_too_long".into()));
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
            offset: self.letters.len() as i64,
            original_topic: "chat-messages".into(),
            original_partition: 0,
            original_offset: offset,
            headers: REQUIRED_HEADERS.map(str::to_owned).to_vec(),
            hash,
            key: Some(key.clone()),
        });
        self.told(who, &key, Outcome::Fail, Op::Status, |event| event.code = Some("poison".into()));
    }

    pub fn reads(&mut self, who: &'static str, name: &'static str, seq: i64) {
        let mark = |event: &mut Event| {
            (event.room, event.user, event.seq) = (Some(room(name)), Some(user(who)), Some(seq));
        };
        self.event(who, Outcome::Invoke, Op::Mark, mark);
        self.event(who, Outcome::Ok, Op::Mark, mark);
        let world = self.rooms.get_mut(name).expect("a room");
        let before = world.marks.insert(who, seq).unwrap_or(0);
        let now = before.max(seq);
        world.marks.insert(who, now);
        for observer in world.subscribed.clone() {
            self.event(observer, Outcome::Ok, Op::Receipt, |event| {
                (event.room, event.user, event.seq) = (Some(room(name)), Some(user(who)), Some(now));
            });
        }
    }

    pub fn is_notified(&mut self, who: &'static str, name: &'static str, seq: i64, id: &str) {
        let process = "push endpoint";
        self.event(process, Outcome::Ok, Op::Notify, |event| {
            (event.room, event.user, event.seq) = (Some(room(name)), Some(user(who)), Some(seq));
            event.id = Some(id.into());
        });
    }

    /// Kills a component that was planned to be killed, and starts it again.
    pub fn is_killed(&mut self, target: &str, group: Option<&str>) {
        self.time_passes(100);
        let id = format!("kill-{}", self.plan.faults.len() + 1);
        self.plan.faults.push(PlannedFault { id: id.clone(), fault: FaultKind::Kill, target: target.into() });
        let start = self.now;
        if let Some(group) = group {
            self.offsets.push(Offset {
                fault: id.clone(),
                group: group.into(),
                topic: "chat-messages".into(),
                partition: 0,
                offset: self.topics.len() as i64,
            });
        }
        self.time_passes(2000);
        self.records.push(Record::Fault(Fault {
            id,
            fault: FaultKind::Kill,
            target: target.into(),
            planned_start_ns: start,
            planned_end_ns: self.now,
            start_ns: Some(start),
            end_ns: Some(self.now),
            evidence: vec![Evidence::Signal(9)],
            group: group.map(str::to_owned),
            budget_ms: None,
        }));
    }

    /// The silence, the last reads, and the dumps.
    pub fn ends(mut self) -> Vec<Record> {
        let start_ns = self.now;
        self.time_passes(10_000);
        let end_ns = Some(self.now);
        self.records.push(Record::Phase(Phase { phase: PhaseName::SilentTail, start_ns, end_ns }));
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for name in rooms {
            for (who, (start, left)) in self.rooms[name].members.clone() {
                if left.is_none() {
                    let rows = self.rooms[name].rows[index(start)..].to_vec();
                    rows.iter().for_each(|row| self.receives(who, name, row, Via::Final));
                }
            }
        }
        let phase = Phase { phase: PhaseName::FinalReads, start_ns: self.now, end_ns: Some(self.now + MS) };
        self.records.push(Record::Phase(phase));
        self.records.push(Record::Exercised(Exercised { gap_fills: 3, rebalances: 2 }));
        self.dumps();
        self.records.insert(0, Record::Plan(self.plan));
        self.records
    }

    fn dumps(&mut self) {
        let (mut rows, mut memberships, mut marks, mut redis) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (name, world) in &self.rooms {
            rows.extend(world.rows.iter().cloned().map(Record::Row));
            for (who, (joined_seq, left_seq)) in &world.members {
                let (room, user, seq) = (room(name), user(who), world.marks[who]);
                memberships.push(Record::Membership(Membership {
                    room,
                    user,
                    joined_seq: *joined_seq,
                    left_seq: *left_seq,
                    muted: false,
                }));
                let unread = |row: &&Row| row.seq > seq && row.kind.is_message() && row.sender != user;
                let unread = left_seq.is_none().then(|| world.rows.iter().filter(unread).count() as i64);
                marks.push(Record::Mark(Mark { room, user, seq, unread }));
                redis.push(Record::RedisMark(RedisMark { room, user, seq }));
            }
        }
        let gauge =
            Gauge { mono_ns: self.now, target: "ws-gateway".into(), name: "rss".into(), value: 40e6, limit: 5e8 };
        let topics = self.topics.drain(..).map(Record::Topic).collect();
        let letters = self.letters.drain(..).map(Record::DeadLetter).collect();
        let offsets = self.offsets.drain(..).map(Record::Offset).collect();
        let sections: [Vec<Record>; 8] =
            [rows, memberships, marks, redis, topics, letters, offsets, vec![Record::Gauge(gauge)]];
        for (section, records) in Section::ALL.into_iter().zip(sections) {
            let count = records.len() as u64;
            self.records.extend(records);
            self.records.push(Record::Dump(Dump { section, count }));
        }
    }
}

fn index(seq: i64) -> usize {
    usize::try_from(seq - 1).expect("a place from 1")
}

/// A run with everything in it.
pub fn everyday() -> Story {
    let mut story = Story::begins();
    for who in ["alice", "bob", "carol"] {
        story.connects(who);
    }
    story.founds("alice", "lobby", &["bob", "carol"]);
    story.founds("bob", "garden", &["alice"]);
    let hello = story.says("alice", "lobby", "hello");
    story.says("alice", "lobby", "is anybody here?");
    story.says("bob", "garden", "nice weather");
    story.says_again("bob", "lobby", "yes");
    story.edits("alice", "lobby", hello, "hello everyone");
    story.reacts("bob", "lobby", hello);
    story.reads("bob", "lobby", 3);
    story.reads("bob", "lobby", 4);
    story.is_rejected("carol", "lobby", "far too long");
    story.loses_connection("carol");
    let wrong = story.says("bob", "lobby", "oops");
    story.deletes("bob", "lobby", wrong);
    story.connects("carol");
    story.sends_poison("carol", "lobby");
    story.is_killed("persister-1", Some("persister"));
    story.says("carol", "lobby", "still there?");
    story.kicks("alice", "lobby", "bob");
    story.says("alice", "lobby", "he is gone");
    story.says("carol", "lobby", "good");
    story.invites("alice", "lobby", "dave");
    story.connects("dave");
    story.says("dave", "lobby", "hi, I am new");
    story
}
