//! Histories that read like stories: a small perfect system, in which people talk and every step is recorded.

mod ending;
mod everyday;
mod sends;

use std::collections::{BTreeMap, BTreeSet};

use chat_checker::history::{
    BodyHash, Budgets, Client, DeadLetter, Event, Evidence, Exercise, Fault, FaultKind, Kind, Notifications, Offset,
    Op, Outcome, Pace, Plan, PlannedFault, Record, Row, Stored, TopicRecord, Via,
};
use chat_protocol::{ClientMessageId, RoomId, UserId};
use uuid::Uuid;

pub use everyday::{everyday, judge};

pub const MS: u64 = 1_000_000;

pub fn user(name: &str) -> UserId {
    UserId(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()))
}

pub fn room(name: &str) -> RoomId {
    RoomId(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
}

#[derive(Clone, Default)]
struct World {
    rows: Vec<Row>,
    members: BTreeMap<&'static str, (i64, Option<i64>)>,
    marks: BTreeMap<&'static str, i64>,
    subscribed: BTreeSet<&'static str>,
}

/// The story so far.
#[derive(Clone)]
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
    stored: Vec<Stored>,
    made: u32,
}

impl Story {
    pub fn begins() -> Self {
        let plan = Plan {
            run: "story".into(),
            seed: 7,
            min_ok: 1,
            faults: Vec::new(),
            exercise: Exercise::default(),
            budgets: Budgets::default(),
            redis_loss_window_ms: 1000,
            notifications: Notifications::NotRecorded,
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
            stored: Vec::new(),
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
            count: None,
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
        for member in &all {
            self.join_in(member);
        }
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
        for row in &rows {
            self.receives(who, name, row, Via::Live);
        }
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
        let world = &self.rooms[name];
        let before = row.target.is_some_and(|target| world.members.get(who).is_some_and(|(start, _)| target < *start));
        let shown = row.target.map_or(row.hash, |target| world.rows[index(target)].hash);
        let shown = if before { Some(BodyHash::of("")) } else { shown };
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
        let seq = count(world.rows.len()) + 1;
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

    pub fn is_notified_of(&mut self, who: &'static str, name: &'static str, seq: i64, count: u32) {
        self.event(who, Outcome::Ok, Op::Notify, |event| {
            (event.room, event.user, event.seq) = (Some(room(name)), Some(user(who)), Some(seq));
            (event.id, event.count) = (Some(format!("{name}:{seq}")), Some(count));
        });
    }

    /// Unsubscribes a room, and stays connected.
    pub fn looks_away(&mut self, who: &'static str, name: &'static str) {
        self.event(who, Outcome::Ok, Op::Close, |event| event.room = Some(room(name)));
        self.rooms.get_mut(name).expect("a room").subscribed.remove(who);
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
                offset: count(self.topics.len()),
            });
            for (name, world) in &self.rooms {
                let head = (None, count(world.rows.len()));
                let marks = world.marks.iter().map(|(who, seq)| (Some(user(who)), *seq));
                self.stored.extend(std::iter::once(head).chain(marks).map(|(user, seq)| Stored {
                    fault: id.clone(),
                    room: room(name),
                    user,
                    seq,
                }));
            }
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
}

fn count(length: usize) -> i64 {
    i64::try_from(length).expect("a short story")
}

fn index(seq: i64) -> usize {
    usize::try_from(seq - 1).expect("a place from 1")
}
