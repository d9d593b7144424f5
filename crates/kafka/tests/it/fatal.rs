//! A producer that failed for good: an idempotent one does when it and the broker disagree about what was stored. The client library's own
//! mock plays the broker that says so.

use std::{collections::BTreeMap, collections::HashSet, time::Duration};

use bytes::Bytes;
use chat_kafka::{
    Consumer, ConsumerConfig, DeliveryError, KafkaConfig, KafkaMetrics, OwnedRecord, Producer, ProducerConfig,
};
use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER as OUT_OF_ORDER},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{DEADLINE, numbers, take};

struct Drill {
    broker: MockCluster<'static, DefaultProducerContext>,
    kafka: KafkaConfig,
    registry: prometheus::Registry,
    metrics: KafkaMetrics,
    producer: Producer,
}

impl Drill {
    fn new() -> Self {
        let broker = MockCluster::new(1).unwrap();
        broker.create_topic("t", 1, 1).unwrap();
        let (brokers, topic_prefix) = (broker.bootstrap_servers(), String::new());
        let kafka = KafkaConfig { brokers, topic_prefix, properties: BTreeMap::new() };
        let registry = prometheus::Registry::new();
        let metrics = KafkaMetrics::register(&registry).unwrap();
        let producer = Producer::new(&kafka, &ProducerConfig::default(), "test", &metrics).unwrap();
        Self { broker, kafka, registry, metrics, producer }
    }

    /// The next request to store something is answered so that the producer dies.
    fn break_sequence(&self) {
        self.broker.request_errors(RDKafkaApiKey::Produce, &[OUT_OF_ORDER]);
    }

    fn replaced(&self) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == "chat_kafka_producers_replaced_total").unwrap();
        family.get_metric()[0].get_counter().get_value()
    }
}

fn record(value: &str) -> OwnedRecord {
    let (key, payload) = (Some(Bytes::from_static(b"room")), Some(Bytes::copy_from_slice(value.as_bytes())));
    OwnedRecord { topic: "t".into(), partition: None, key, payload, headers: Vec::new() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_in_flight_when_a_producer_dies_end_as_failed_and_later_ones_succeed() {
    let drill = Drill::new();
    drill.producer.send_owned(&record("before")).unwrap().await.unwrap();
    assert!(drill.replaced() < 0.5);

    // Slow enough that all of them are under way when the answer comes.
    drill.broker.broker_round_trip_time(1, Duration::from_millis(500)).unwrap();
    drill.break_sequence();
    let in_flight: Vec<_> = (0..20).map(|n| drill.producer.send_owned(&record(&n.to_string())).unwrap()).collect();
    let mut failed = 0;
    for delivery in in_flight {
        match timeout(DEADLINE, delivery).await.expect("every send in flight ends") {
            Ok(_) => {}
            Err(DeliveryError::Failed(_) | DeliveryError::Dropped) => failed += 1,
        }
    }
    assert!(failed > 0, "the producer died");

    drill.broker.broker_round_trip_time(1, Duration::ZERO).unwrap();
    for after in ["after", "and after"] {
        let delivery = drill.producer.send_owned(&record(after)).unwrap();
        timeout(DEADLINE, delivery).await.expect("an answer").unwrap();
    }
    assert!((drill.replaced() - 1.0).abs() < 0.5, "replaced once: {}", drill.replaced());
    drill.producer.flush(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_be_sent_outlives_producers_that_die_in_its_order() {
    let drill = Drill::new();
    let (topics, stop) = (["t".to_owned()], CancellationToken::new());
    let config = ConsumerConfig { batch_records: 50, ..ConsumerConfig::default() };
    let mut consumer = Consumer::new(&drill.kafka, &config, "group", &topics, &drill.metrics, stop).unwrap();
    // The first record of a round is refused when all others are under way already.
    drill.broker.broker_round_trip_time(1, Duration::from_millis(20)).unwrap();
    for round in 0..3 {
        drill.break_sequence();
        let records: Vec<OwnedRecord> = numbers(round * 50..round * 50 + 50).iter().map(|n| record(n)).collect();
        timeout(DEADLINE, drill.producer.send_all(&records)).await.expect("sent in time").unwrap();
    }
    drill.producer.send_all(&[record("end")]).await.unwrap();
    let mut values = Vec::new();
    while values.last().map(String::as_str) != Some("end") {
        values.extend(take(&mut consumer, 1).await);
    }
    values.pop();
    // The mock broker checks no sequence, so what followed the refused record is stored once before it; but each is followed by all its
    // successors.
    assert_eq!(last_times(values), numbers(0..150));
    assert!((drill.replaced() - 3.0).abs() < 0.5, "replaced each time: {}", drill.replaced());
    consumer.close().await;
}

/// Each value where it comes for the last time.
fn last_times(values: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut last: Vec<String> = values.into_iter().rev().filter(|value| seen.insert(value.clone())).collect();
    last.reverse();
    last
}
