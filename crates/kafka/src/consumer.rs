//! A group member that commits by hand, after the work, and stays a member however long the work takes.

use std::{
    collections::{HashMap, VecDeque},
    ops::Deref,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt as _;
use rdkafka::{
    Message as _,
    consumer::{CommitMode, Consumer as _, StreamConsumer},
    error::KafkaError as ClientError,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    KafkaConfig, KafkaError, KafkaMetrics, Record,
    config::ConsumerConfig,
    context::{GroupEvents, offset_list},
    throttle::Throttle,
};

/// Work that takes longer than this is polled beside, so that the group does not count this member as dead.
const POLL_BESIDE_AFTER: Duration = Duration::from_secs(3);
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// What was taken at once, in the order of the partitions.
#[derive(Debug)]
pub struct Batch {
    /// The records; never empty.
    pub records: Vec<Record>,
    /// Last offset and epoch of every partition in it.
    ends: HashMap<(Arc<str>, i32), (i64, u64)>,
}

/// The client, which leaves the group when it is dropped. That can hang while the coordinator is down, so a drop on the way of an
/// error happens on a thread of its own, which does not keep the process.
struct Member(Option<Arc<StreamConsumer<GroupEvents>>>);

impl Deref for Member {
    type Target = Arc<StreamConsumer<GroupEvents>>;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref().expect("present until it is dropped")
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            std::thread::spawn(move || drop(client));
        }
    }
}

/// A member of a consumer group.
pub struct Consumer {
    inner: Member,
    /// Interned names, so that records share one.
    topics: Vec<Arc<str>>,
    /// Records that came while work was going on, with the epoch of their partition.
    early: VecDeque<(Record, u64)>,
    /// A fatal error met while work was going on.
    failed: Option<KafkaError>,
    batch_records: usize,
    commit_interval: Duration,
    finish: Duration,
    last_commit: Instant,
    /// The commit under way.
    committing: Option<JoinHandle<()>>,
    errors: Throttle,
    metrics: KafkaMetrics,
    stop: CancellationToken,
}

impl Consumer {
    /// Joins the group of a service. Kafka need not be there yet.
    pub fn new(
        kafka: &KafkaConfig,
        config: &ConsumerConfig,
        service: &str,
        topics: &[String],
        metrics: &KafkaMetrics,
        stop: CancellationToken,
    ) -> Result<Self, KafkaError> {
        let group = kafka.topics().group(service);
        let mut client = kafka.client(&group);
        config.apply(&mut client, &group);
        let events = GroupEvents::new(&group, metrics.clone());
        let inner: StreamConsumer<GroupEvents> =
            kafka.finish(client).create_with_context(events).map_err(KafkaError::Client)?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        inner.subscribe(&names).map_err(KafkaError::Client)?;
        Ok(Self {
            inner: Member(Some(Arc::new(inner))),
            topics: names.into_iter().map(Arc::from).collect(),
            early: VecDeque::new(),
            failed: None,
            batch_records: config.batch_records,
            commit_interval: Duration::from_millis(config.commit_interval_ms),
            finish: Duration::from_millis(config.finish_ms),
            last_commit: Instant::now(),
            committing: None,
            errors: Throttle::new(Duration::from_secs(10)),
            metrics: metrics.clone(),
            stop,
        })
    }

    /// Waits for a record and takes what is there with it. It does not wait for more: batches grow by themselves with the work
    /// that piles up during the last one. `None`: the stop token was cancelled.
    pub async fn next_batch(&mut self) -> Result<Option<Batch>, KafkaError> {
        loop {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if self.stop.is_cancelled() {
                return Ok(None);
            }
            let first = if let Some(early) = self.early.pop_front() {
                early
            } else {
                tokio::select! {
                    biased;
                    () = self.stop.cancelled() => return Ok(None),
                    record = self.receive() => record?,
                    () = self.commit_due() => {
                        self.commit_beside();
                        continue;
                    }
                }
            };
            let mut taken = vec![first];
            while taken.len() < self.batch_records {
                match self.early.pop_front().or_else(|| self.take_one()) {
                    Some(record) => taken.push(record),
                    None => break,
                }
            }
            if let Some(batch) = self.batch_of(taken) {
                return Ok(Some(batch));
            }
        }
    }

