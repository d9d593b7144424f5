//! `chat-experiments`: which way to keep a read mark loses none, and what one costs.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    // An interrupt ends the measuring; what was made for it is removed by whoever made it, or has a name that nobody else uses.
    let done = tokio::select! {
        done = cli::run(cli::Cli::parse()) => done,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chat-experiments: {error:#}");
            ExitCode::from(2)
        }
    }
}
