//! A broker that goes and comes back, played by the client library's own mock: the test broker is shared and stays up.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use chat_kafka::{Consumer, ConsumerConfig, KafkaConfig, KafkaMetrics, OwnedRecord, Producer, ProducerConfig};
use rdkafka::mocking::MockCluster;
use tokio_util::sync::CancellationToken;

use crate::{DEADLINE, numbers, take};

fn record(value: &str) -> OwnedRecord {
    let (key, payload) = (Some(Bytes::from_static(b"room")), Some(Bytes::copy_from_slice(value.as_bytes())));
    OwnedRecord { topic: "t".into(), partition: None, key, payload, headers: Vec::new() }
}

/// What came, without the repeats.
pub fn first_times(values: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    values.into_iter().filter(|value| seen.insert(value.clone())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_outlive_an_outage_longer_than_their_delivery_timeout_in_their_order() {
    let broker = MockCluster::new(1).unwrap();
    broker.create_topic("t", 1, 1).unwrap();
    let kafka =
        KafkaConfig { brokers: broker.bootstrap_servers(), topic_prefix: String::new(), properties: BTreeMap::new() };
    let metrics = KafkaMetrics::register(&prometheus::Registry::new()).unwrap();
    let config = ProducerConfig { delivery_timeout_ms: 1_000, ..ProducerConfig::default() };
    let producer = Producer::new(&kafka, &config, "test", &metrics).unwrap();
    let topics = ["t".to_owned()];
    let stop = CancellationToken::new();
    let mut consumer = Consumer::new(&kafka, &ConsumerConfig::default(), "group", &topics, &metrics, stop).unwrap();
    producer.send_all(&[record("0")]).await.unwrap();
    assert_eq!(take(&mut consumer, 1).await, ["0"]);

    broker.broker_down(1).unwrap();
    let records: Vec<OwnedRecord> = numbers(1..50).iter().map(|value| record(value)).collect();
    let outage = async {
        // Long enough that the first attempt has failed for good and the client says so.
        while producer.reachable() || producer.queued() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        broker.broker_up(1).unwrap();
    };
    let sending = async { tokio::join!(producer.send_all(&records), outage) };
    tokio::time::timeout(DEADLINE, sending).await.expect("sent in time").0.unwrap();
    // What had arrived before the answer was lost comes twice.
    let mut values = Vec::new();
    while values.last().map(String::as_str) != Some("49") {
        values.extend(take(&mut consumer, 1).await);
    }
    assert_eq!(first_times(values), numbers(1..50));
    consumer.close().await;
    producer.flush(Duration::from_secs(5)).await.unwrap();
    let recovered = async {
        while !producer.reachable() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, recovered).await.expect("told that it is back");
}
