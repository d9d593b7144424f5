//! Which database calls a batch becomes.

use chat_protocol::{Command, CommandBody, EntryType};

use crate::decode::Decoded;

/// One database call; the numbers are places in the batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A run of sends.
    Append(Vec<Send<'a>>),
    /// One room command.
    Room(usize, &'a Command),
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
}

/// Orders the commands of a batch into as few calls as keep their order. Records that are no commands interrupt nothing.
pub fn plan(batch: &[Decoded]) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for (index, decoded) in batch.iter().enumerate() {
        let Decoded::Command(command) = decoded else { continue };
        let CommandBody::SendMessage { content, message_type, .. } = &command.body else {
            steps.push(Step::Room(index, command));
            continue;
        };
        let send = Send { index, command, content, message_type: *message_type };
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
    fn runs_of_sends_are_one_call_and_a_room_command_is_another() {
        let poison = || Decoded::Poison { reason: String::new(), asker: None };
        let batch = [
            Decoded::Command(send("a")),
            poison(),
            Decoded::Command(send("b")),
            Decoded::Command(command(CommandBody::LeaveRoom {})),
            poison(),
            Decoded::Command(send("c")),
        ];
        let shape: Vec<Vec<usize>> = plan(&batch)
            .into_iter()
            .map(|step| match step {
                Step::Append(run) => run.into_iter().map(|send| send.index).collect(),
                Step::Room(index, _) => vec![index],
            })
            .collect();
        assert_eq!(shape, [vec![0, 2], vec![3], vec![5]]);
        assert!(plan(&[poison()]).is_empty());
    }
}
