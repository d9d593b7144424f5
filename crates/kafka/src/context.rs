//! What librdkafka calls back: logs, errors, statistics, rebalances, commit results.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rdkafka::{
    ClientContext, Offset, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
};

use tokio::sync::Notify;

use crate::{
    metrics::KafkaMetrics,
    positions::{Position, Positions},
    throttle::Throttle,
};

const LOG_EVERY: Duration = Duration::from_secs(10);

/// Logs of the client library and whether the cluster can be reached, for producers and consumers alike.
#[derive(Debug)]
struct Link {
    client: String,
    reachable: AtomicBool,
    log: Throttle,
    errors: Throttle,
}

impl Link {
    fn new(client: &str) -> Self {
        let (log, errors) = (Throttle::new(LOG_EVERY), Throttle::new(LOG_EVERY));
        Self { client: client.to_owned(), reachable: AtomicBool::new(true), log, errors }
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        // Connection failures are ERROR to librdkafka but heal by themselves, and the same facts come through `error`.
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                if let Some(held_back) = self.log.pass() {
                    tracing::warn!(client = self.client, facility, line, held_back, "kafka client log");
                }
            }
            _ => tracing::debug!(client = self.client, facility, line, "kafka client log"),
        }
    }

    fn error(&self, error: &KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.reachable.store(false, Ordering::Relaxed);
        }
        if let Some(held_back) = self.errors.pass() {
            tracing::warn!(client = self.client, %error, reason, held_back, "kafka unavailable, reconnecting");
        }
    }

    fn statistics(&self, statistics: &Statistics) {
        let up = statistics.brokers.values().any(|broker| broker.state == "UP");
        if up && !self.reachable.swap(true, Ordering::Relaxed) {
            tracing::info!(client = self.client, "kafka reachable again");
        }
    }
}

/// Context of a producer.
#[derive(Debug)]
pub(crate) struct ProducerEvents {
    link: Link,
    metrics: KafkaMetrics,
}

impl ProducerEvents {
    pub fn new(client: &str, metrics: KafkaMetrics) -> Self {
        Self { link: Link::new(client), metrics }
    }
}

/// The producer's context is hidden inside the client library's own; this handle is shared with it.
#[derive(Debug, Clone)]
pub(crate) struct SharedEvents(pub std::sync::Arc<ProducerEvents>);

impl SharedEvents {
    pub fn metrics(&self) -> &KafkaMetrics {
        &self.0.metrics
    }

    pub fn reachable(&self) -> bool {
        self.0.link.reachable.load(Ordering::Relaxed)
    }
}

impl ClientContext for SharedEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.0.link.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.link.error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.link.statistics(&statistics);
        let queued = i64::try_from(statistics.msg_cnt).unwrap_or(i64::MAX);
        self.0.metrics.queue.with_label_values(&[&self.0.link.client]).set(queued);
    }
}

/// Context of a group member.
pub(crate) struct GroupEvents {
    link: Link,
    metrics: KafkaMetrics,
    positions: Mutex<Positions>,
    /// While set, partitions are taken over but not read.
    paused: AtomicBool,
    /// Something is due again that was committed.
    pub commits_failed: Notify,
}

impl GroupEvents {
    pub fn new(client: &str, metrics: KafkaMetrics) -> Self {
        let (link, positions) = (Link::new(client), Mutex::new(Positions::default()));
        Self { link, metrics, positions, paused: AtomicBool::new(false), commits_failed: Notify::new() }
    }

    pub fn positions(&self) -> MutexGuard<'_, Positions> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// A commit failed: what it held is due again. Nothing is lost, the records may come once more.
    pub fn commit_failed(&self, error: &KafkaError, due: &[Position]) {
        self.metrics.commit_failures.inc();
        if let Some(held_back) = self.link.errors.pass() {
            tracing::warn!(client = self.link.client, %error, held_back, "offsets not committed, repeating");
        }
        {
            let mut positions = self.positions();
            for (topic, partition, _) in due {
                positions.commit_failed(topic, *partition);
            }
        }
        self.commits_failed.notify_one();
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        let due: Vec<Position> = {
            let mut positions = self.positions();
            let revoke = |(topic, partition): (String, i32)| {
                positions.revoke(&topic, partition).map(|next| (topic, partition, next))
            };
            partitions.to_topic_map().into_keys().filter_map(revoke).collect()
        };
        // A lost assignment may have a new owner already: its commits count, ours would be refused.
        if due.is_empty() || consumer.assignment_lost() {
            return;
        }
        if let Err(error) = offset_list(&due).and_then(|offsets| consumer.commit(&offsets, CommitMode::Sync)) {
            tracing::warn!(client = self.link.client, %error, "offsets not committed on revoke, the records come once more");
        }
    }
}

impl ClientContext for GroupEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.link.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.link.error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.link.statistics(&statistics);
        let positions = self.positions();
        for (name, topic) in &statistics.topics {
            let owned = topic.partitions.iter().filter(|(id, _)| positions.epoch(name, **id).is_some());
            let lag: i64 = owned.map(|(_, partition)| partition.consumer_lag.max(0)).sum();
            self.metrics.lag.with_label_values(&[name]).set(lag);
        }
    }
}

impl ConsumerContext for GroupEvents {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.metrics.rebalances.inc();
        match rebalance {
            Rebalance::Assign(partitions) => {
                tracing::info!(client = self.link.client, partitions = partitions.count(), "partitions assigned");
                let mut positions = self.positions();
                for element in partitions.elements() {
                    positions.assign(element.topic(), element.partition());
                }
            }
            Rebalance::Revoke(partitions) => {
                tracing::info!(client = self.link.client, partitions = partitions.count(), "partitions revoked");
                self.revoked(consumer, partitions);
                // The client library keeps the pause of a partition that goes, also for the day it comes back, when nobody may remember.
                if self.paused.load(Ordering::Relaxed)
                    && let Err(error) = consumer.resume(partitions)
                {
                    tracing::warn!(client = self.link.client, %error, "revoked partitions could not be resumed");
                }
            }
            Rebalance::Error(error) => tracing::warn!(client = self.link.client, %error, "rebalance failed"),
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance
            && self.paused.load(Ordering::Relaxed)
            && let Err(error) = consumer.pause(partitions)
        {
            tracing::warn!(client = self.link.client, %error, "new partitions could not be paused");
        }
    }
}

/// The client library's form of positions.
pub(crate) fn offset_list(positions: &[Position]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (topic, partition, next) in positions {
        list.add_partition_offset(topic, *partition, Offset::Offset(*next))?;
    }
    Ok(list)
}