    /// Runs the work on a batch. If it takes long, the partitions are paused and the group is polled beside it, so that it may
    /// wait for a dependency for ever. `None`: the stop token was cancelled and the work did not end within the time given for
    /// that; it was dropped, and must not be marked done.
    pub async fn hold<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let (stop, finish) = (self.stop.clone(), self.finish);
        let mut work = pin!(work);
        let mut give_up = pin!(async move {
            stop.cancelled().await;
            sleep(finish).await;
        });
        let poll_beside_at = Instant::now() + POLL_BESIDE_AFTER;
        let mut paused = false;
        let result = loop {
            tokio::select! {
                biased;
                result = &mut work => break Some(result),
                () = &mut give_up => break None,
                () = sleep_until(poll_beside_at), if !paused => {
                    self.pause();
                    paused = true;
                }
                received = self.receive(), if paused && self.failed.is_none() => match received {
                    // Taken from the queue at the moment of the pause: kept for the next batch.
                    Ok(record) => self.early.push_back(record),
                    Err(error) => self.failed = Some(error),
                },
                () = self.commit_due() => self.commit_beside(),
            }
        };
        if paused {
            self.resume();
        }
        result
    }

    /// Marks a batch processed. Partitions that were given away meanwhile are left to their new owner.
    pub fn done(&mut self, batch: &Batch) {
        {
            let mut positions = self.inner.context().positions();
            for ((topic, partition), (last, epoch)) in &batch.ends {
                positions.processed(topic, *partition, *epoch, last + 1);
            }
        }
        if self.last_commit.elapsed() >= self.commit_interval {
            self.commit_beside();
        }
    }

    /// Commits what is done and leaves the group, within 5 s.
    pub async fn close(mut self) {
        let closing = async {
            if let Some(committing) = self.committing.take() {
                // An error would be a panic of it, which says so itself.
                committing.await.ok();
            }
            self.leave().await;
        };
        if tokio::time::timeout(CLOSE_WITHIN, closing).await.is_err() {
            tracing::warn!("kafka consumer did not close in time");
        }
    }

    async fn leave(&mut self) {
        let Some(client) = self.inner.0.take() else { return };
        let (closed, wait) = tokio::sync::oneshot::channel();
        // A thread of its own, not one of the runtime's: it may hang, and must not keep the process.
        std::thread::spawn(move || {
            commit(&client);
            drop(client);
            closed.send(()).ok();
        });
        wait.await.ok();
    }

    /// The next record with the epoch of its partition. Cancel safe. Waits while Kafka is away.
    async fn receive(&self) -> Result<(Record, u64), KafkaError> {
        loop {
            match self.inner.recv().await {
                Ok(message) => {
                    if let Some(record) = self.owned(&message) {
                        return Ok(record);
                    }
                }
                Err(ClientError::MessageConsumptionFatal(code)) => {
                    return Err(KafkaError::Consumer(ClientError::MessageConsumptionFatal(code)));
                }
                // No pause: the client library queues an error for every attempt to connect that fails, and paces those itself. Passing over
                // them more slowly than they came would go on long after Kafka is back.
                Err(error) => self.note(&error),
            }
        }
    }

    /// A record that is there already.
    fn take_one(&self) -> Option<(Record, u64)> {
        match self.inner.recv().now_or_never()? {
            Ok(message) => self.owned(&message),
            Err(error) => {
                self.note(&error);
                None
            }
        }
    }

    /// Copies a message out of the client library; `None` if its partition is not ours any more.
    fn owned(&self, message: &rdkafka::message::BorrowedMessage<'_>) -> Option<(Record, u64)> {
        let epoch = self.inner.context().positions().epoch(message.topic(), message.partition())?;
        let topic = self.topics.iter().find(|topic| &***topic == message.topic())?;
        Some((Record::from_message(message, Arc::clone(topic)), epoch))
    }

    /// Drops the records of partitions that were taken away while the batch was collected.
    fn batch_of(&self, taken: Vec<(Record, u64)>) -> Option<Batch> {
        let mut ends = HashMap::new();
        let mut records = Vec::with_capacity(taken.len());
        {
            let positions = self.inner.context().positions();
            for (record, epoch) in taken {
                if positions.epoch(&record.topic, record.partition) == Some(epoch) {
                    ends.insert((Arc::clone(&record.topic), record.partition), (record.offset, epoch));
                    records.push(record);
                }
            }
        }
        for topic in &self.topics {
            let count = records.iter().filter(|record| record.topic == *topic).count();
            self.metrics.records.with_label_values(&[topic]).inc_by(count as u64);
        }
        (!records.is_empty()).then_some(Batch { records, ends })
    }

    fn note(&self, error: &ClientError) {
        if let Some(held_back) = self.errors.pass() {
            tracing::warn!(%error, held_back, "kafka consumer cannot read, trying again");
        }
    }

    /// Ends when a commit is due; never, while there is nothing to commit.
    async fn commit_due(&self) {
        let context = self.inner.context();
        while !context.positions().has_uncommitted() {
            // Only a commit that fails makes something due while nothing is taken and nothing done.
            context.commits_failed.notified().await;
        }
        sleep_until(self.last_commit + self.commit_interval).await;
    }

    /// Commits what is done, one commit at a time. A thread waits for the answer: of a commit in the background the client library tells nobody
    /// that it failed (it posts the event for a callback that the Rust client does not register).
    fn commit_beside(&mut self) {
        self.last_commit = Instant::now();
        if self.committing.as_ref().is_none_or(JoinHandle::is_finished) {
            let client = Arc::clone(&self.inner);
            self.committing = Some(tokio::task::spawn_blocking(move || commit(&client)));
        }
    }

    fn pause(&self) {
        // First the flag: partitions assigned from now on are paused by the rebalance callback.
        self.inner.context().set_paused(true);
        if let Err(error) = self.inner.assignment().and_then(|partitions| self.inner.pause(&partitions)) {
            self.note(&error);
        }
    }

    fn resume(&self) {
        self.inner.context().set_paused(false);
        if let Err(error) = self.inner.assignment().and_then(|partitions| self.inner.resume(&partitions)) {
            self.note(&error);
        }
    }
}

