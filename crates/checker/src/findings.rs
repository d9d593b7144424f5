//! What the invariants found.

use std::{collections::BTreeMap, fmt};

use chat_protocol::RoomId;
use serde::Serialize;

use crate::{
    history::{Key, Section},
    run::{At, Run},
};

/// A guarantee, by its number in `docs/CHECKER.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[expect(missing_docs, reason = "`Invariant::title` says what each is")]
pub enum Invariant {
    I1,
    I2,
    I3,
    I4,
    I5,
    I6,
    I7,
    I8,
    I9,
    I10,
    I11,
    I12,
    I13,
    I14,
    I15,
}

impl Invariant {
    /// All of them, in order.
    pub const ALL: [Self; 15] = [
        Self::I1,
        Self::I2,
        Self::I3,
        Self::I4,
        Self::I5,
        Self::I6,
        Self::I7,
        Self::I8,
        Self::I9,
        Self::I10,
        Self::I11,
        Self::I12,
        Self::I13,
        Self::I14,
        Self::I15,
    ];

    /// What it promises, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::I1 => "acknowledged sends are stored once",
            Self::I2 => "rejected sends are seen nowhere",
            Self::I3 => "nothing invented or corrupted",
            Self::I4 => "places and keys are unique, no gap",
            Self::I5 => "everyone sees the same",
            Self::I6 => "each screen goes up by one",
            Self::I7 => "nothing missing, tail included",
            Self::I8 => "order follows real time",
            Self::I9 => "a connection's sends keep their order",
            Self::I10 => "only members write and read",
            Self::I11 => "read marks go forward and survive",
            Self::I12 => "committed offsets are safe",
            Self::I13 => "dead letters are exactly the poison",
            Self::I14 => "whoever is away is notified",
            Self::I15 => "recovery and delivery in time",
        }
    }

    /// Dumps without which it cannot be judged.
    pub(crate) fn needs(self) -> &'static [Section] {
        use Section::{DeadLetters, Gauges, Marks, Memberships, Offsets, RedisMarks, Rows, Stored, Topics};
        match self {
            Self::I1 | Self::I2 => &[Rows, DeadLetters],
            Self::I3 | Self::I4 | Self::I5 | Self::I6 | Self::I8 | Self::I9 => &[Rows],
            Self::I7 | Self::I10 | Self::I14 => &[Rows, Memberships],
            Self::I11 => &[Rows, Marks, RedisMarks],
            Self::I12 => &[Rows, Marks, Topics, DeadLetters, Offsets, Stored],
            Self::I13 => &[Topics, DeadLetters],
            Self::I15 => &[Rows, Gauges],
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A counter-example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it breaks.
    pub invariant: Invariant,
    /// How, in a word or two that stay the same from run to run.
    pub clause: &'static str,
    /// What happened, in a sentence.
    pub message: String,
    /// The file.
    pub file: String,
    /// The line.
    pub line: u32,
    /// When, by the run's clock; nothing for what stands in a dump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mono_ns: Option<u64>,
    /// The room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// The place in the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// The send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// The lines around it, see [`attach_context`](crate::attach_context).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<String>,
}

/// A finding under construction: what, where, when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub clause: &'static str,
    pub at: At,
    pub mono_ns: Option<u64>,
    pub room: Option<RoomId>,
    pub seq: Option<i64>,
    pub key: Option<&'a Key>,
}

impl<'a> Found<'a> {
    pub(crate) fn new(clause: &'static str, at: At) -> Self {
        Self { clause, at, mono_ns: None, room: None, seq: None, key: None }
    }

    pub(crate) fn when(self, mono_ns: u64) -> Self {
        Self { mono_ns: Some(mono_ns), ..self }
    }

    pub(crate) fn place(self, room: RoomId, seq: i64) -> Self {
        Self { room: Some(room), seq: Some(seq), ..self }
    }

    pub(crate) fn key(self, key: &'a Key) -> Self {
        Self { room: Some(key.room), key: Some(key), ..self }
    }
}

/// Findings kept per invariant; the others are counted.
const KEPT: usize = 20;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Cases looked at.
    pub cases: u64,
    pub violations: u64,
    pub found: Vec<Finding>,
    pub note: Option<String>,
}

/// Deliveries of a room, over all clients.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deliveries {
    pub expected: u64,
    pub unique: u64,
    pub missing: u64,
    pub duplicate: u64,
    pub unexpected: u64,
}

/// Collects findings and counts.
pub(crate) struct Findings<'a> {
    pub run: &'a Run,
    pub tallies: BTreeMap<Invariant, Tally>,
    pub deliveries: BTreeMap<u32, Deliveries>,
    pub excused_marks: u64,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(run: &'a Run) -> Self {
        let tallies = Invariant::ALL.into_iter().map(|invariant| (invariant, Tally::default())).collect();
        Self { run, tallies, deliveries: BTreeMap::new(), excused_marks: 0 }
    }

    /// One more case was looked at.
    pub(crate) fn case(&mut self, invariant: Invariant) {
        self.tallies.entry(invariant).or_default().cases += 1;
    }

    pub(crate) fn note(&mut self, invariant: Invariant, note: String) {
        self.tallies.entry(invariant).or_default().note = Some(note);
    }

    pub(crate) fn deliveries(&mut self, room: u32) -> &mut Deliveries {
        self.deliveries.entry(room).or_default()
    }

    /// One case breaks the invariant. The earliest findings are kept.
    pub(crate) fn found(&mut self, invariant: Invariant, found: Found, message: impl FnOnce() -> String) {
        let run = self.run;
        let tally = self.tallies.entry(invariant).or_default();
        tally.violations += 1;
        let when = |mono_ns: Option<u64>| mono_ns.unwrap_or(u64::MAX);
        let place = tally.found.partition_point(|kept| when(kept.mono_ns) <= when(found.mono_ns));
        if place >= KEPT {
            return;
        }
        let finding = Finding {
            invariant,
            clause: found.clause,
            message: message(),
            file: run.sources[found.at.source as usize].clone(),
            line: found.at.line,
            mono_ns: found.mono_ns,
            room: found.room,
            seq: found.seq,
            key: found.key.cloned(),
            context: Vec::new(),
        };
        tally.found.insert(place, finding);
        tally.found.truncate(KEPT);
    }
}
