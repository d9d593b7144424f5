//! `chatctl dlt discard`.

use std::process::ExitCode;

use anyhow::Result;
use chat_service::{Clock, SystemClock};

use super::{
    arguments::DiscardArguments,
    console::Console,
    handled::{Action, Handled},
    question::confirmed,
    selection::by_place,
    table::table,
};

pub async fn run(console: &Console, arguments: &DiscardArguments) -> Result<ExitCode> {
    let topics = console.topics(Some(&arguments.topic))?;
    let letters = by_place(console, &topics[0], &arguments.spots, false).await?;
    println!("{}", table(&letters));
    if !confirmed(&format!("Discard {} of them?", letters.len()), arguments.acting.yes)? {
        return Ok(ExitCode::FAILURE);
    }
    let writer = console.writer()?;
    for (letter, _) in &letters {
        let handled = Handled {
            action: Action::Discarded,
            by: arguments.acting.by.clone(),
            at: SystemClock.now(),
            reason: Some(arguments.reason.clone()),
            replayed_to: None,
            failed_at: letter.failed_at,
        };
        writer.note(letter, &handled).await?;
        println!("{} {}", letter.place, handled.sentence());
    }
    Ok(ExitCode::SUCCESS)
}
