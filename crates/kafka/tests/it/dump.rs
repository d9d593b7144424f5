use chat_kafka::{committed_offsets, read_topic};

use crate::{DEADLINE, Setup, numbers, take};

#[tokio::test]
async fn a_topic_is_read_to_its_end_and_nothing_is_committed_by_that() {
    let setup = Setup::new(2).await;
    assert!(read_topic(&setup.kafka, &setup.topic(), DEADLINE).await.unwrap().is_empty());
    for room in ["a", "b", "c"] {
        setup.produce(room, numbers(0..3)).await;
    }
    let records = read_topic(&setup.kafka, &setup.topic(), DEADLINE).await.unwrap();
    assert_eq!(records.len(), 9);
    assert_eq!(records.iter().filter(|record| record.key_str() == Some("b")).count(), 3);
    assert!(committed_offsets(&setup.kafka, "group", &setup.topic()).await.unwrap().is_empty());

    let mut consumer = setup.consumer();
    take(&mut consumer, 9).await;
    consumer.close().await;
    let committed = committed_offsets(&setup.kafka, "group", &setup.topic()).await.unwrap();
    assert_eq!(committed.iter().map(|(_, offset)| offset).sum::<i64>(), 9);
}
