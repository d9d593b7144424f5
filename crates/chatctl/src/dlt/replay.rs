//! `chatctl dlt replay`.

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::{Context, Result, bail};
use chat_kafka::{OwnedRecord, Record};
use chat_protocol::{header, topic::DEAD_LETTER_SUFFIX};
use chat_service::{Clock, SystemClock};

use super::{
    arguments::ReplayArguments,
    console::{Console, Writer},
    filter::Filter,
    handled::{Action, Handled},
    letter::{Letter, Place, Spot},
    question::confirmed,
    returned::{Sent, ends, returned, unread},
    selection::{Selection, by_filter, by_place, spans},
    table::table,
};
use crate::terminal;

/// Letters between two looks at what became of them. Well below what makes a service stop because of a flood of dead letters.
const CHUNK: usize = 20;
/// Most letters of one run with --all.
const MOST: usize = 10_000;

pub async fn run(console: &Console, arguments: &ReplayArguments) -> Result<ExitCode> {
    let Some(selection) = select(console, arguments).await? else { return Ok(ExitCode::SUCCESS) };
    let count = selection.count();
    if arguments.dry_run {
        println!("{count} would be replayed");
        return Ok(ExitCode::SUCCESS);
    }
    if !confirmed(&format!("Replay {count} of them?"), arguments.acting.yes)? {
        return Ok(ExitCode::FAILURE);
    }
    let writer = console.writer()?;
    let mut run = Run { console, arguments, writer, count, replayed: 0 };
    for (topic, spots) in &selection.0 {
        run.topic(topic, spots).await?;
    }
    println!("{} replayed and read by their service, none came back", run.replayed);
    Ok(ExitCode::SUCCESS)
}

/// The letters to replay; nothing, after saying so, if there are none.
async fn select(console: &Console, arguments: &ReplayArguments) -> Result<Option<Selection>> {
    let filters = &arguments.filters;
    if let Some(topic) = &arguments.topic {
        if filters.topic.is_some() || filters.room.is_some() || filters.reason.is_some() || filters.since.is_some() {
            bail!("filters choose among all letters: give places, or --all with filters");
        }
        let topics = console.topics(Some(topic))?;
        let letters = by_place(console, &topics[0], &arguments.spots, arguments.again).await?;
        println!("{}", table(&letters));
        return Ok(Some(Selection::of(&topics[0], &arguments.spots)));
    }
    let topics = console.topics(filters.topic.as_deref())?;
    let filter = Filter::new(filters, SystemClock.now());
    let (selection, more) = by_filter(console, &topics, &filter, MOST).await?;
    for (topic, spots) in &selection.0 {
        println!("{topic}: {} dead letters", spots.len());
    }
    if more {
        println!("there are more than {MOST}: run this again for the rest");
    }
    if selection.count() == 0 {
        println!("no open dead letter matches: see `chatctl dlt list`");
        return Ok(None);
    }
    Ok(Some(selection))
}

struct Run<'a> {
    console: &'a Console,
    arguments: &'a ReplayArguments,
    writer: Writer,
    /// Letters in all.
    count: usize,
    /// Letters that were replayed so far.
    replayed: usize,
}

