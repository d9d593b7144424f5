//! What can be done to what, and how fast the system must come back: a table.

use std::time::Duration;

use chat_checker::history::FaultKind;
use clap::ValueEnum;

/// A part of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Component {
    WsGateway,
    Persister,
    Broadcaster,
    Notifier,
    ReadReceipt,
    Kafka,
    Redis,
    Postgres,
}

impl Component {
    pub const ALL: [Self; 8] = [
        Self::WsGateway,
        Self::Persister,
        Self::Broadcaster,
        Self::Notifier,
        Self::ReadReceipt,
        Self::Kafka,
        Self::Redis,
        Self::Postgres,
    ];

    /// Its name on the command line, of its binary, and of its process in the stack.
    pub fn name(self) -> &'static str {
        match self {
            Self::WsGateway => "ws-gateway",
            Self::Persister => "persister",
            Self::Broadcaster => "broadcaster",
            Self::Notifier => "notifier",
            Self::ReadReceipt => "read-receipt",
            Self::Kafka => "kafka",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }

    /// Kafka, Redis, PostgreSQL: one of each, kept by the stack.
    pub fn is_infra(self) -> bool {
        matches!(self, Self::Kafka | Self::Redis | Self::Postgres)
    }

    /// A service that takes records from Kafka.
    pub fn is_consumer(self) -> bool {
        !self.is_infra() && self != Self::WsGateway
    }
}

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
}

/// The same in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Kill { start_again: bool },
    Pause(Duration),
    Restart,
}

/// How a fault works, whatever it hits.
#[derive(Debug, Clone, Copy)]
pub struct FaultSpec {
    pub fault: FaultName,
    pub name: &'static str,
    pub action: Action,
    /// It needs a second instance that takes over.
    pub needs_second: bool,
}

const fn spec(fault: FaultName, name: &'static str, action: Action, needs_second: bool) -> FaultSpec {
    FaultSpec { fault, name, action, needs_second }
}

pub const FAULTS: [FaultSpec; 5] = [
    spec(FaultName::Kill, "kill", Action::Kill { start_again: true }, false),
    spec(FaultName::KillStay, "kill-stay", Action::Kill { start_again: false }, true),
    spec(FaultName::Stop5, "stop5", Action::Pause(Duration::from_secs(5)), false),
    spec(FaultName::Stop30, "stop30", Action::Pause(Duration::from_secs(30)), true),
    spec(FaultName::Restart, "restart", Action::Restart, false),
];

/// One experiment: a fault on a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub component: Component,
    pub fault: FaultName,
}

impl Cell {
    pub fn spec(self) -> &'static FaultSpec {
        FAULTS.iter().find(|spec| spec.fault == self.fault).unwrap_or(&FAULTS[0])
    }

    /// As the checker calls it.
    pub fn kind(self) -> FaultKind {
        match self.spec().action {
            Action::Kill { .. } => FaultKind::Kill,
            Action::Pause(_) => FaultKind::Pause,
            Action::Restart => FaultKind::Restart,
        }
    }

    /// How many instances of the component there are.
    pub fn instances(self) -> usize {
        match self.component {
            component if component.is_infra() => 1,
            Component::WsGateway => 2,
            _ => 1 + usize::from(self.spec().needs_second),
        }
    }

    /// The process that is hit.
    pub fn target(self) -> String {
        if self.component.is_infra() {
            self.component.name().to_owned()
        } else {
            format!("{}-1", self.component.name())
        }
    }

    /// Whether it can be done: what is to stay away needs another that takes over.
    pub fn possible(self) -> bool {
        !(self.component.is_infra() && self.fault == FaultName::KillStay)
    }

    /// The end of the fault to the first acknowledged send, and to the delivery of everything sent before. Of the process: that it has been
    /// started again, not that it is ready.
    pub fn budget(self) -> Duration {
        use Component::{Broadcaster, Notifier, Persister, ReadReceipt, Redis};
        use FaultName::{Restart, Stop5};
        let seconds = match (self.component, self.fault) {
            // Whoever leaves says so; and messages do not pass through the other two.
            (Persister, Restart) | (Notifier | ReadReceipt, _) => 3,
            // What Redis or the broadcaster misses, the gateways find by comparing heads. 5 s without a sign of life are shorter than every
            // session: nothing changes hands.
            (Broadcaster | Redis, _) | (_, Stop5) => 5,
            // A group without static ids waits for the session of its dead member, 10 s, before it shares out its partitions; clients need
            // as long to notice a gateway that says nothing.
            _ => 15,
        };
        Duration::from_secs(seconds)
    }

    /// `persister-kill`.
    pub fn name(self) -> String {
        format!("{}-{}", self.component.name(), self.spec().name)
    }
}

/// The cells that were asked for, component by component; all without a choice.
pub fn cells(components: &[Component], faults: &[FaultName]) -> Vec<Cell> {
    let chosen = |component: &Component| components.is_empty() || components.contains(component);
    let of = |component: Component| {
        FAULTS
            .iter()
            .filter(|spec| faults.is_empty() || faults.contains(&spec.fault))
            .map(move |spec| Cell { component, fault: spec.fault })
    };
    Component::ALL.into_iter().filter(chosen).flat_map(of).filter(|cell| cell.possible()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_matrix_is_every_fault_on_everything_that_can_bear_it() {
        let all = cells(&[], &[]);
        assert_eq!(all.len(), 8 * 5 - 3, "three stores have no second instance");
        assert_eq!(cells(&[], &[FaultName::Kill]).len(), 8);
        assert_eq!(cells(&[Component::Redis], &[FaultName::KillStay]), []);
    }

    #[test]
    fn whoever_is_to_be_replaced_has_a_second_instance() {
        for cell in cells(&[], &[]).into_iter().filter(|cell| !cell.component.is_infra()) {
            assert!(!cell.spec().needs_second || cell.instances() == 2, "{}", cell.name());
        }
    }

    #[test]
    fn every_name_on_the_command_line_is_the_one_in_the_table() {
        for spec in FAULTS {
            assert_eq!(spec.fault.to_possible_value().unwrap().get_name(), spec.name);
        }
        for component in Component::ALL {
            assert_eq!(component.to_possible_value().unwrap().get_name(), component.name());
        }
    }
}
