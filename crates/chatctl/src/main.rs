//! `chatctl`: the operator's command line, and a chat client for the terminal.

mod chat;
mod check_config;
mod cli;
mod config;
mod demo;
mod dlt;
mod setup;
mod sign_in;
mod terminal;
mod token;
mod vapid;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let file = cli.config.as_deref();
    let done = match cli.command {
        Command::Setup(arguments) => setup::run(file, &arguments).await,
        Command::Token(arguments) => token::run(file, &arguments),
        Command::Vapid(_) => vapid::run(),
        Command::Demo(arguments) => demo::run(&arguments).await,
        Command::Chat(arguments) => chat::run(&arguments).await,
        Command::Dlt(arguments) => dlt::run(file, &arguments).await,
        Command::CheckConfig(arguments) => check_config::run(file, &arguments),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chatctl: {}", one_sentence(&error));
            let configuration = error.downcast_ref::<chat_service::ConfigError>().is_some();
            if configuration { ExitCode::from(check_config::EX_USAGE) } else { ExitCode::FAILURE }
        }
    }
}

/// An error with its causes, leaving out those whose text the one before has already said.
fn one_sentence(error: &anyhow::Error) -> String {
    let mut sentence = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if sentence.is_empty() {
            sentence = cause;
        } else if !sentence.contains(&cause) {
            sentence = format!("{sentence}: {cause}");
        }
    }
    sentence
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_error_does_not_repeat_its_causes() {
        let error = anyhow::anyhow!("refused").context("connect: refused").context("PostgreSQL");
        assert_eq!(super::one_sentence(&error), "PostgreSQL: connect: refused");
    }
}
