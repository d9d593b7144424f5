//! `chat-experiments`: which way to keep a read mark loses none, and what one costs.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chat-experiments: {error:#}");
            ExitCode::from(2)
        }
    }
}
