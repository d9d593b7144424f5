//! How long room lists and searches take.

use std::time::{Duration, Instant};

use chat_protocol::{RoomId, UserId};
use chat_store::{SearchOutcome, SearchQuery, Store};
use uuid::Uuid;

use crate::{database::Database, naive};

/// Whoever is in so many rooms.
pub const PEOPLE: [(&str, usize); 3] = [("user4901", 10), ("user4902", 100), ("user4903", 500)];
/// First rank of the words of a class; the lower, the more often they are said.
const CLASSES: [(&str, i64); 4] =
    [("1st", 1), ("10th to 69th", 10), ("1,000th to 1,059th", 1_000), ("15,000th to 15,059th", 15_000)];

/// Different words of a class.
const WORDS: i64 = 60;

/// Times of the same call.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// The time that so many percent do not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }
}

/// A room list, in two ways.
pub struct ListLatency {
    pub rooms: usize,
    pub naive: Times,
    pub naive_queries: usize,
    pub one_query: Times,
}

/// A search.
pub struct SearchLatency {
    pub what: String,
    pub rooms: String,
    pub found: usize,
    pub times: Times,
    /// Searches refused as too broad.
    pub too_broad: usize,
}

/// Lists the rooms of each person so often in both ways.
pub async fn room_lists(database: &Database, store: &Store, repeats: usize) -> anyhow::Result<Vec<ListLatency>> {
    let mut lists = Vec::new();
    for (user, rooms) in PEOPLE {
        let user_id = id(database, user).await?;
        let mut list = ListLatency { rooms, naive: Times::default(), naive_queries: 0, one_query: Times::default() };
        for _ in 0..repeats {
            let started = Instant::now();
            let (naive, queries) = naive::list_rooms(&database.client, user_id).await?;
            list.naive.0.push(started.elapsed());
            list.naive_queries = queries;
            let started = Instant::now();
            let listed = store.list_rooms(UserId(user_id)).await?;
            list.one_query.0.push(started.elapsed());
            let listed: Vec<_> = listed.iter().map(|room| (room.room_id.0, room.unread_count)).collect();
            anyhow::ensure!(naive == listed && listed.len() == rooms, "the two room lists of {user} differ");
        }
        lists.push(list);
    }
    Ok(lists)
}

/// Searches words of each class: in the rooms of each person, and in the biggest room alone.
pub async fn searches(database: &Database, store: &Store, repeats: usize) -> anyhow::Result<Vec<SearchLatency>> {
    let mut latencies = Vec::new();
    for (class, rank) in CLASSES {
        let words = if rank == 1 { 1 } else { WORDS };
        let queries = words_of(database, &format!("n BETWEEN {rank} AND {}", rank + words - 1)).await?;
        latencies.extend(class_of(database, store, &format!("{class} word"), &queries, repeats).await?);
    }
    let two = words_of(database, &format!("n BETWEEN 1000 AND {} AND n % 3 > 0", 1_000 + WORDS * 3 / 2)).await?;
    let starts = |chars: usize| two.iter().map(|word| word.chars().take(chars).collect::<String>()).collect::<Vec<_>>();
    latencies.extend(class_of(database, store, "two Korean characters", &starts(2), repeats).await?);
    latencies.extend(class_of(database, store, "one Korean character", &starts(1), repeats).await?);
    let pairs: Vec<String> = two.windows(2).map(|pair| pair.join(" ")).collect();
    latencies.extend(class_of(database, store, "two words", &pairs, repeats).await?);
    latencies.extend(class_of(database, store, "one letter", &["e".to_owned(), "t".to_owned()], repeats).await?);
    latencies.extend(class_of(database, store, "nowhere", &["쀍쀍".to_owned(), "zqzqzq".to_owned()], repeats).await?);
    Ok(latencies)
}

async fn words_of(database: &Database, which: &str) -> anyhow::Result<Vec<String>> {
    let rows = database.client.query(&format!("SELECT word FROM vocabulary WHERE {which} ORDER BY n"), &[]).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

async fn class_of(
    database: &Database,
    store: &Store,
    what: &str,
    queries: &[String],
    repeats: usize,
) -> anyhow::Result<Vec<SearchLatency>> {
    let hot = RoomId(id(database, "room1").await?);
    let places = [(PEOPLE[0].0, Some(hot), "the biggest alone".to_owned())]
        .into_iter()
        .chain(PEOPLE.map(|(user, rooms)| (user, None, rooms.to_string())));
    let mut latencies = Vec::new();
    for (user, room_id, rooms) in places {
        let user_id = UserId(id(database, user).await?);
        let mut latency =
            SearchLatency { what: what.to_owned(), rooms, found: 0, times: Times::default(), too_broad: 0 };
        // The first is not counted: a connection prepares the statement.
        for (turn, text) in queries.iter().cycle().take(repeats + 1).enumerate() {
            let started = Instant::now();
            let outcome = store.search(SearchQuery { user_id, room_id, text, before: None, limit: 20 }).await?;
            if turn > 0 {
                latency.times.0.push(started.elapsed());
            }
            match outcome {
                SearchOutcome::Found { messages, .. } => latency.found = latency.found.max(messages.len()),
                SearchOutcome::UnknownBefore | SearchOutcome::TooBroad => latency.too_broad += usize::from(turn > 0),
            }
        }
        latencies.push(latency);
    }
    Ok(latencies)
}

async fn id(database: &Database, name: &str) -> anyhow::Result<Uuid> {
    Ok(database.value(&format!("SELECT md5('{name}')::UUID")).await?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times = Times((1..=10).rev().map(Duration::from_millis).collect());
        assert_eq!(times.percentile(50), Duration::from_millis(5));
        assert_eq!(times.percentile(99), Duration::from_millis(10));
        assert_eq!(Times::default().percentile(50), Duration::ZERO);
    }
}
