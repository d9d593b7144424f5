//! Everything that was read, as an index: what the invariants look things up in.

mod command;
mod names;
mod observe;
mod room;

use std::collections::HashMap;

use chat_protocol::{RoomId, UserId};

pub(crate) use command::{Command, Commands};
pub(crate) use names::Names;
pub(crate) use observe::{Act, Step};
pub(crate) use room::{Interval, Room, Rooms, StoredRow};

use crate::history::{
    Client, DeadLetter, Exercised, Fault, Gauge, Mark, Offset, Op, Pace, Phase, PhaseName, Plan, Poison, Record,
    RedisMark, Section, Stored, TopicRecord,
};

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct At {
    pub source: u32,
    pub line: u32,
}

impl At {
    pub(crate) fn new(source: u32, line: u32) -> Self {
        Self { source, line }
    }
}

/// A connection of a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connection {
    pub process: u32,
    pub opened_ns: Option<u64>,
    pub closed_ns: Option<u64>,
    /// The client did not ask for its end.
    pub lost: bool,
    pub at: At,
}

/// Something observed about a mark: by whom, of whom, where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MarkSeen {
    pub at: At,
    pub mono_ns: u64,
    pub observer: u32,
    pub room: u32,
    pub user: UserId,
    pub seq: i64,
}

/// A notification that reached its endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Notified {
    pub at: At,
    pub mono_ns: u64,
    pub room: u32,
    pub user: UserId,
    pub seq: i64,
    pub id: String,
    /// How many messages it stands for.
    pub count: u32,
}

/// What was read, ready to be checked; made by [`Reader::finish`](crate::Reader::finish).
#[derive(Debug, Default)]
pub struct Run {
    pub(crate) sources: Vec<String>,
    pub(crate) records: u64,
    pub(crate) plan: Option<Plan>,
    pub(crate) processes: Names,
    pub(crate) clients: HashMap<u32, Client>,
    pub(crate) connection_names: Names,
    pub(crate) connections: Vec<Connection>,
    pub(crate) commands: Commands,
    pub(crate) steps: Vec<Step>,
    pub(crate) rooms: Rooms,
    /// Invocations of membership changes by room, actor and operation.
    pub(crate) membership_ops: HashMap<(u32, UserId, Op), u64>,
    pub(crate) acknowledged_marks: Vec<MarkSeen>,
    pub(crate) receipts: Vec<MarkSeen>,
    pub(crate) notified: Vec<Notified>,
    pub(crate) faults: Vec<(At, Fault)>,
    pub(crate) phases: Vec<Phase>,
    pub(crate) exercised: Exercised,
    pub(crate) resumes: u64,
    pub(crate) poison: Vec<(At, Poison)>,
    pub(crate) marks: Vec<(At, Mark)>,
    pub(crate) redis_marks: Vec<(At, RedisMark)>,
    pub(crate) topics: Vec<(At, TopicRecord)>,
    pub(crate) dead_letters: Vec<(At, DeadLetter)>,
    pub(crate) offsets: Vec<(At, Offset)>,
    /// By fault: heads of rooms, and read marks.
    pub(crate) stored: HashMap<String, HashMap<(RoomId, Option<UserId>), i64>>,
    pub(crate) gauges: Vec<(At, Gauge)>,
    /// Records that a dump says it has, and those that were read.
    pub(crate) announced: HashMap<Section, u64>,
    pub(crate) read: HashMap<Section, u64>,
}

impl Run {
    pub(crate) fn add_source(&mut self, name: &str) -> u32 {
        self.sources.push(name.to_owned());
        u32::try_from(self.sources.len() - 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn add(&mut self, record: Record, at: At) -> Result<(), &'static str> {
        self.records += 1;
        let section = match record {
            Record::Plan(plan) => {
                return if self.plan.replace(plan).is_some() {
                    Err("a second plan: read one run at a time")
                } else {
                    Ok(())
                };
            }
            Record::Client(client) => {
                let process = self.processes.id(&client.process);
                self.clients.insert(process, client);
                return Ok(());
            }
            Record::Event(event) => return self.observe(&event, at),
            Record::Fault(fault) => {
                self.faults.push((at, fault));
                return Ok(());
            }
            Record::Phase(phase) => {
                self.phases.push(phase);
                return Ok(());
            }
            Record::Exercised(exercised) => {
                self.exercised.gap_fills += exercised.gap_fills;
                self.exercised.rebalances += exercised.rebalances;
                return Ok(());
            }
            Record::Poison(poison) => {
                self.poison.push((at, poison));
                return Ok(());
            }
            Record::Dump(dump) => {
                *self.announced.entry(dump.section).or_default() += dump.count;
                return Ok(());
            }
            Record::Row(row) => {
                self.rooms.add_row(row, at, &mut self.commands)?;
                Section::Rows
            }
            Record::Membership(membership) => {
                self.rooms.of(membership.room).memberships.push((at, membership));
                Section::Memberships
            }
            Record::Mark(mark) => {
                self.marks.push((at, mark));
                Section::Marks
            }
            Record::RedisMark(mark) => {
                self.redis_marks.push((at, mark));
                Section::RedisMarks
            }
            Record::Topic(record) => {
                self.topics.push((at, record));
                Section::Topics
            }
            Record::DeadLetter(record) => {
                self.dead_letters.push((at, record));
                Section::DeadLetters
            }
            Record::Offset(offset) => {
                self.offsets.push((at, offset));
                Section::Offsets
            }
            Record::Stored(Stored { fault, room, user, seq }) => {
                self.stored.entry(fault).or_default().insert((room, user), seq);
                Section::Stored
            }
            Record::Gauge(gauge) => {
                self.gauges.push((at, gauge));
                Section::Gauges
            }
        };
        *self.read.entry(section).or_default() += 1;
        Ok(())
    }

    /// To be called once, when everything was read.
    pub(crate) fn index(&mut self) {
        self.rooms.index();
    }

    pub(crate) fn command(&self, index: u32) -> &Command {
        &self.commands.all[index as usize]
    }

    pub(crate) fn user_of(&self, process: u32) -> Option<UserId> {
        self.clients.get(&process).map(|client| client.user)
    }

    pub(crate) fn is_slow(&self, process: u32) -> bool {
        self.clients.get(&process).is_some_and(|client| client.pace == Pace::Slow)
    }

    pub(crate) fn room_id(&self, room: u32) -> RoomId {
        self.rooms.get(room).id
    }

    /// The end of a phase that is over.
    pub(crate) fn end_of(&self, name: PhaseName) -> Option<u64> {
        self.phases.iter().filter(|phase| phase.phase == name).find_map(|phase| phase.end_ns)
    }

    /// Whether a dump is there with all of its records.
    pub(crate) fn has_dump(&self, section: Section) -> bool {
        let read = self.read.get(&section).copied().unwrap_or(0);
        self.announced.get(&section) == Some(&read)
    }
}
