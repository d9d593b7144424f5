//! What became of replayed letters: whether their service has read them, and whether it put them aside again.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use anyhow::Result;
use chat_kafka::{Delivered, KafkaConfig, KafkaError, Spans};
use tokio::time::{Instant, sleep};

use super::{
    console::Console,
    letter::{Letter, Place},
};

const ASK_EVERY: Duration = Duration::from_millis(250);
/// Of a letter that something else than our services has written: nobody's offsets tell whether its replay was read.
const UNNAMED: &str = "a service that the letters do not name";

/// A letter that was replayed.
#[derive(Debug)]
pub struct Sent {
    pub letter: Place,
    /// The consumer group that failed the first time.
    pub group: Option<String>,
    pub to: Delivered,
}

/// How far each group has to come, by partition.
type Goals = BTreeMap<String, BTreeMap<i32, i64>>;

/// What is past the records that were there before the replay.
pub async fn ends(kafka: &KafkaConfig, topic: &str) -> Result<Spans, KafkaError> {
    let held = chat_kafka::offsets(kafka, topic).await?;
    Ok(held.into_iter().map(|(partition, held)| (partition, held.end..i64::MAX)).collect())
}

/// Waits until the groups have committed the replayed records of `topic`; names those that have not in time. Offsets are
/// committed last, so a letter that fails again is in its topic then.
pub async fn unread(kafka: &KafkaConfig, topic: &str, sent: &[Sent], within: Duration) -> Result<Vec<String>> {
    let deadline = Instant::now() + within;
    let mut goals = goals(sent);
    loop {
        let mut behind = Goals::new();
        for (group, goals) in goals {
            let committed = chat_kafka::committed(kafka, &group, topic).await?;
            if goals.iter().any(|(partition, goal)| committed.get(partition).is_none_or(|offset| offset < goal)) {
                behind.insert(group, goals);
            }
        }
        if behind.is_empty() || Instant::now() >= deadline {
            let unnamed = sent.iter().any(|sent| sent.group.is_none()).then(|| UNNAMED.to_owned());
            return Ok(behind.into_keys().chain(unnamed).collect());
        }
        goals = behind;
        sleep(ASK_EVERY).await;
    }
}

fn goals(sent: &[Sent]) -> Goals {
    let mut goals = Goals::new();
    for Sent { group, to, .. } in sent {
        let Some(group) = group else { continue };
        let goal = goals.entry(group.clone()).or_default().entry(to.partition).or_default();
        *goal = (*goal).max(to.offset + 1);
    }
    goals
}

/// The letters that came since, and were replayed from these.
pub async fn returned(console: &Console, topic: &str, since: &Spans, sent: &[Sent]) -> Result<Vec<Letter>> {
    let sent: HashSet<String> = sent.iter().map(|sent| sent.letter.key()).collect();
    let mut returned = Vec::new();
    let look = |letter: &Letter, _: &chat_kafka::Record| {
        if letter.replayed_from.as_ref().is_some_and(|from| sent.contains(from)) {
            returned.push(letter.clone());
        }
        Ok(())
    };
    console.read(topic, Some(since), look).await?;
    Ok(returned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_to_pass_the_last_record_of_each_partition() {
        let sent = |group: Option<&str>, partition, offset| Sent {
            letter: Place { topic: "t".into(), spot: "0:0".parse().unwrap() },
            group: group.map(str::to_owned),
            to: Delivered { partition, offset },
        };
        let told = goals(&[sent(Some("a"), 0, 7), sent(Some("a"), 0, 5), sent(Some("b"), 1, 0), sent(None, 2, 0)]);
        let expected = [("a", (0, 8)), ("b", (1, 1))].map(|(group, goal)| (group.to_owned(), BTreeMap::from([goal])));
        assert_eq!(told, Goals::from(expected));
    }
}
