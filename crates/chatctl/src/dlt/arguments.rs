//! The command line of `chatctl dlt`.

use std::time::Duration;

use chat_protocol::RoomId;
use clap::{Args, Subcommand};

use super::letter::Spot;
use crate::cli::duration;

#[derive(Debug, Args)]
#[command(after_help = "\
A dead letter is a record that its service could not process and never will as things stand. Look at it, remove the cause,
then replay it, or discard it with a reason. Kafka deletes no single record: what was done is kept in the topic chat-dlt-log,
and `list` leaves handled letters out. The letters themselves go with the retention time of their topics.

Examples:
  chatctl dlt list
  chatctl dlt show chat-messages-dlt 2:17
  chatctl dlt replay chat-messages-dlt 2:17
  chatctl dlt discard chat-messages-dlt 2:17 --reason \"test record of the load generator\"")]
pub struct DltArguments {
    #[command(subcommand)]
    pub command: DltCommand,
}

#[derive(Debug, Subcommand)]
pub enum DltCommand {
    /// List dead letters, newest first
    List(ListArguments),
    /// Show everything about a dead letter, and what can be done
    Show(ShowArguments),
    /// Produce dead letters to their original topic again
    Replay(ReplayArguments),
    /// Mark dead letters as done with, without replaying them
    Discard(DiscardArguments),
}

#[derive(Debug, Default, Args)]
pub struct FilterArguments {
    /// Only of this topic: chat-messages-dlt, chat-events-dlt or chat-read-events-dlt
    #[arg(long = "topic", id = "only_topic", value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Only of this room
    #[arg(long, value_name = "UUID")]
    pub room: Option<RoomId>,
    /// Only if the reason contains this; upper and lower case are the same
    #[arg(long = "reason", id = "with_reason", value_name = "TEXT")]
    pub reason: Option<String>,
    /// Only if it failed within this time (30m, 24h)
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub since: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatctl dlt list --since 1h
  chatctl dlt list --topic chat-messages-dlt --reason \"schema version\"
  chatctl dlt list --handled          with what was done about them, by whom and why
  chatctl dlt list --json | jq -r '.reason' | sort | uniq -c")]
pub struct ListArguments {
    #[command(flatten)]
    pub filters: FilterArguments,
    /// Also those that were replayed or discarded
    #[arg(long)]
    pub handled: bool,
    /// Most letters to show, the newest
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The value is shown, so people's messages are.

Example:
  chatctl dlt show chat-messages-dlt 2:17")]
pub struct ShowArguments {
    /// The dead-letter topic
    pub topic: String,
    /// Partition and offset in it, as `list` shows them
    #[arg(value_name = "PARTITION:OFFSET")]
    pub spot: Spot,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The bytes, key and headers are those of the original, without kafka_dlt-*; a header chat-replayed-from names the letter. The
record goes to the end of its room's partition. What is stored already is recognised and changes nothing.
Letters are sent 20 at a time; if the service puts one aside again, the rest stays where it is: the cause is still there.

Examples:
  chatctl dlt replay chat-messages-dlt 2:17 2:18
  chatctl dlt replay --all --reason \"schema version\" --dry-run
  chatctl dlt replay --all --topic chat-read-events-dlt --since 2h --yes")]
pub struct ReplayArguments {
    /// The dead-letter topic
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub topic: Option<String>,
    /// Partition and offset of each, as `list` shows them
    #[arg(value_name = "PARTITION:OFFSET", required_unless_present = "all")]
    pub spots: Vec<Spot>,
    /// All that are not handled, or those that the filters leave
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub filters: FilterArguments,
    /// Only show what would be replayed
    #[arg(long)]
    pub dry_run: bool,
    /// Also if it was handled before; only for letters given by their place
    #[arg(long, conflicts_with = "all")]
    pub again: bool,
    /// How long to wait for the service to read what was replayed (15s, 2m)
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration)]
    pub wait: Duration,
    #[command(flatten)]
    pub acting: ActingArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  chatctl dlt discard chat-messages-dlt 2:17 2:18 --reason \"bytes of a port scan\"")]
pub struct DiscardArguments {
    /// The dead-letter topic
    pub topic: String,
    /// Partition and offset of each, as `list` shows them
    #[arg(value_name = "PARTITION:OFFSET", required = true)]
    pub spots: Vec<Spot>,
    /// Why they are not needed; for whoever asks later
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
    #[command(flatten)]
    pub acting: ActingArguments,
}

#[derive(Debug, Args)]
pub struct ActingArguments {
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Who does it, for the log [default: the user of this session]
    #[arg(
        long,
        value_name = "NAME",
        env = "USER",
        hide_env = true,
        default_value = "unknown",
        hide_default_value = true
    )]
    pub by: String,
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("say in a few words why".to_owned()),
        1..=500 => Ok(text.to_owned()),
        _ => Err("at most 500 characters".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use crate::cli::Cli;

    #[test]
    fn every_subcommand_explains_itself_with_examples() {
        let cli = Cli::command();
        for command in cli.find_subcommand("dlt").unwrap().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{}", command.get_name());
        }
    }

    #[test]
    fn letters_are_given_by_place_or_by_filter_and_a_discard_needs_a_reason() {
        let parses = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
        assert!(parses("chatctl dlt replay chat-messages-dlt 2:17 0:3 --yes"));
        assert!(parses("chatctl dlt replay --all --topic chat-messages-dlt --reason x --since 1h --dry-run"));
        assert!(!parses("chatctl dlt replay"));
        assert!(!parses("chatctl dlt replay chat-messages-dlt"));
        assert!(!parses("chatctl dlt replay chat-messages-dlt 2:17 --all"));
        assert!(!parses("chatctl dlt replay --all --again"));
        assert!(parses("chatctl dlt discard chat-messages-dlt 2:17 --reason x"));
        assert!(!parses("chatctl dlt discard chat-messages-dlt 2:17"));
        assert!(!parses("chatctl dlt discard chat-messages-dlt --reason x"));
        let blank = ["chatctl", "dlt", "discard", "t", "0:0", "--reason", " "];
        assert!(Cli::try_parse_from(blank).is_err());
        assert!(!parses("chatctl dlt show chat-messages-dlt 2-17"));
    }
}
