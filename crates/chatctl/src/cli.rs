//! The command line.

use std::{path::PathBuf, time::Duration};

use chat_protocol::UserId;
use clap::{Args, Parser, Subcommand};

use crate::dlt::arguments::DltArguments;

/// Sets up and checks a realtime chat installation, and talks to it
#[derive(Debug, Parser)]
#[command(
    name = "chatctl",
    version,
    after_help = "\
First steps, with the stack up (`make up`):
  chatctl demo                      four users, a room and an echo bot that answers
  chatctl chat --as alice           in a second terminal: talk
  chatctl chat --as bob             in a third

Configuration: embedded defaults < --config FILE < environment (CHAT__KAFKA__BROKERS, CHAT__POSTGRES__URL, …)."
)]
pub struct Cli {
    /// TOML file that overrides the embedded defaults; the environment (CHAT__SECTION__KEY) overrides both
    #[arg(long, value_name = "PATH", env = "CHAT_CONFIG", global = true)]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create the Kafka topics and the database tables, or bring them up to date
    Setup(SetupArguments),
    /// Print an access token for a user, for trying the API by hand
    Token(TokenArguments),
    /// Print a new key pair for Web Push
    Vapid(VapidArguments),
    /// Create demo users and rooms, then answer every message like an echo
    Demo(DemoArguments),
    /// Chat in the terminal
    Chat(ChatArguments),
    /// Look at dead letters: records that a service could not process; replay or discard them
    Dlt(DltArguments),
    /// Check the configuration of every service without starting it
    CheckConfig(CheckConfigArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Can be run at every deployment, and by several at once: what is there already stays as it is.

Examples:
  chatctl setup
  CHAT__KAFKA__BROKERS=kafka:9092 CHAT__POSTGRES__URL=postgres://chat:pw@db/chat chatctl setup --wait 5m
  CHAT__SETUP__PARTITIONS=24 CHAT__SETUP__REPLICATION=3 chatctl setup")]
pub struct SetupArguments {
    /// How long to wait for Kafka and PostgreSQL (30s, 5m)
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub wait: Duration,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The secret is the gateway's, from CHAT__AUTH__SECRET. The user need not exist.

Example:
  TOKEN=$(CHAT__AUTH__SECRET=… chatctl token --user 0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d11 --ttl 1h)
  curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8080/api/v1/chat/rooms")]
pub struct TokenArguments {
    /// The user's id
    #[arg(long, value_name = "UUID")]
    pub user: UserId,
    /// How long the token is valid (15m, 1h)
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub ttl: Duration,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The private key is a setting of the notifier alone, the public one of the gateways. Browsers subscribe with the public key: with another
pair they have to subscribe anew.

Example:
  chatctl vapid                     prints two NAME=value lines")]
pub struct VapidArguments {}

#[derive(Debug, Args)]
#[command(after_help = "\
Creates alice, bob, carol and echo (alice@demo.local, password alice-password, and so on), the group room \"lobby\" with
all of them, the direct rooms alice-bob and alice-echo, and a little history. Running it again changes nothing.
Not for production: the passwords are public.

Examples:
  chatctl demo                      then talk to the bot: chatctl chat --as alice --room echo
  chatctl demo --seed-only          no bot")]
pub struct DemoArguments {
    #[command(flatten)]
    pub server: ServerArguments,
    /// Exit when users, rooms and history are there, without the echo bot
    #[arg(long)]
    pub seed_only: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatctl chat --as alice                             a demo user, see `chatctl demo`
  chatctl chat --as alice --room echo                 the direct room with echo
  chatctl chat --email me@example.org --password …    any other user
  echo \"build done\" | chatctl chat --as bob --room lobby   from a script: sends each line, ends when all are stored

In the chat, /help lists the commands. ✓ accepted (durable), ✓✓ stored and delivered.")]
pub struct ChatArguments {
    #[command(flatten)]
    pub server: ServerArguments,
    /// A demo user: alice, bob, carol or echo
    #[arg(long = "as", value_name = "NAME", required_unless_present = "email", conflicts_with_all = ["email", "password"])]
    pub demo_user: Option<String>,
    /// E-mail address of the account
    #[arg(long, requires = "password")]
    pub email: Option<String>,
    /// Its password
    #[arg(long, env = "CHAT_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// Room to open: its name or id [default: lobby, or the latest room]
    #[arg(long, value_name = "NAME_OR_ID")]
    pub room: Option<String>,
}

#[derive(Debug, Args)]
pub struct ServerArguments {
    /// Address of the chat server
    #[arg(long, value_name = "URL", env = "CHAT_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Runs `SERVICE --check-config` of the binaries beside chatctl, in the present environment, and checks chatctl's own.
Exit code 64 when any configuration is wrong.

Example:
  CHAT__KAFKA__BROKERS=kafka:9092 chatctl check-config persister broadcaster")]
pub struct CheckConfigArguments {
    /// Services to check [default: all five, and chatctl]
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
}

/// `30s`, `5m`, `1h`, or a number of seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        _ => None,
    };
    let seconds = digits.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    seconds.map(Duration::from_secs).ok_or_else(|| "give a time such as 30s, 5m or 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_explains_itself_with_examples() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{}", command.get_name());
        }
    }

    #[test]
    fn a_chat_needs_to_know_who_one_is() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        assert!(parse("chatctl chat").is_err());
        assert!(parse("chatctl chat --as alice --email a@b.c --password x").is_err());
        assert!(parse("chatctl chat --as alice --room lobby").is_ok());
        assert!(parse("chatctl chat --email a@b.c --password x --url http://h:1").is_ok());
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(duration("1h"), Ok(Duration::from_hours(1)));
        for wrong in ["", "m", "1d", "-1s", "1.5s", "99999999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
