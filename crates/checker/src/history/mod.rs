//! What a run leaves behind, as JSON lines: one [`Record`] per line, `{"event":{…}}`, `{"row":{…}}` and so on. Any file may hold any records.

mod dump;
mod event;
mod hash;
mod plan;
mod reader;
mod recorder;

use serde::{Deserialize, Serialize};

pub use dump::{
    DeadLetter, Dump, Gauge, Mark, Membership, Offset, Poison, REQUIRED_HEADERS, RedisMark, Row, Section, Stored,
    TopicRecord,
};
pub use event::{Event, Key, Kind, Op, Outcome, SendState, Via};
pub use hash::BodyHash;
pub use plan::{
    Budgets, Client, Evidence, Exercise, Exercised, Fault, FaultKind, Notifications, Pace, Phase, PhaseName, Plan,
    PlannedFault,
};
pub use reader::{Reader, UnusableInput};
pub use recorder::{Recorder, RunClock};

/// One line of a history or a dump.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Record {
    /// What the run set out to do; once.
    Plan(Plan),
    /// Who is behind a process; once per process, before its events.
    Client(Client),
    /// What a client did or saw.
    Event(Box<Event>),
    /// A fault that was applied.
    Fault(Fault),
    /// A part of the run.
    Phase(Phase),
    /// How often a repair of the system was seen at work.
    Exercised(Exercised),
    /// A record that was put on a topic to fail.
    Poison(Poison),
    /// A stored timeline entry or change.
    Row(Row),
    /// A stored membership.
    Membership(Membership),
    /// A stored read mark.
    Mark(Mark),
    /// A read mark in Redis.
    RedisMark(RedisMark),
    /// A record of a topic.
    Topic(TopicRecord),
    /// A record of a dead-letter topic.
    DeadLetter(DeadLetter),
    /// A committed offset at an instant.
    Offset(Offset),
    /// How far the database was at a kill.
    Stored(Stored),
    /// A reading of a memory or queue gauge.
    Gauge(Gauge),
    /// The end of a dump: how many records it has.
    Dump(Dump),
}
