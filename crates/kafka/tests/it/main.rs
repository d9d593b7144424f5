//! Tests against a real broker, given by `CHAT_TEST_KAFKA_BROKERS`; every test has topics and groups of its own.

#![expect(clippy::unwrap_used, reason = "tests")]

mod admin;
mod consumer;
mod dead_letter;
mod fatal;
mod outage;
mod producer;
mod reader;
mod zombie;

use std::{collections::BTreeMap, time::Duration};

use chat_kafka::{
    Consumer, ConsumerConfig, KafkaConfig, KafkaMetrics, OutRecord, Producer, ProducerConfig, ensure_topics,
};
use tokio_util::sync::CancellationToken;

/// Longest wait for anything that must happen.
const DEADLINE: Duration = Duration::from_secs(40);

/// One test's topic names, clients and settings.
struct Setup {
    kafka: KafkaConfig,
    consumer: ConsumerConfig,
    metrics: KafkaMetrics,
    stop: CancellationToken,
}

impl Setup {
    /// Creates topic `t` with its dead-letter topic.
    async fn new(partitions: i32) -> Self {
        let brokers =
            std::env::var("CHAT_TEST_KAFKA_BROKERS").expect("CHAT_TEST_KAFKA_BROKERS names the broker to test with");
        let topic_prefix = format!("t{}-", uuid::Uuid::now_v7().simple());
        let kafka = KafkaConfig { brokers, topic_prefix, properties: BTreeMap::new() };
        let setup = Self {
            kafka,
            consumer: ConsumerConfig::default(),
            metrics: KafkaMetrics::register(&prometheus::Registry::new()).unwrap(),
            stop: CancellationToken::new(),
        };
        ensure_topics(&setup.kafka, &[setup.topic(), setup.topic() + "-dlt"], partitions, 1).await.unwrap();
        setup
    }

    fn topic(&self) -> String {
        format!("{}t", self.kafka.topic_prefix)
    }

    fn producer(&self) -> Producer {
        Producer::new(&self.kafka, &ProducerConfig::default(), "test", &self.metrics).unwrap()
    }

    fn consumer(&self) -> Consumer {
        self.consumer_of(&self.topic())
    }

    fn consumer_of(&self, topic: &str) -> Consumer {
        let topics = [topic.to_owned()];
        Consumer::new(&self.kafka, &self.consumer, "group", &topics, &self.metrics, self.stop.clone()).unwrap()
    }

    /// Produces `values` under one key.
    async fn produce(&self, key: &str, values: impl IntoIterator<Item = String>) {
        let (producer, topic) = (self.producer(), self.topic());
        let mut deliveries = Vec::new();
        for value in values {
            let record = OutRecord { topic: &topic, key, payload: value.as_bytes(), headers: &[("type", "Test")] };
            deliveries.push(producer.send(&record).unwrap());
        }
        for delivery in deliveries {
            delivery.await.unwrap();
        }
    }
}

impl Drop for Setup {
    /// Removes the topics, best effort, on a runtime of its own: the test's cannot be blocked on.
    fn drop(&mut self) {
        let (kafka, topics) = (self.kafka.clone(), [self.topic(), self.topic() + "-dlt"]);
        let cleaner = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(chat_kafka::delete_topics(&kafka, &topics)).ok();
        });
        cleaner.join().ok();
    }
}

/// Takes batches until `count` values came; `each` is called between taking a batch and marking it.
async fn take(consumer: &mut Consumer, count: usize) -> Vec<String> {
    let mut values = Vec::new();
    let taking = async {
        while values.len() < count {
            let batch = consumer.next_batch().await.unwrap().expect("not stopped");
            values.extend(batch.records.iter().map(|record| String::from_utf8(record.value().to_vec()).unwrap()));
            consumer.done(&batch);
        }
    };
    tokio::time::timeout(DEADLINE, taking).await.expect("records in time");
    values
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}
