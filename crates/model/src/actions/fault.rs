//! Processes die, and partitions change hands. Redis loses in [`super::BroadcasterStep::Publish`], clients in [`super::ClientStep::Disconnect`].

use crate::{Link, Room, System};

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A persister dies with something in hand.
    CrashPersister(usize),
    /// A broadcaster does.
    CrashBroadcaster(usize),
    /// A gateway dies, with what its room knew and all connections.
    CrashGateway(usize),
    /// The partition of `chat-messages` goes to the other persister.
    MovePersister,
    /// The partition of `chat-events` goes to the other broadcaster.
    MoveBroadcaster,
}

pub(super) fn possible(now: &System) -> Vec<Fault> {
    let mut faults = Vec::new();
    if now.left.crashes > 0 {
        let busy = |worker: &usize| now.persisters.workers[*worker].hand.is_some();
        faults.extend((0..2).filter(busy).map(Fault::CrashPersister));
        let busy = |worker: &usize| now.broadcasters.workers[*worker].hand.is_some();
        faults.extend((0..2).filter(busy).map(Fault::CrashBroadcaster));
        let used = |gateway: &usize| now.gateways[*gateway] != Room::default();
        faults.extend((0..now.gateways.len()).filter(used).map(Fault::CrashGateway));
    }
    if now.left.moves > 0 {
        faults.extend(now.persisters.may_move().then_some(Fault::MovePersister));
        let broadcasts = !now.gateways.is_empty() && now.broadcasters.may_move();
        faults.extend(broadcasts.then_some(Fault::MoveBroadcaster));
    }
    faults
}

pub(super) fn take(system: &mut System, fault: Fault) {
    match fault {
        Fault::MovePersister | Fault::MoveBroadcaster => system.left.moves -= 1,
        _ => system.left.crashes -= 1,
    }
    match fault {
        Fault::CrashPersister(worker) => system.persisters.crash(worker),
        Fault::CrashBroadcaster(worker) => system.broadcasters.crash(worker),
        Fault::CrashGateway(gateway) => {
            system.gateways[gateway] = Room::default();
            for client in &mut system.clients {
                if client.link == Link::At(gateway) {
                    client.link = Link::Away;
                }
            }
        }
        Fault::MovePersister => system.persisters.change_owner(),
        Fault::MoveBroadcaster => system.broadcasters.change_owner(),
    }
}
