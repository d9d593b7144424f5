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

/// Orders the commands of a batch into as few calls as keep their order. Records that are no commands interrupt nothing.
pub fn plan(batch: &[Decoded]) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for (index, decoded) in batch.iter().enumerate() {
        let Decoded::Command(command) = decoded else { continue };
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
            poison(),
            Decoded::Command(send("b")),
            Decoded::Command(command(CommandBody::LeaveRoom {})),
            poison(),
            Decoded::Command(send("c")),
            Decoded::Command(command(CommandBody::DeleteMessage { message_id: MessageId::generate() })),
            Decoded::Command(command(CommandBody::DeleteMessage { message_id: MessageId::generate() })),
            Decoded::Command(send("d")),
        ];
        let shape: Vec<Vec<usize>> = plan(&batch)
            .into_iter()
            .map(|step| match step {
                Step::Append(run) => run.into_iter().map(|send| send.index).collect(),
                Step::Single(index, _) => vec![index],
            })
            .collect();
        assert_eq!(shape, [vec![0, 2], vec![3], vec![5], vec![6], vec![7], vec![8]]);
        assert!(plan(&[poison()]).is_empty());
    }
}