/// Commits what is done, and waits for the answer.
fn commit(client: &StreamConsumer<GroupEvents>) {
    let context = client.context();
    let due = context.positions().take_uncommitted();
    if due.is_empty() {
        return;
    }
    let committed = offset_list(&due).and_then(|offsets| client.commit(&offsets, CommitMode::Sync));
    if let Err(error) = committed {
        context.commit_failed(&error, &due);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rdkafka::mocking::MockCluster;

    use super::*;
    use crate::{OutRecord, Producer, ProducerConfig};

    /// Without the pause, everything that is produced while a dependency is away would be read into memory.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn records_that_come_while_work_takes_long_are_left_with_the_broker() {
        let broker = MockCluster::new(1).unwrap();
        broker.create_topic("t", 1, 1).unwrap();
        let (brokers, topic_prefix) = (broker.bootstrap_servers(), String::new());
        let kafka = KafkaConfig { brokers, topic_prefix, properties: BTreeMap::new() };
        let metrics = KafkaMetrics::register(&prometheus::Registry::new()).unwrap();
        let producer = Producer::new(&kafka, &ProducerConfig::default(), "test", &metrics).unwrap();
        let send = || producer.send(&OutRecord { topic: "t", key: "k", payload: b"v", headers: &[] }).unwrap();
        let (config, stop) =
            (ConsumerConfig { batch_records: 1, ..ConsumerConfig::default() }, CancellationToken::new());
        let mut consumer = Consumer::new(&kafka, &config, "group", &["t".to_owned()], &metrics, stop).unwrap();
        send().await.unwrap();
        let batch = consumer.next_batch().await.unwrap().unwrap();
        let work = async {
            sleep(POLL_BESIDE_AFTER + Duration::from_millis(500)).await;
            for delivery in (0..1_000).map(|_| send()).collect::<Vec<_>>() {
                delivery.await.unwrap();
            }
            sleep(Duration::from_secs(1)).await;
        };
        consumer.hold(work).await.unwrap();
        assert!(consumer.early.len() < 10, "{} records in memory", consumer.early.len());
        consumer.done(&batch);
        let mut left = 1_000;
        while left > 0 {
            let next = tokio::time::timeout(Duration::from_secs(20), consumer.next_batch()).await;
            left -= next.expect("read after the work").unwrap().unwrap().records.len();
        }
        consumer.close().await;
    }
}
