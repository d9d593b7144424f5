//! `chatctl demo`: users, rooms and a little history, then a bot that answers.

mod echo;
mod seed;

use std::process::ExitCode;

use anyhow::Result;
use chat_client::RestClient;

pub use self::seed::LOBBY;
use crate::cli::DemoArguments;

pub async fn run(arguments: &DemoArguments) -> Result<ExitCode> {
    let url = &arguments.server.url;
    let demo = seed::seed(&RestClient::new(url)?).await?;
    print!("{}", demo.table(url));
    if arguments.seed_only {
        return Ok(ExitCode::SUCCESS);
    }
    println!("\necho answers until Ctrl-C.");
    echo::run(url, demo.echo).await
}