impl Run<'_> {
    /// The letters of a topic, in their order, chunk by chunk.
    async fn topic(&mut self, topic: &str, spots: &BTreeSet<Spot>) -> Result<()> {
        let source = topic.strip_suffix(DEAD_LETTER_SUFFIX).unwrap_or(topic);
        let mut reader = self.console.reader(topic, Some(&spans(spots))).await?;
        let mut since = ends(&self.console.kafka, topic).await?;
        let mut sent = Vec::with_capacity(CHUNK);
        while let Some(record) = reader.next().await? {
            let letter = Letter::read(&record);
            if !spots.contains(&letter.place.spot) {
                continue;
            }
            sent.push(self.one(source, &letter, &record).await?);
            if sent.len() == CHUNK {
                self.look_after(topic, source, &since, &sent).await?;
                since = ends(&self.console.kafka, topic).await?;
                sent.clear();
            }
        }
        self.look_after(topic, source, &since, &sent).await
    }

    /// Produces the original, and notes it when it is acknowledged. Between the two it can be interrupted: then the letter stays
    /// open, and another replay is recognised as a repetition.
    async fn one(&mut self, source: &str, letter: &Letter, record: &Record) -> Result<Sent> {
        if let Some(other) = letter.original_topic.as_deref().filter(|topic| *topic != source) {
            bail!(
                "{} says that it is from {}, which is not the topic that its letters come from: discard it",
                letter.place,
                terminal::line(other)
            );
        }
        let to = self.writer.send(&original(record, source)).await.with_context(|| {
            let (done, count) = (self.replayed, self.count);
            format!("{} was not replayed ({done} of {count} were); run the same again", letter.place)
        })?;
        let replayed_to = Place { topic: source.into(), spot: Spot { partition: to.partition, offset: to.offset } };
        let handled = Handled {
            action: Action::Replayed,
            by: self.arguments.acting.by.clone(),
            at: SystemClock.now(),
            reason: None,
            replayed_to: Some(replayed_to.key()),
            failed_at: letter.failed_at,
        };
        self.writer.note(letter, &handled).await?;
        self.replayed += 1;
        println!("{}/{}  {} -> {replayed_to}", self.replayed, self.count, letter.place);
        Ok(Sent { letter: letter.place.clone(), group: letter.group.clone(), to })
    }

    /// Waits until the service has read these, and fails if it did not or if it put some aside again.
    async fn look_after(&self, topic: &str, source: &str, since: &chat_kafka::Spans, sent: &[Sent]) -> Result<()> {
        if sent.is_empty() {
            return Ok(());
        }
        let left = self.count - self.replayed;
        let behind = unread(&self.console.kafka, source, sent, self.arguments.wait).await?;
        let again = returned(self.console, topic, since, sent).await?;
        if !again.is_empty() {
            let lines: Vec<_> = again.into_iter().map(|letter| (letter, None)).collect();
            println!("\n{}", table(&lines));
            bail!(
                "{} of {} replayed letters came back as the ones above: their cause is still there, see `chatctl dlt show`; \
                 {left} were not replayed",
                lines.len(),
                sent.len()
            );
        }
        if !behind.is_empty() {
            bail!(
                "{} replayed, but {} is not known to have read them within {:?}, nor whether they come back: is it running? \
                 look with `chatctl dlt list` later; {left} were not replayed",
                self.replayed,
                terminal::line(&behind.join(", ")),
                self.arguments.wait
            );
        }
        Ok(())
    }
}

/// The record as it was before it failed, on its way to the end of its key's partition.
fn original(record: &Record, topic: &str) -> OwnedRecord {
    let ours = |name: &str| name.starts_with(header::DEAD_LETTER) || name == header::REPLAYED_FROM;
    let mut headers: Vec<_> = record.headers.iter().filter(|(name, _)| !ours(name)).cloned().collect();
    headers.push((header::REPLAYED_FROM.to_owned(), Place::of(record).key().into()));
    OwnedRecord {
        topic: topic.into(),
        partition: None,
        key: record.key.clone(),
        payload: record.payload.clone(),
        headers,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::letter::tests::dead, *};

    #[test]
    fn a_replay_is_the_original_with_a_mark() {
        let mut record = dead("x", "{broken");
        record.headers.push((header::REPLAYED_FROM.to_owned(), "chat-messages-dlt:2:1".into()));
        let replay = original(&record, "chat-messages");
        assert_eq!((replay.key, replay.payload, replay.partition), (record.key, record.payload, None));
        let expected = [("type", "SendMessage"), ("chat-replayed-from", "chat-messages-dlt:2:17")];
        assert_eq!(replay.headers, expected.map(|(name, value)| (name.to_owned(), value.into())));
    }
}
