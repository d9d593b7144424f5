//! Which database calls a batch becomes.

use chat_protocol::{Command, CommandBody, EntryType, MessageId};

use crate::decode::Decoded;

/// One database call; the numbers are places in the batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A run of sends.
    Append(Vec<Send<'a>>),
    /// One command by itself: a change of a message, or a room command.
    Single(usize, &'a Command),
    /// All probes of the batch.
    Probes(Vec<(usize, &'a Command)>),
}

/// A command that is a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Send<'a> {
    /// Its place in the batch.
    pub index: usize,
    /// The command.
    pub command: &'a Command,
    /// The text.
    pub content: &'a str,
    /// `TEXT` or `IMAGE`.
    pub message_type: EntryType,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
}

/// Orders the commands of a batch into as few calls as keep their order. Records that are no commands interrupt nothing, and neither do
/// probes: they come last, one call for all of them.
pub fn plan(batch: &[Decoded]) -> Vec<Step<'_>> {
    let (mut steps, mut probes) = (Vec::new(), Vec::new());
    for (index, decoded) in batch.iter().enumerate() {
        let Decoded::Command(command) = decoded else { continue };
        if matches!(command.body, CommandBody::Probe {}) {
            probes.push((index, command));
            continue;
        }
        let CommandBody::SendMessage { content, message_type, reply_to } = &command.body else {
            steps.push(Step::Single(index, command));
            continue;
        };
        let send = Send { index, command, content, message_type: *message_type, reply_to: *reply_to };
        match steps.last_mut() {
            Some(Step::Append(run)) => run.push(send),
            _ => steps.push(Step::Append(vec![send])),
        }
    }
    if !probes.is_empty() {
        steps.push(Step::Probes(probes));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::{command, send};

    #[test]
    fn runs_of_sends_are_one_call_and_every_other_command_is_one_by_itself() {
        let poison = || Decoded::Poison { reason: String::new(), asker: None };
        let batch = [
            Decoded::Command(send("a")),
            Decoded::Command(command(CommandBody::Probe {})),
            Decoded::Command(send("b")),
            Decoded::Command(command(CommandBody::LeaveRoom {})),
            poison(),
            Decoded::Command(send("c")),
            Decoded::Command(command(CommandBody::DeleteMessage { message_id: MessageId::generate() })),
            Decoded::Command(command(CommandBody::DeleteMessage { message_id: MessageId::generate() })),
            Decoded::Command(send("d")),
            Decoded::Command(command(CommandBody::Probe {})),
            Decoded::Command(send("e")),
        ];
        let shape: Vec<Vec<usize>> = plan(&batch)
            .into_iter()
            .map(|step| match step {
                Step::Append(run) => run.into_iter().map(|send| send.index).collect(),
                Step::Single(index, _) => vec![index],
                Step::Probes(probes) => probes.into_iter().map(|(index, _)| index).collect(),
            })
            .collect();
        assert_eq!(shape, [vec![0, 2], vec![3], vec![5], vec![6], vec![7], vec![8, 10], vec![1, 9]]);
        assert!(plan(&[poison()]).is_empty());
    }
}
