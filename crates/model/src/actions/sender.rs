//! The client that writes: in order, and again when it got no answer.

use crate::{Chat, Command, System};

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SenderStep {
    /// Sends the next command; Kafka has it.
    Send,
    /// Sends a command again, with the same id.
    Repeat(Command),
}

pub(super) fn possible(chat: &Chat, now: &System) -> impl Iterator<Item = SenderStep> {
    let send = (now.sent < chat.bounds.script.len()).then_some(SenderStep::Send);
    let repeats = if now.left.repeats > 0 { &chat.bounds.script[..now.sent] } else { &[] };
    send.into_iter().chain(repeats.iter().copied().map(SenderStep::Repeat))
}

pub(super) fn take(chat: &Chat, system: &mut System, step: SenderStep) {
    match step {
        SenderStep::Send => {
            system.commands.push(chat.bounds.script[system.sent]);
            system.sent += 1;
        }
        SenderStep::Repeat(command) => {
            system.commands.push(command);
            system.left.repeats -= 1;
        }
    }
}
