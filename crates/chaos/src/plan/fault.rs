//! What can be done.

use std::time::Duration;

use chat_checker::history::FaultKind;
use clap::ValueEnum;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum FaultName {
    /// SIGKILL, started again at once
    Kill,
    /// SIGKILL, never started again: another instance takes over
    KillStay,
    /// SIGSTOP for 5 s: shorter than the session of a consumer
    Stop5,
    /// SIGSTOP for 30 s: another instance takes over, and meets the one that wakes
    Stop30,
    /// SIGTERM, started again when it has ended
    Restart,
    /// The network swallows everything for 30 s: connections stay half open
    Blackhole,
    /// The same for what is sent to the store only
    LoseRequests,
    /// The same for what the store answers only: it was done, and nobody knows
    LoseAnswers,
    /// Connections are reset, new ones too, for 30 s
    Reset,
    /// No space for the data of a store, or the log of a service, for 30 s
    DiskFull,
}

/// The same in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Kill { start_again: bool },
    Pause,
    Restart,
    Lose { requests: bool, answers: bool },
    Reset,
    FillDisk,
}

impl Action {
    /// Done to connections, through a proxy.
    pub fn is_cut(self) -> bool {
        matches!(self, Self::Lose { .. } | Self::Reset)
    }

    /// As the checker calls it.
    pub fn kind(self) -> FaultKind {
        match self {
            Self::Kill { .. } => FaultKind::Kill,
            Self::Pause => FaultKind::Pause,
            Self::Restart => FaultKind::Restart,
            Self::Lose { .. } => FaultKind::Blackhole,
            Self::Reset => FaultKind::Reset,
            Self::FillDisk => FaultKind::DiskFull,
        }
    }
}

/// How a fault works, whatever it hits.
#[derive(Debug, Clone, Copy)]
pub struct FaultSpec {
    pub fault: FaultName,
    pub name: &'static str,
    pub action: Action,
    /// How long it lasts.
    pub hold: Duration,
    /// It needs a second instance that takes over.
    pub needs_second: bool,
}

const fn spec(fault: FaultName, name: &'static str, action: Action, hold_secs: u64, needs_second: bool) -> FaultSpec {
    FaultSpec { fault, name, action, hold: Duration::from_secs(hold_secs), needs_second }
}

pub const FAULTS: [FaultSpec; 10] = [
    spec(FaultName::Kill, "kill", Action::Kill { start_again: true }, 0, false),
    spec(FaultName::KillStay, "kill-stay", Action::Kill { start_again: false }, 0, true),
    spec(FaultName::Stop5, "stop5", Action::Pause, 5, false),
    spec(FaultName::Stop30, "stop30", Action::Pause, 30, true),
    spec(FaultName::Restart, "restart", Action::Restart, 0, false),
    spec(FaultName::Blackhole, "blackhole", Action::Lose { requests: true, answers: true }, 30, true),
    spec(FaultName::LoseRequests, "lose-requests", Action::Lose { requests: true, answers: false }, 30, true),
    spec(FaultName::LoseAnswers, "lose-answers", Action::Lose { requests: false, answers: true }, 30, true),
    spec(FaultName::Reset, "reset", Action::Reset, 30, true),
    spec(FaultName::DiskFull, "disk-full", Action::FillDisk, 30, false),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_on_the_command_line_is_the_one_in_the_table() {
        assert_eq!(FaultName::value_variants().len(), FAULTS.len());
        for spec in FAULTS {
            assert_eq!(spec.fault.to_possible_value().unwrap().get_name(), spec.name);
        }
    }
}
