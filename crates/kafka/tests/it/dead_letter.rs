use bytes::Bytes;
use chat_kafka::{DeadLetters, KafkaError};

use crate::{DEADLINE, Setup, numbers};

#[tokio::test]
async fn a_dead_letter_keeps_its_bytes_and_tells_its_origin_as_spring_does() {
    let setup = Setup::new(6).await;
    setup.produce("room", ["{broken".to_owned()]).await;
    let mut consumer = setup.consumer();
    let batch = consumer.next_batch().await.unwrap().unwrap();
    let original = batch.records[0].clone();
    let dead_letters = DeadLetters::new(setup.producer(), "group".into(), 60);
    dead_letters.send(&original, "poison", "expected value at line 1").await.unwrap();

    let mut reader = setup.consumer_of(&(setup.topic() + "-dlt"));
    let read = tokio::time::timeout(DEADLINE, reader.next_batch()).await.unwrap().unwrap().unwrap();
    let dead = &read.records[0];
    assert_eq!(
        (dead.key.clone(), dead.payload.clone(), dead.partition),
        (original.key, original.payload, original.partition)
    );
    let expected: [(&str, Bytes); 9] = [
        ("type", "Test".into()),
        ("kafka_dlt-original-topic", setup.topic().into()),
        ("kafka_dlt-original-partition", original.partition.to_be_bytes().to_vec().into()),
        ("kafka_dlt-original-offset", 0_i64.to_be_bytes().to_vec().into()),
        ("kafka_dlt-original-timestamp", original.timestamp_ms.unwrap().to_be_bytes().to_vec().into()),
        ("kafka_dlt-original-timestamp-type", "CreateTime".into()),
        ("kafka_dlt-original-consumer-group", "group".into()),
        ("kafka_dlt-exception-fqcn", "poison".into()),
        ("kafka_dlt-exception-message", "expected value at line 1".into()),
    ];
    assert_eq!(dead.headers, expected.map(|(name, value)| (name.to_owned(), value)));
    consumer.close().await;
    reader.close().await;
}

#[tokio::test]
async fn a_flood_of_dead_letters_is_an_error() {
    let setup = Setup::new(1).await;
    setup.produce("room", numbers(0..1)).await;
    let mut consumer = setup.consumer();
    let batch = consumer.next_batch().await.unwrap().unwrap();
    let dead_letters = DeadLetters::new(setup.producer(), "group".into(), 3);
    for _ in 0..3 {
        dead_letters.send(&batch.records[0], "poison", "m").await.unwrap();
    }
    let flood = dead_letters.send(&batch.records[0], "poison", "m").await;
    assert!(matches!(flood, Err(KafkaError::DeadLetterFlood { limit: 3 })), "{flood:?}");
    consumer.close().await;
}
