//! What a run set out to do, and what was done to the system.

use chat_protocol::UserId;
use serde::{Deserialize, Serialize};

/// What the run set out to do. A verdict other than unknown needs one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// A name for the run.
    pub run: String,
    /// What its schedule was drawn from.
    pub seed: u64,
    /// Fewer answered sends prove nothing.
    pub min_ok: u64,
    /// Faults that must happen.
    #[serde(default)]
    pub faults: Vec<PlannedFault>,
    /// Repairs that must be seen at work.
    #[serde(default)]
    pub exercise: Exercise,
    /// How long things may take.
    #[serde(default)]
    pub budgets: Budgets,
    /// Marks acknowledged this long before a fault of Redis may be lost; they are counted.
    #[serde(default = "redis_loss_window")]
    pub redis_loss_window_ms: u64,
    /// Whether notifications were recorded, and who had to get them.
    #[serde(default)]
    pub notifications: Notifications,
}

/// Who is notified of what others write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Notifications {
    /// They were not recorded, and are not checked.
    #[default]
    NotRecorded,
    /// Members without a connection, at an endpoint that is always there.
    Offline,
    /// Members with a connection who have not subscribed the room, on that connection. Not judged while a fault is felt: these notifications
    /// are sent once.
    NotViewing,
}

fn redis_loss_window() -> u64 {
    1000
}

/// A fault of the schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedFault {
    /// Its name in the run.
    pub id: String,
    /// What is done.
    pub fault: FaultKind,
    /// To which component.
    pub target: String,
}

/// What can be done to a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultKind {
    /// SIGKILL.
    Kill,
    /// SIGSTOP, later SIGCONT.
    Pause,
    /// SIGTERM, and started again.
    Restart,
    /// Its file system is full.
    DiskFull,
    /// Its connections hang.
    Blackhole,
    /// Its connections are reset.
    Reset,
}

/// How often repairs must be seen at work, at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Exercise {
    /// Gaps that a gateway filled.
    pub gap_fills: u64,
    /// Subscriptions resumed by clients; counted in the history.
    pub resumes: u64,
    /// Rebalances of consumer groups.
    pub rebalances: u64,
}

/// How often a repair was seen at work, by the counters of the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exercised {
    /// Gaps filled since the line before.
    #[serde(default)]
    pub gap_fills: u64,
    /// Rebalances since the line before.
    #[serde(default)]
    pub rebalances: u64,
}

/// How long things may take, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Budgets {
    /// A send to an answer of any kind, while the connection stands.
    pub answer_ms: u64,
    /// A send to its delivery on another subscription, away from faults.
    pub delivery_ms: u64,
    /// The end of a fault to the first answered send.
    pub first_ok_ms: u64,
    /// The end of a fault until everything sent before, or soon after, has been delivered.
    pub caught_up_ms: u64,
    /// The loss of a connection, or the end of the fault that cost it, to the next connection.
    pub reconnect_ms: u64,
    /// How long before and after a message somebody must be away to count as offline, or here to count as online.
    pub presence_ms: u64,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            answer_ms: 6000,
            delivery_ms: 5000,
            first_ok_ms: 15_000,
            caught_up_ms: 15_000,
            reconnect_ms: 35_000,
            presence_ms: 35_000,
        }
    }
}

/// Who is behind a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Client {
    /// The process.
    pub process: String,
    /// The user.
    pub user: UserId,
    /// How fast it reads.
    #[serde(default)]
    pub pace: Pace,
}

/// How fast a client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Pace {
    /// As fast as it can: delivery times are judged.
    #[default]
    Steady,
    /// Slowly, on purpose: only completeness and order are judged.
    Slow,
}

/// A fault that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Its name in the plan.
    pub id: String,
    /// What was done.
    pub fault: FaultKind,
    /// To which component.
    pub target: String,
    /// When it should begin.
    pub planned_start_ns: u64,
    /// When it should end.
    pub planned_end_ns: u64,
    /// When it began.
    #[serde(default)]
    pub start_ns: Option<u64>,
    /// When it was healed: the process runs again, the network is whole. If a component is to stay away, when it went.
    #[serde(default)]
    pub end_ns: Option<u64>,
    /// What shows that it happened.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// The consumer group whose committed offsets were read at the kill, if the target is a consumer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// This fault's own budget for both recovery times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_ms: Option<u64>,
}

/// What shows that a fault happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Evidence {
    /// The process ended by this signal.
    Signal(i32),
    /// The process ended with this code.
    ExitCode(i32),
    /// The process was seen in this state of `/proc/<pid>/stat`.
    ProcessState(char),
    /// The proxy cut this many connections.
    CutConnections(u64),
    /// The proxy withheld this many bytes.
    WithheldBytes(u64),
    /// This many writes failed for want of space.
    FailedWrites(u64),
}

impl Fault {
    /// Whether the evidence shows that it happened.
    pub fn happened(&self) -> bool {
        let shown = |evidence: &Evidence| match (self.fault, *evidence) {
            (FaultKind::Kill, Evidence::Signal(signal)) => signal == 9,
            (FaultKind::Restart, Evidence::ExitCode(_) | Evidence::Signal(15)) => true,
            (FaultKind::Pause, Evidence::ProcessState(state)) => state.eq_ignore_ascii_case(&'t'),
            (FaultKind::DiskFull, Evidence::FailedWrites(count))
            | (FaultKind::Blackhole, Evidence::WithheldBytes(count))
            | (FaultKind::Blackhole | FaultKind::Reset, Evidence::CutConnections(count)) => count > 0,
            _ => false,
        };
        self.start_ns.is_some() && self.evidence.iter().any(shown)
    }
}

/// A part of the run; `end_ns` is missing while it is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Phase {
    /// Which.
    pub phase: PhaseName,
    /// When it began.
    pub start_ns: u64,
    /// When it was over.
    #[serde(default)]
    pub end_ns: Option<u64>,
}

/// The parts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PhaseName {
    /// Sends, and faults.
    Load,
    /// Everything is healed.
    Heal,
    /// Until the consumers have no lag.
    Quiesce,
    /// Nobody sends: the last messages must arrive all the same.
    SilentTail,
    /// Every client reads all of its rooms.
    FinalReads,
}
