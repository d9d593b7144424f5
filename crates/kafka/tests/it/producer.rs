use bytes::Bytes;
use chat_kafka::{KafkaError, OutRecord, OwnedRecord, Producer, ProducerConfig, SendError};

use crate::{Setup, numbers, take};

#[tokio::test]
async fn records_of_a_key_arrive_in_the_order_of_the_sends() {
    let setup = Setup::new(4).await;
    setup.produce("room", numbers(0..2_000)).await;
    let mut consumer = setup.consumer();
    assert_eq!(take(&mut consumer, 2_000).await, numbers(0..2_000));
    consumer.close().await;
}

#[tokio::test]
async fn a_key_is_on_the_partition_that_java_clients_would_choose() {
    let setup = Setup::new(12).await;
    let (producer, topic) = (setup.producer(), setup.topic());
    // The hashes that Kafka's own UtilsTest expects of these keys (-973932308, -790332482, 479470107), made positive, modulo 12.
    for (key, partition) in [("21", 0), ("foobar", 6), ("abc", 3)] {
        let record = OutRecord { topic: &topic, key, payload: b"", headers: &[] };
        assert_eq!(producer.send(&record).unwrap().await.unwrap().partition, partition, "{key}");
    }
}

#[tokio::test]
async fn a_full_queue_says_busy_and_enqueues_nothing() {
    let mut setup = Setup::new(1).await;
    // Nobody listens there: records stay in the queue.
    "127.0.0.1:1".clone_into(&mut setup.kafka.brokers);
    let config = ProducerConfig { queue_records: 10, ..ProducerConfig::default() };
    let producer = Producer::new(&setup.kafka, &config, "test", &setup.metrics).unwrap();
    let record = OutRecord { topic: "t", key: "k", payload: b"v", headers: &[] };
    let deliveries: Vec<_> = (0..10).map(|_| producer.send(&record).unwrap()).collect();
    assert_eq!(producer.send(&record).err(), Some(SendError::Busy));
    assert!(producer.queued() >= 10);
    drop(deliveries);
}

#[tokio::test]
async fn what_is_too_large_is_refused_by_name_and_the_rest_before_it_is_stored() {
    let setup = Setup::new(1).await;
    let record = |payload: Vec<u8>| OwnedRecord {
        topic: setup.topic().into(),
        partition: None,
        key: Some(Bytes::from_static(b"k")),
        payload: Some(payload.into()),
        headers: Vec::new(),
    };
    let records = [record(b"a".to_vec()), record(b"b".to_vec()), record(vec![b'x'; 2_000_000])];
    let refused = setup.producer().send_all(&records).await;
    assert!(matches!(refused, Err(KafkaError::Refused { index: 2, .. })), "{refused:?}");
    let mut consumer = setup.consumer();
    assert_eq!(take(&mut consumer, 2).await, ["a", "b"]);
    consumer.close().await;
}
