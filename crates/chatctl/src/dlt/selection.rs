//! The letters that a command is about: given by place, or all that filters leave.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::{Result, bail};
use chat_kafka::Spans;

use super::{
    console::Console,
    filter::Filter,
    letter::{Letter, Place, Spot},
    table::Line,
};
use crate::terminal;

/// Places of letters, by topic. Only places are kept: values can be large.
#[derive(Debug, Default)]
pub struct Selection(pub BTreeMap<Arc<str>, BTreeSet<Spot>>);

impl Selection {
    /// Letters of one topic.
    pub fn of(topic: &str, spots: &[Spot]) -> Self {
        Self(BTreeMap::from([(Arc::from(topic), spots.iter().copied().collect())]))
    }

    pub fn count(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    fn add(&mut self, place: &Place) {
        self.0.entry(Arc::clone(&place.topic)).or_default().insert(place.spot);
    }
}

/// What has to be read to see these places.
pub fn spans(spots: &BTreeSet<Spot>) -> Spans {
    let mut spans = Spans::new();
    for spot in spots {
        let span = spans.entry(spot.partition).or_insert(spot.offset..spot.offset);
        // In ascending order, so only the end moves.
        span.end = spot.offset.saturating_add(1);
    }
    spans
}

/// Letters by their places, in the order of partition and offset. Each must be there, and open unless `again`.
pub async fn by_place(console: &Console, topic: &str, spots: &[Spot], again: bool) -> Result<Vec<Line>> {
    let wanted: BTreeSet<Spot> = spots.iter().copied().collect();
    let mut found: BTreeMap<Spot, Line> = BTreeMap::new();
    let look = |letter: &Letter, _: &chat_kafka::Record| {
        if wanted.contains(&letter.place.spot) {
            let handled = console.handled.of(letter).cloned();
            found.insert(letter.place.spot, (letter.clone(), handled));
        }
        Ok(())
    };
    console.read(topic, Some(&spans(&wanted)), look).await?;
    for spot in wanted {
        match found.get(&spot) {
            None => {
                bail!("there is no dead letter {topic} {spot}: see `chatctl dlt list`; old ones are deleted by Kafka")
            }
            Some((_, Some(handled))) if !again => {
                bail!(
                    "{topic} {spot} was {}; `chatctl dlt replay --again` replays it all the same",
                    terminal::line(&handled.sentence())
                )
            }
            Some(_) => {}
        }
    }
    Ok(found.into_values().collect())
}

/// The first open letters that the filter leaves, and whether there are more. Each partition is read in order, so what is taken
/// of it is its beginning, and the order within a room is kept when the rest follows later.
pub async fn by_filter(
    console: &Console,
    topics: &[String],
    filter: &Filter,
    limit: usize,
) -> Result<(Selection, bool)> {
    let (mut selection, mut more) = (Selection::default(), false);
    for topic in topics {
        let look = |letter: &Letter, _: &chat_kafka::Record| {
            if filter.matches(letter) && console.handled.of(letter).is_none() {
                if selection.count() < limit {
                    selection.add(&letter.place);
                } else {
                    more = true;
                }
            }
            Ok(())
        };
        console.read(topic, None, look).await?;
    }
    Ok((selection, more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_spans_the_places_of_each_partition() {
        let spots = ["2:17", "2:4", "0:9"].map(|text| text.parse().unwrap());
        assert_eq!(spans(&BTreeSet::from(spots)), Spans::from([(0, 9..10), (2, 4..18)]));
    }
}
