//! What can be done to what, and how fast the system must come back: a table.

mod component;
mod fault;

use std::time::Duration;

pub use component::{Component, Link, Subject};
pub use fault::{Action, FAULTS, FaultName, FaultSpec};

/// How many gateways there are, whatever is hit: so that most of the members of a room are elsewhere.
const GATEWAYS: usize = 3;

/// One experiment: a fault on a part, or on two, or on a link of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub subject: Subject,
    pub fault: FaultName,
    /// Of a service that is cut off: from what.
    pub link: Option<Link>,
}

impl Cell {
    pub fn spec(self) -> &'static FaultSpec {
        FAULTS.iter().find(|spec| spec.fault == self.fault).unwrap_or(&FAULTS[0])
    }

    pub fn action(self) -> Action {
        self.spec().action
    }

    /// How many instances of a component there are.
    pub fn instances(self, component: Component) -> usize {
        match component {
            component if component.is_infra() => 1,
            Component::WsGateway => GATEWAYS,
            _ => 1 + usize::from(self.subject.contains(component) && self.spec().needs_second),
        }
    }

    /// The processes that are hit.
    pub fn targets(self) -> Vec<(Component, String)> {
        let numbers = if self.subject == Subject::AllGateways { GATEWAYS } else { 1 };
        let of = |component: Component| {
            (1..=numbers).map(move |number| {
                let name = component.name();
                (component, if component.is_infra() { name.to_owned() } else { format!("{name}-{number}") })
            })
        };
        self.subject.components().into_iter().flat_map(of).collect()
    }

    /// Whether it makes sense.
    fn possible(self) -> bool {
        let components = self.subject.components();
        let action = self.action();
        let link_fits = match (self.subject, self.link) {
            (Subject::One(component), Some(link)) => action.is_cut() && component.links().contains(&link),
            (Subject::One(component), None) => component.is_infra() || !action.is_cut(),
            (_, link) => link.is_none() && !action.is_cut(),
        };
        let fault_fits = match (self.fault, self.subject) {
            // What is to stay away needs another that takes over.
            (FaultName::KillStay, Subject::AllGateways) => false,
            (FaultName::KillStay, _) => !components.iter().any(|component| component.is_infra()),
            // Each direction by itself: of a store, which all services share.
            (FaultName::LoseRequests | FaultName::LoseAnswers, _) => self.link.is_none(),
            // Two small disks at once would say nothing new.
            (FaultName::DiskFull, subject) => matches!(subject, Subject::One(_)),
            _ => true,
        };
        link_fits && fault_fits
    }

    /// Whether it is run without a choice: not every fault is worth its minutes on a pair.
    fn by_default(self) -> bool {
        match self.subject {
            Subject::One(_) => true,
            Subject::Pair(..) => matches!(self.fault, FaultName::Kill | FaultName::Stop30),
            Subject::AllGateways => matches!(self.fault, FaultName::Kill | FaultName::Restart),
        }
    }

    /// The end of the fault to the first acknowledged send, and to the delivery of everything sent before. Of the process: that it has been
    /// started again, not that it is ready. Of a pair: what the slower one may take, since they are back at the same time.
    pub fn budget(self) -> Duration {
        let seconds = self.subject.components().into_iter().map(|component| self.seconds(component)).max();
        Duration::from_secs(seconds.unwrap_or(0))
    }

    fn seconds(self, component: Component) -> u64 {
        use Component::{Broadcaster, Notifier, Persister, ReadReceipt, Redis};
        use FaultName::{DiskFull, Restart, Stop5};
        match (component, self.fault, self.link) {
            // Whoever leaves says so; messages do not pass through the other two; and of a full disk under its log, nothing is to be seen.
            (Persister, Restart, _) | (Notifier | ReadReceipt, ..) => 3,
            (component, DiskFull, _) if !component.is_infra() => 3,
            // What Redis or the broadcaster misses, the gateways find by comparing heads. 5 s without a sign of life are shorter than every
            // session: nothing changes hands.
            (Broadcaster | Redis, ..) | (_, Stop5, _) | (_, _, Some(Link::Redis)) => 5,
            // A group without static ids waits for the session of its dead member, 8 s, before it shares out its partitions; clients need
            // as long to notice a gateway that says nothing; and a request that vanished with its connection is given up after 10 s.
            _ => 15,
        }
    }

    /// The fault, and of what it cuts off: `blackhole redis`.
    pub fn what(self) -> String {
        let link = self.link.map(|link| format!(" {}", link.name()));
        self.spec().name.to_owned() + &link.unwrap_or_default()
    }

    /// `persister-kill`, `persister-reset-kafka`.
    pub fn name(self) -> String {
        format!("{}-{}", self.subject, self.what().replace(' ', "-"))
    }
}

