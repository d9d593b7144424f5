//! A client that reads: it subscribes at some gateway from where it had got to, and may lose its connection.

use crate::{
    Chat, Client, Link, System,
    room::{Phase, Told},
};

/// What happens to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientStep {
    /// It connects to a gateway and asks for the room.
    Subscribe {
        /// Which.
        gateway: usize,
    },
    /// The gateway has subscribed to the room's channel, and reads the membership and the head.
    ReadMembership,
    /// The answer reaches the room.
    Admit,
    /// The connection breaks.
    Disconnect {
        /// Frames that were sent and did not arrive.
        unseen: usize,
    },
}

pub(super) fn possible(now: &System, index: usize) -> Vec<ClientStep> {
    let client = &now.clients[index];
    let gateway = match client.link {
        Link::Away => return (0..now.gateways.len()).map(|gateway| ClientStep::Subscribe { gateway }).collect(),
        Link::At(gateway) => gateway,
        Link::Removed | Link::Refused => return Vec::new(),
    };
    let mut steps = Vec::new();
    match now.gateways[gateway].phase(index) {
        Some(Phase::Waiting) => steps.push(ClientStep::ReadMembership),
        Some(Phase::Checked(_)) => steps.push(ClientStep::Admit),
        Some(Phase::Active(_)) | None => {}
    }
    if now.left.disconnects > 0 {
        let frames = client.screen.len() - client.before;
        steps.extend((0..=frames).map(|unseen| ClientStep::Disconnect { unseen }));
    }
    steps
}

pub(super) fn take(chat: &Chat, system: &mut System, index: usize, step: ClientStep) {
    let client = &mut system.clients[index];
    if let ClientStep::Subscribe { gateway } = step {
        client.link = Link::At(gateway);
        client.before = client.screen.len();
        system.gateways[gateway].set_phase(index, Some(Phase::Waiting));
        return;
    }
    let Link::At(gateway) = client.link else { return };
    let room = &mut system.gateways[gateway];
    match step {
        ClientStep::Subscribe { .. } => {}
        ClientStep::ReadMembership => {
            room.listening = true;
            let member = index != Client::KICKED || system.database.kick().is_none();
            room.set_phase(index, Some(Phase::Checked(member.then_some(system.database.head))));
        }
        ClientStep::Admit => {
            let mut told = Told::default();
            if let Some(Phase::Checked(Some(head))) = room.phase(index) {
                match room.admit(index, head, client.cursor(), &chat.rules, &mut told) {
                    Some(cursor) => client.start = client.start.or(Some(cursor)),
                    None => client.link = Link::Refused,
                }
            } else {
                room.set_phase(index, None);
                client.link = Link::Removed;
            }
            system.show(told);
        }
        ClientStep::Disconnect { unseen } => {
            room.set_phase(index, None);
            client.screen.truncate(client.screen.len() - unseen);
            client.link = Link::Away;
            system.left.disconnects -= 1;
        }
    }
}
