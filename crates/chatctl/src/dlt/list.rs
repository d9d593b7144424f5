//! `chatctl dlt list`.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::Result;
use chat_service::{Clock, SystemClock};

use super::{
    arguments::ListArguments,
    console::Console,
    filter::Filter,
    letter::{Letter, LetterJson, Place},
    print,
    table::{Line, table},
};

pub async fn run(console: &Console, arguments: &ListArguments) -> Result<ExitCode> {
    let filter = Filter::new(&arguments.filters, SystemClock.now());
    let mut listing = Listing::new(arguments.limit as usize);
    for topic in console.topics(arguments.filters.topic.as_deref())? {
        let add = |letter: &Letter, _: &chat_kafka::Record| {
            let handled = console.handled.of(letter);
            if handled.is_some() && !arguments.handled {
                listing.hidden += u64::from(filter.matches(letter));
            } else if filter.matches(letter) {
                listing.add((letter.clone(), handled.cloned()));
            }
            Ok(())
        };
        console.read(&topic, None, add).await?;
    }
    let summary = listing.summary();
    let letters = listing.newest_first();
    if arguments.json {
        for (letter, handled) in &letters {
            print(&format!("{}\n", serde_json::to_string(&LetterJson::new(letter, handled.as_ref()))?))?;
        }
        eprintln!("{summary}");
    } else if letters.is_empty() {
        print(&format!("{summary}\n"))?;
    } else {
        print(&format!("{}\n{summary}\n", table(&letters)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The newest letters, and how many there are in all; however many that is, no more than the limit are kept.
struct Listing {
    limit: usize,
    newest: BTreeMap<(Option<jiff::Timestamp>, Place), Line>,
    /// Letters that are listed or would be without the limit.
    by_topic: BTreeMap<String, u64>,
    /// Handled letters that are not listed.
    hidden: u64,
}

impl Listing {
    fn new(limit: usize) -> Self {
        Self { limit, newest: BTreeMap::new(), by_topic: BTreeMap::new(), hidden: 0 }
    }

    fn add(&mut self, line: Line) {
        *self.by_topic.entry(line.0.place.topic.to_string()).or_default() += 1;
        self.newest.insert((line.0.failed_at, line.0.place.clone()), line);
        if self.newest.len() > self.limit {
            self.newest.pop_first();
        }
    }

    fn newest_first(self) -> Vec<Line> {
        self.newest.into_values().rev().collect()
    }

    fn summary(&self) -> String {
        let total: u64 = self.by_topic.values().sum();
        let shown = self.newest.len() as u64;
        let mut text = match total {
            0 => "no dead letters".to_owned(),
            1 => "1 dead letter".to_owned(),
            _ if shown < total => format!("the newest {shown} of {total} dead letters"),
            _ => format!("{total} dead letters"),
        };
        let topics: Vec<String> = self.by_topic.iter().map(|(topic, count)| format!("{topic} {count}")).collect();
        if !topics.is_empty() {
            text = format!("{text}: {}", topics.join(", "));
        }
        if self.hidden > 0 {
            text = format!("{text}; {} handled not shown (--handled shows them)", self.hidden);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{super::letter::tests::dead, *};

    #[test]
    fn the_newest_are_kept_and_all_are_counted() {
        let mut listing = Listing::new(2);
        assert_eq!(listing.summary(), "no dead letters");
        for (offset, time) in [(0, 100), (1, 300), (2, 200)] {
            let record = chat_kafka::Record { offset, timestamp_ms: Some(time), ..dead("x", "{}") };
            listing.add((Letter::read(&record), None));
        }
        listing.hidden = 4;
        assert_eq!(
            listing.summary(),
            "the newest 2 of 3 dead letters: chat-messages-dlt 3; 4 handled not shown (--handled shows them)"
        );
        let offsets: Vec<i64> = listing.newest_first().iter().map(|(letter, _)| letter.place.spot.offset).collect();
        assert_eq!(offsets, [1, 2]);
    }
}
