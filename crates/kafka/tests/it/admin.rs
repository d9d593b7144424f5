use std::{collections::BTreeMap, time::Duration};

use chat_kafka::{KafkaConfig, cluster_reachable, delete_topics, ensure_topics, group_lag};

use crate::{DEADLINE, Setup, numbers, take};

#[tokio::test]
async fn two_setups_at_once_create_each_topic_once() {
    let setup = Setup::new(1).await;
    let topics: Vec<String> = (0..5).map(|n| format!("{}{n}", setup.kafka.topic_prefix)).collect();
    let (a, b) = tokio::join!(ensure_topics(&setup.kafka, &topics, 2, 1), ensure_topics(&setup.kafka, &topics, 2, 1));
    assert_eq!(a.unwrap().len() + b.unwrap().len(), 5);
    assert!(ensure_topics(&setup.kafka, &topics, 2, 1).await.unwrap().is_empty());
    delete_topics(&setup.kafka, &topics).await.unwrap();
    delete_topics(&setup.kafka, &[topics[0].clone()]).await.unwrap();
}

#[tokio::test]
async fn a_cluster_that_is_away_is_told() {
    let setup = Setup::new(1).await;
    assert!(cluster_reachable(&setup.kafka, Duration::from_secs(10)).await.unwrap() >= 1);
    let away = KafkaConfig { brokers: "127.0.0.1:1".into(), topic_prefix: String::new(), properties: BTreeMap::new() };
    assert!(cluster_reachable(&away, Duration::from_secs(1)).await.is_err());
}

#[tokio::test]
async fn lag_is_what_the_group_has_not_committed() {
    let setup = Setup::new(3).await;
    let topics = [setup.topic()];
    setup.produce("a", numbers(0..7)).await;
    assert_eq!(group_lag(&setup.kafka, "group", &topics).await.unwrap(), 7);
    let mut consumer = setup.consumer();
    take(&mut consumer, 7).await;
    // The commit is due by itself while the consumer waits for the next record.
    let waiting = tokio::time::timeout(Duration::from_secs(1), consumer.next_batch());
    assert!(waiting.await.is_err());
    let settled = async { while group_lag(&setup.kafka, "group", &topics).await.unwrap() > 0 {} };
    tokio::time::timeout(DEADLINE, settled).await.expect("committed while idle");
    consumer.close().await;
}
