//! `chatctl dlt`: looks at dead letters, replays them or puts them away.
//!
//! Nothing here joins a group or moves an offset. What was done is a record of `chat-dlt-log`.

mod advice;
pub mod arguments;
mod console;
mod detail;
mod discard;
mod filter;
mod handled;
mod letter;
mod list;
mod progress;
mod question;
mod replay;
mod returned;
mod selection;
mod show;
mod table;

use std::{io::Write, path::Path, process::ExitCode};

use anyhow::Result;

use self::{
    arguments::{DltArguments, DltCommand},
    console::Console,
};
use crate::config;

pub async fn run(file: Option<&Path>, arguments: &DltArguments) -> Result<ExitCode> {
    let console = Console::open(config::load(file)?.kafka).await?;
    match &arguments.command {
        DltCommand::List(arguments) => list::run(&console, arguments).await,
        DltCommand::Show(arguments) => show::run(&console, arguments).await,
        DltCommand::Replay(arguments) => replay::run(&console, arguments).await,
        DltCommand::Discard(arguments) => discard::run(&console, arguments).await,
    }
}

/// Prints, and is content when the reader (`head`, a pager) has seen enough.
fn print(text: &str) -> std::io::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
