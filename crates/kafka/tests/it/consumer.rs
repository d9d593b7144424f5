use std::{collections::BTreeSet, time::Duration};

use chat_kafka::{Consumer, KafkaMetrics, group_lag};
use tokio::time::timeout;

use crate::{DEADLINE, Setup, numbers, take};

#[tokio::test]
async fn a_restarted_consumer_goes_on_after_what_was_done() {
    let setup = Setup::new(1).await;
    setup.produce("room", numbers(0..10)).await;
    let mut first = setup.consumer();
    take(&mut first, 10).await;
    first.close().await;
    setup.produce("room", numbers(10..12)).await;
    let mut second = setup.consumer();
    assert_eq!(take(&mut second, 2).await, numbers(10..12));
    second.close().await;
}

#[tokio::test]
async fn nothing_is_committed_before_done() {
    let setup = Setup::new(1).await;
    setup.produce("room", numbers(0..3)).await;
    let mut first = setup.consumer();
    let batch = timeout(DEADLINE, first.next_batch()).await.unwrap().unwrap().unwrap();
    assert!(!batch.records.is_empty());
    first.close().await;
    assert_eq!(group_lag(&setup.kafka, "group", &[setup.topic()]).await.unwrap(), 3);
    let mut second = setup.consumer();
    assert_eq!(take(&mut second, 3).await, numbers(0..3));
    second.close().await;
}

#[tokio::test]
async fn a_cancelled_consumer_ends_its_loop() {
    let setup = Setup::new(1).await;
    let mut consumer = setup.consumer();
    let stop = setup.stop.clone();
    let (batch, ()) = tokio::join!(consumer.next_batch(), async { stop.cancel() });
    assert!(batch.unwrap().is_none());
    consumer.close().await;
}

#[tokio::test]
async fn work_that_does_not_end_after_the_stop_is_dropped_and_comes_again() {
    let mut setup = Setup::new(1).await;
    setup.consumer.finish_ms = 100;
    setup.produce("room", numbers(0..1)).await;
    let mut consumer = setup.consumer();
    let _batch = timeout(DEADLINE, consumer.next_batch()).await.unwrap().unwrap().unwrap();
    setup.stop.cancel();
    assert_eq!(timeout(DEADLINE, consumer.hold(std::future::pending::<()>())).await.unwrap(), None);
    consumer.close().await;
    assert_eq!(group_lag(&setup.kafka, "group", &[setup.topic()]).await.unwrap(), 1);
}

#[tokio::test]
async fn work_that_takes_longer_than_the_poll_interval_keeps_the_partitions() {
    let mut setup = Setup::new(2).await;
    setup.consumer.session_timeout_ms = 6_000;
    setup.consumer.max_poll_interval_ms = 6_000;
    setup.produce("a", numbers(0..5)).await;
    let mut consumer = setup.consumer();
    let batch = timeout(DEADLINE, consumer.next_batch()).await.unwrap().unwrap().unwrap();
    let mut seen = batch.records.len();
    // Twice the interval, with more records coming meanwhile.
    let slow = async {
        setup.produce("a", numbers(5..9)).await;
        tokio::time::sleep(Duration::from_secs(12)).await;
    };
    consumer.hold(slow).await.expect("not stopped");
    consumer.done(&batch);
    seen += take(&mut consumer, 9 - seen).await.len();
    assert_eq!(seen, 9, "every record once: the member was never thrown out");
    consumer.close().await;
    assert_eq!(group_lag(&setup.kafka, "group", &[setup.topic()]).await.unwrap(), 0);
}

#[tokio::test]
async fn partitions_lost_while_paused_are_read_when_they_come_back() {
    let mut setup = Setup::new(3).await;
    setup.consumer.session_timeout_ms = 6_000;
    let registry = prometheus::Registry::new();
    setup.metrics = KafkaMetrics::register(&registry).unwrap();
    setup.produce("a", numbers(0..1)).await;
    let mut consumer = setup.consumer();
    let batch = timeout(DEADLINE, consumer.next_batch()).await.unwrap().unwrap().unwrap();
    setup.metrics = KafkaMetrics::register(&prometheus::Registry::new()).unwrap();
    let rebalances = || {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == "chat_kafka_rebalances_total").unwrap();
        family.get_metric()[0].get_counter().get_value()
    };
    let before = rebalances();
    // Long enough to be paused; ends at the moment when the partitions are gone and the new ones have not come.
    let work = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        let second = setup.consumer();
        while rebalances() <= before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        second
    };
    let second = consumer.hold(work).await.unwrap();
    consumer.done(&batch);
    second.close().await;
    for key in 1..30 {
        setup.produce(&format!("{key}"), numbers(key..key + 1)).await;
    }
    let mut seen = take(&mut consumer, 29).await;
    seen.sort_by_key(|number| number.parse::<usize>().unwrap());
    assert_eq!(seen, numbers(1..30));
    consumer.close().await;
}

/// Takes batches, a little slowly, until the stop token is cancelled.
async fn drain(mut consumer: Consumer, seen: &std::sync::Mutex<Vec<String>>) {
    while let Some(batch) = consumer.next_batch().await.unwrap() {
        let work = tokio::time::sleep(Duration::from_millis(20));
        let Some(()) = consumer.hold(work).await else { break };
        seen.lock().unwrap().extend(batch.records.iter().map(|r| String::from_utf8(r.value().to_vec()).unwrap()));
        consumer.done(&batch);
    }
    consumer.close().await;
}

#[tokio::test]
async fn a_rebalance_mid_batch_loses_nothing() {
    let mut setup = Setup::new(6).await;
    setup.consumer.batch_records = 20;
    let total = 3_000;
    for key in 0..30 {
        setup.produce(&format!("room{key}"), numbers(key * 100..(key + 1) * 100)).await;
    }
    let seen = std::sync::Mutex::new(Vec::new());
    let stop_when_all_came = async {
        // The second member joins while the first is in the middle of it.
        let distinct = || seen.lock().unwrap().iter().cloned().collect::<BTreeSet<String>>().len();
        while distinct() < total {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        setup.stop.cancel();
    };
    let second = async {
        while seen.lock().unwrap().len() < 100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drain(setup.consumer(), &seen).await;
    };
    let all = async { tokio::join!(drain(setup.consumer(), &seen), second, stop_when_all_came) };
    timeout(DEADLINE, all).await.expect("all records in time");
    assert_eq!(group_lag(&setup.kafka, "group", &[setup.topic()]).await.unwrap(), 0);
    let seen = seen.lock().unwrap();
    assert!(seen.len() < total + 300, "few came twice: {} of {total}", seen.len() - total);
}
