//! `chat-events` → Redis → offset. Redis brings an event at once or never: a broadcaster that waits covers one that is slow.

use crate::{Broadcasting, Chat, System, room::Told};

/// What a broadcaster does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BroadcasterStep {
    /// Reads the next event.
    Take,
    /// Publishes it; bit *n* says that gateway *n* does not get it.
    Publish {
        /// To whom it is lost.
        lost: u8,
    },
    /// Commits the offset.
    Commit,
}

pub(super) fn possible(now: &System, worker: usize) -> Vec<BroadcasterStep> {
    match now.broadcasters.workers[worker].hand {
        None if now.broadcasters.may_take(worker, now.events.len()) => vec![BroadcasterStep::Take],
        None => Vec::new(),
        Some(Broadcasting::Taken) => {
            let listening = listening(now);
            (0..=listening)
                .filter(|lost| lost & !listening == 0 && lost.count_ones() <= u32::from(now.left.losses))
                .map(|lost| BroadcasterStep::Publish { lost })
                .collect()
        }
        Some(Broadcasting::Published) => vec![BroadcasterStep::Commit],
    }
}

fn listening(now: &System) -> u8 {
    let bits = now.gateways.iter().enumerate().map(|(gateway, room)| u8::from(room.listening) << gateway);
    bits.fold(0, |all, bit| all | bit)
}

pub(super) fn take(chat: &Chat, system: &mut System, worker: usize, step: BroadcasterStep) {
    match step {
        BroadcasterStep::Take => system.broadcasters.workers[worker].hand = Some(Broadcasting::Taken),
        BroadcasterStep::Publish { lost } => {
            let entry = system.events[system.broadcasters.workers[worker].position];
            let reached = listening(system) & !lost;
            let mut told = Told::default();
            for (gateway, room) in system.gateways.iter_mut().enumerate() {
                if reached & (1 << gateway) != 0 {
                    room.push(entry, &chat.rules, &mut told);
                }
            }
            system.show(told);
            system.left.losses -= u8::try_from(lost.count_ones()).unwrap_or(u8::MAX);
            system.broadcasters.workers[worker].hand = Some(Broadcasting::Published);
        }
        BroadcasterStep::Commit => system.broadcasters.commit(worker, chat.rules.fenced_commits),
    }
}