/// The cells that were asked for, component by component; those worth it without a choice.
pub fn cells(subjects: &[Subject], faults: &[FaultName], links: &[Link]) -> Vec<Cell> {
    let mut all: Vec<Subject> = Subject::all().collect();
    // Other pairs can be asked for.
    all.extend(subjects.iter().filter(|subject| !Subject::all().any(|it| it == **subject)));
    let mut cells = Vec::new();
    for subject in all.into_iter().filter(|subject| subjects.is_empty() || subjects.contains(subject)) {
        let no_link = links.is_empty().then_some(None);
        let of_service: Vec<Option<Link>> = if let Subject::One(component) = subject {
            component.links().iter().copied().map(Some).collect()
        } else {
            Vec::new()
        };
        for spec in FAULTS.iter().filter(|spec| faults.is_empty() || faults.contains(&spec.fault)) {
            let named =
                of_service.iter().filter(|link| links.is_empty() || link.is_some_and(|link| links.contains(&link)));
            for link in no_link.into_iter().chain(named.copied()) {
                let cell = Cell { subject, fault: spec.fault, link };
                let wanted = cell.by_default() || !(subjects.is_empty() || faults.is_empty());
                if cell.possible() && wanted {
                    cells.push(cell);
                }
            }
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_matrix_is_every_fault_on_everything_that_can_bear_it() {
        let all = cells(&[], &[], &[]);
        let processes = 8 * 5 - 3;
        let (links, directions) = ((4 + 2 + 2 + 3 + 3) * 2, 3 * 4);
        let (disks, pairs, gateways) = (8, 5 * 2, 2);
        assert_eq!(all.len(), processes + links + directions + disks + pairs + gateways);
        assert_eq!(cells(&[Subject::One(Component::Redis)], &[FaultName::KillStay], &[]), []);
        assert_eq!(cells(&[], &[FaultName::DiskFull], &[]).len(), 8);
    }

    #[test]
    fn a_link_chooses_the_cuts_of_services_only() {
        let chosen = cells(&[], &[], &[Link::Clients]);
        let names: Vec<String> = chosen.into_iter().map(Cell::name).collect();
        assert_eq!(names, ["ws-gateway-blackhole-clients", "ws-gateway-reset-clients"]);
    }

    #[test]
    fn a_pair_that_is_asked_for_by_name_needs_no_place_in_the_table() {
        let pair = Subject::Pair(Component::Notifier, Component::Kafka);
        let [cell] = cells(&[pair], &[FaultName::Restart], &[])[..] else { panic!("one cell") };
        assert_eq!(cell.name(), "notifier+kafka-restart");
        assert_eq!(cell.budget(), Duration::from_secs(15));
        assert_eq!(cell.targets().len(), 2);
    }

    #[test]
    fn whoever_is_to_be_replaced_has_a_second_instance() {
        for cell in cells(&[], &[], &[]) {
            for component in cell.subject.components().into_iter().filter(|component| !component.is_infra()) {
                assert!(!cell.spec().needs_second || cell.instances(component) >= 2, "{}", cell.name());
            }
        }
    }
}
