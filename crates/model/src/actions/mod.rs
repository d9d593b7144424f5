//! What can happen next. Each step of each process is an action of its own, so that everything else can happen in between.

mod broadcaster;
mod client;
mod fault;
mod gateway;
mod persister;
mod sender;

pub use self::{
    broadcaster::BroadcasterStep, client::ClientStep, fault::Fault, gateway::GatewayStep, persister::PersisterStep,
    sender::SenderStep,
};
use crate::{Chat, System};

/// Something that can happen; the number says to which process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The client that writes.
    Sender(SenderStep),
    /// One of the two persisters.
    Persister(usize, PersisterStep),
    /// One of the two broadcasters.
    Broadcaster(usize, BroadcasterStep),
    /// A gateway.
    Gateway(usize, GatewayStep),
    /// A client that reads.
    Client(usize, ClientStep),
    /// Something breaks.
    Fault(Fault),
}

impl Action {
    /// Whether the system does this by itself, sooner or later. Faults and what clients please to do need not happen.
    pub fn progress(self) -> bool {
        match self {
            Self::Persister(..) | Self::Broadcaster(..) => true,
            Self::Gateway(_, step) => !matches!(step, GatewayStep::PageFails(_)),
            Self::Client(_, step) => matches!(step, ClientStep::ReadMembership | ClientStep::Admit),
            Self::Sender(_) | Self::Fault(_) => false,
        }
    }
}

/// Everything that can happen now.
pub fn possible(chat: &Chat, now: &System, actions: &mut Vec<Action>) {
    actions.extend(sender::possible(chat, now).map(Action::Sender));
    for worker in 0..2 {
        actions.extend(persister::possible(chat, now, worker).map(|step| Action::Persister(worker, step)));
        if !now.gateways.is_empty() {
            actions
                .extend(broadcaster::possible(now, worker).into_iter().map(|step| Action::Broadcaster(worker, step)));
        }
    }
    for gateway in 0..now.gateways.len() {
        actions.extend(gateway::possible(chat, now, gateway).map(|step| Action::Gateway(gateway, step)));
    }
    for client in 0..now.clients.len() {
        actions.extend(client::possible(now, client).into_iter().map(|step| Action::Client(client, step)));
    }
    actions.extend(fault::possible(now).into_iter().map(Action::Fault));
}

/// Lets it happen.
pub fn take(chat: &Chat, system: &mut System, action: Action) {
    match action {
        Action::Sender(step) => sender::take(chat, system, step),
        Action::Persister(worker, step) => persister::take(chat, system, worker, step),
        Action::Broadcaster(worker, step) => broadcaster::take(chat, system, worker, step),
        Action::Gateway(gateway, step) => gateway::take(chat, system, gateway, step),
        Action::Client(client, step) => client::take(chat, system, client, step),
        Action::Fault(fault) => fault::take(system, fault),
    }
}
