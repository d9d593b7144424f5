//! The verdict and what it rests on, with a schema that stays.

use chat_protocol::RoomId;
use serde::Serialize;

use crate::{Finding, Invariant};

/// Version of the report's JSON.
pub(crate) const SCHEMA: u32 = 1;

/// What a run shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Every invariant holds, and enough happened to say so.
    Valid,
    /// An invariant is broken.
    Invalid,
    /// Nothing was found, but the run proves nothing.
    Unknown,
}

impl Verdict {
    /// The exit code of the program.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Invalid => 1,
            Self::Unknown => 2,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
        }
    }
}

/// Everything that [`check`](crate::check) found out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Version of this structure: grows when a field changes its meaning or goes.
    pub schema: u32,
    /// The verdict.
    pub verdict: Verdict,
    /// The run's name, when there is a plan.
    pub run: Option<String>,
    /// Its seed.
    pub seed: Option<u64>,
    /// Records read.
    pub records: u64,
    /// Why the run proves nothing; empty unless something speaks against a valid verdict.
    pub doubts: Vec<String>,
    /// The earliest finding.
    pub counter_example: Option<Finding>,
    /// Each invariant.
    pub invariants: Vec<InvariantReport>,
    /// Deliveries, room by room.
    pub rooms: Vec<RoomReport>,
    /// What became of the sends.
    pub sends: SendReport,
    /// The slowest delivery.
    pub lag: Lag,
    /// Each planned or applied fault.
    pub faults: Vec<FaultReport>,
    /// Acknowledged marks that were lost in the declared window before a fault of Redis.
    pub excused_marks: u64,
}

impl Report {
    /// Whether this invariant is broken.
    pub fn breaks(&self, invariant: Invariant) -> bool {
        self.invariants.iter().any(|it| it.invariant == invariant && it.status == Status::Broken)
    }

    /// All findings that were kept.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.invariants.iter().flat_map(|it| &it.findings)
    }
}

/// How an invariant fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// No case breaks it.
    Holds,
    /// At least one case breaks it.
    Broken,
    /// There was nothing to judge it by.
    NotChecked,
}

/// One invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InvariantReport {
    /// Which.
    pub invariant: Invariant,
    /// What it promises.
    pub title: &'static str,
    /// How it fared.
    pub status: Status,
    /// Cases looked at.
    pub cases: u64,
    /// Cases that break it.
    pub violations: u64,
    /// Why it was not checked, or what was excused.
    pub note: Option<String>,
    /// The earliest violations, at most twenty.
    pub findings: Vec<Finding>,
}

/// Deliveries of one room, summed over clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomReport {
    /// The room.
    pub room: RoomId,
    /// Its head.
    pub head: i64,
    /// Places that clients subscribed at the end had to receive.
    pub expected: u64,
    /// Different places received, client by client; more than expected when clients left.
    pub unique: u64,
    /// Expected and not received.
    pub missing: u64,
    /// Received again on the same subscription.
    pub duplicate: u64,
    /// Received without being stored there, or by somebody who was no member.
    pub unexpected: u64,
}

/// Sends by the last word on them; repeats counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SendReport {
    /// Sends, however often repeated.
    pub sent: u64,
    /// Sends with more than one attempt.
    pub retried: u64,
    /// Persisted.
    pub persisted: u64,
    /// Accepted, and nothing more was heard.
    pub accepted: u64,
    /// Rejected.
    pub rejected: u64,
    /// Busy in the last word.
    pub busy: u64,
    /// Unknown in the last word.
    pub unknown: u64,
    /// Without any answer, because the connection ended.
    pub unanswered: u64,
}

/// The slowest delivery of a message that was sent once, to clients subscribed before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lag {
    /// Away from faults, in milliseconds.
    pub steady_ms: u64,
    /// While the system was failing or recovering.
    pub shaken_ms: u64,
    /// The room of the slowest of all.
    pub room: Option<RoomId>,
    /// Its place.
    pub seq: Option<i64>,
}

impl Lag {
    pub(crate) fn offer(&mut self, ms: u64, room: RoomId, seq: i64, shaken: bool) {
        if self.room.is_none() || ms > self.steady_ms.max(self.shaken_ms) {
            (self.room, self.seq) = (Some(room), Some(seq));
        }
        let side = if shaken { &mut self.shaken_ms } else { &mut self.steady_ms };
        *side = (*side).max(ms);
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultReport {
    /// Its name in the run.
    pub id: String,
    /// What was done.
    pub fault: crate::history::FaultKind,
    /// To which component.
    pub target: String,
    /// Whether the evidence shows that it happened.
    pub happened: bool,
    /// From its end to the first acknowledged send.
    pub first_ok_ms: Option<u64>,
    /// From its end until everything sent during it was delivered.
    pub caught_up_ms: Option<u64>,
    /// What the two may take.
    pub budget_ms: Option<(u64, u64)>,
    /// Whether they took no more.
    pub met: Option<bool>,
}
