//! `chatctl dlt show`.

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::{Result, bail};

use super::{arguments::ShowArguments, console::Console, detail::detail, letter::Letter, print, selection::spans};

pub async fn run(console: &Console, arguments: &ShowArguments) -> Result<ExitCode> {
    let topics = console.topics(Some(&arguments.topic))?;
    let (topic, spot) = (&topics[0], arguments.spot);
    // Compaction and aborted transactions leave offsets without a record, so the span can be empty.
    let mut reader = console.reader(topic, Some(&spans(&BTreeSet::from([spot])))).await?;
    let Some(record) = reader.next().await? else {
        bail!("there is no dead letter {topic} {spot}: see `chatctl dlt list`; old ones are deleted by Kafka");
    };
    let letter = Letter::read(&record);
    print(&detail(&letter, &record, console.handled.of(&letter)))?;
    Ok(ExitCode::SUCCESS)
}
