//! Reads what a topic holds at the moment, to its end, without a group: for tools that look at records and leave no trace.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{Consumer as _, StreamConsumer},
    error::KafkaError as ClientError,
};
use tokio::time::{Instant, timeout_at};

use crate::{KafkaConfig, KafkaError, Record, admin};

/// Longest wait for the next record.
const PATIENCE: Duration = Duration::from_secs(20);

/// Offsets by partition.
pub type Spans = BTreeMap<i32, Range<i64>>;

/// A bounded read of a topic: each partition in order, the partitions interleaved. What arrives after it was opened is not read, so
/// it ends; what is fetched ahead is bounded, whatever the topic holds.
pub struct Reader {
    client: Option<StreamConsumer>,
    topic: Arc<str>,
    /// Where each partition ends that is not read to its end yet.
    ends: HashMap<i32, i64>,
    total: u64,
}

impl Reader {
    /// Reads all that the topic holds now.
    pub async fn all(kafka: &KafkaConfig, topic: &str) -> Result<Self, KafkaError> {
        Self::open(kafka, topic, admin::offsets(kafka, topic).await?)
    }

    /// Reads these offsets, as far as the topic holds them now.
    pub async fn some(kafka: &KafkaConfig, topic: &str, spans: &Spans) -> Result<Self, KafkaError> {
        let held = admin::offsets(kafka, topic).await?;
        let common = |(partition, span): (&i32, &Range<i64>)| {
            let held = held.get(partition)?;
            Some((*partition, span.start.max(held.start)..span.end.min(held.end)))
        };
        Self::open(kafka, topic, spans.iter().filter_map(common).collect())
    }

    fn open(kafka: &KafkaConfig, topic: &str, mut spans: Spans) -> Result<Self, KafkaError> {
        spans.retain(|_, span| !span.is_empty());
        let mut config = kafka.client("chat-reader");
        config.remove("statistics.interval.ms");
        config
            // Nobody joins it; the client wants a name for what it never commits.
            .set("group.id", kafka.topics().group("chat-reader"))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // Retention can pass by the place where a partition begins.
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "true")
            .set("check.crcs", "true")
            .set("fetch.wait.max.ms", "100")
            // The default of 1 s stalls a reader whose queue was full.
            .set("fetch.queue.backoff.ms", "20")
            .set("queued.min.messages", "10000")
            .set("queued.max.messages.kbytes", "8192");
        let client: StreamConsumer = kafka.finish(config).create().map_err(KafkaError::Client)?;
        let mut list = TopicPartitionList::new();
        for (partition, span) in &spans {
            list.add_partition_offset(topic, *partition, Offset::Offset(span.start)).map_err(KafkaError::Client)?;
        }
        client.assign(&list).map_err(KafkaError::Client)?;
        let total = spans.values().map(|span| span.end.abs_diff(span.start)).sum();
        let ends = spans.into_iter().map(|(partition, span)| (partition, span.end)).collect();
        Ok(Self { client: Some(client), topic: Arc::from(topic), ends, total })
    }

    /// How many offsets there are to read; the records can be fewer.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The next record, or nothing when all were read.
    pub async fn next(&mut self) -> Result<Option<Record>, KafkaError> {
        let Some(client) = &self.client else { return Ok(None) };
        let deadline = Instant::now() + PATIENCE;
        while !self.ends.is_empty() {
            let silent = |_| KafkaError::Silent { topic: self.topic.to_string(), waited: PATIENCE };
            let record = match timeout_at(deadline, client.recv()).await.map_err(silent)? {
                Ok(message) => Record::from_message(&message, Arc::clone(&self.topic)),
                // The last offsets of a partition need not be records.
                Err(ClientError::PartitionEOF(partition)) => {
                    self.ends.remove(&partition);
                    continue;
                }
                Err(ClientError::MessageConsumptionFatal(code)) => {
                    return Err(KafkaError::Consumer(ClientError::MessageConsumptionFatal(code)));
                }
                // The client connects again by itself; the deadline bounds for how long.
                Err(_) => continue,
            };
            let Some(&end) = self.ends.get(&record.partition) else { continue };
            if record.offset + 1 >= end {
                self.ends.remove(&record.partition);
                let mut finished = TopicPartitionList::new();
                finished.add_partition(&self.topic, record.partition);
                client.pause(&finished).map_err(KafkaError::Client)?;
            }
            if record.offset < end {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

impl Drop for Reader {
    /// The client's end can take a while, and nobody waits for it.
    fn drop(&mut self) {
        let client = self.client.take();
        std::thread::spawn(move || drop(client));
    }
}
