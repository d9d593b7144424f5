//! `chatctl dlt replay`.

use chat_kafka::{Consumer, ConsumerConfig, DeadLetters, OutRecord, Reader, Record};
use chat_protocol::topic::dead_letter;
use chat_testkit::assert_eventually;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{DEADLINE, Stage};

/// Commits everything it reads, after putting aside what is poison.
struct Service {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Service {
    fn start(stage: &Stage) -> Self {
        let stop = CancellationToken::new();
        let (kafka, topics) = (stage.isolation.kafka(), [stage.isolation.topics().messages()]);
        let config = ConsumerConfig::default();
        let mut consumer = Consumer::new(&kafka, &config, "persister", &topics, &stage.metrics, stop.clone()).unwrap();
        let dead_letters = DeadLetters::new(stage.producer(), stage.isolation.topics().group("persister"), 1_000);
        let task = tokio::spawn(async move {
            while let Some(batch) = consumer.next_batch().await.unwrap() {
                for poison in batch.records.iter().filter(|record| record.value() == b"poison") {
                    dead_letters.send(poison, "poison", "still poison").await.unwrap();
                }
                consumer.done(&batch);
            }
            consumer.close().await;
        });
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.task).await.expect("stops").unwrap();
    }
}

async fn all(stage: &Stage, topic: &str) -> Vec<Record> {
    let mut reader = Reader::all(&stage.isolation.kafka(), topic).await.unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.next().await.unwrap() {
        records.push(record);
    }
    records
}

#[tokio::test]
async fn a_replay_is_the_original_in_the_partition_of_its_key() {
    let stage = Stage::new().await;
    let source = stage.isolation.topics().messages();
    let topic = dead_letter(&source);
    let producer = stage.producer();
    // Of each key, a first record as a gateway produces it: its partition is the right one.
    for key in ["a", "b", "c", "d"] {
        let record = OutRecord { topic: &source, key, payload: b"first", headers: &[] };
        let partition = producer.send(&record).unwrap().await.unwrap().partition;
        stage.bury(&source, partition, key, "second", "was refused").await;
    }
    let service = Service::start(&stage);
    let dry = stage.well(&["dlt", "replay", "--all", "--dry-run"]).await;
    assert!(dry.ends_with("4 would be replayed\n"), "{dry}");
    assert!(stage.refused(&["dlt", "replay", "--all"]).await.contains("add --yes"));
    assert_eq!(all(&stage, &source).await.len(), 4, "nothing was replayed");

    let done = stage.well(&["dlt", "replay", "--all", "--yes"]).await;
    assert!(done.ends_with("4 replayed and read by their service, none came back\n"), "{done}");
    let records = all(&stage, &source).await;
    assert_eq!(records.len(), 8);
    for key in ["a", "b", "c", "d"] {
        let of_key: Vec<&Record> = records.iter().filter(|record| record.key_str() == Some(key)).collect();
        let [first, second] = of_key[..] else { panic!("{of_key:?}") };
        assert_eq!((first.partition, second.value()), (second.partition, &b"second"[..]));
        let names: Vec<&str> = second.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["type", "chat-replayed-from"]);
        let mark = second.header_str("chat-replayed-from").unwrap();
        assert!(mark.starts_with(&format!("{topic}:{}:", first.partition)), "{mark}");
    }
    assert!(stage.well(&["dlt", "list"]).await.starts_with("no dead letters; 4 handled"));
    assert!(stage.well(&["dlt", "replay", "--all", "--yes"]).await.contains("no open dead letter matches"));
    let place = records.iter().find_map(|record| record.header_str("chat-replayed-from")).unwrap();
    let spot = place.split_once(':').unwrap().1;
    let handled = stage.refused(&["dlt", "replay", &topic, spot, "--yes"]).await;
    assert!(handled.contains("was replayed as") && handled.contains("--again"), "{handled}");
    stage.well(&["dlt", "replay", &topic, spot, "--yes", "--again"]).await;
    assert_eq!(all(&stage, &source).await.len(), 9);
    service.stop().await;
}

#[tokio::test]
async fn a_replay_stops_when_letters_come_back() {
    let stage = Stage::new().await;
    let source = stage.isolation.topics().messages();
    for _ in 0..25 {
        stage.bury(&source, 0, "room", "poison", "poison").await;
    }
    let service = Service::start(&stage);
    let said = stage.refused(&["dlt", "replay", "--all", "--yes"]).await;
    assert!(said.contains("20 of 20 replayed letters came back") && said.contains("5 were not replayed"), "{said}");
    // Five that were not touched, and the twenty that came back.
    let listed = stage.well(&["dlt", "list"]).await;
    assert!(listed.contains("25 dead letters") && listed.contains("20 handled not shown"), "{listed}");
    let letters = all(&stage, &dead_letter(&source)).await;
    let returned = letters.iter().filter(|letter| letter.header("chat-replayed-from").is_some());
    assert_eq!(returned.count(), 20);
    service.stop().await;
}

#[tokio::test]
async fn a_replay_that_nobody_reads_is_told() {
    let stage = Stage::new().await;
    let source = stage.isolation.topics().messages();
    stage.bury(&source, 0, "room", "fine", "was refused").await;
    let said = stage.refused(&["dlt", "replay", "chat-messages-dlt", "0:0", "--yes", "--wait", "1s"]).await;
    assert!(said.contains("1 replayed, but t-") && said.contains("persister is not known to have read them"), "{said}");
    assert!(
        stage.well(&["dlt", "list"]).await.starts_with("no dead letters; 1 handled"),
        "it is replayed all the same"
    );
    let service = Service::start(&stage);
    let topics = [source.clone()];
    assert_eventually!(
        chat_kafka::group_lag(&stage.isolation.kafka(), "persister", &topics).await.unwrap() == 0,
        within = DEADLINE,
        "read when it runs"
    );
    service.stop().await;
}

#[tokio::test]
async fn a_letter_that_names_another_origin_is_not_replayed() {
    let stage = Stage::new().await;
    let (messages, events) = (stage.isolation.topics().messages(), stage.isolation.topics().events());
    stage.bury(&messages, 0, "room", "stray", "x").await;
    let mut stray = all(&stage, &dead_letter(&messages)).await.remove(0);
    stray.topic = dead_letter(&events).into();
    let record = chat_kafka::OwnedRecord {
        topic: stray.topic,
        partition: Some(1),
        key: stray.key,
        payload: stray.payload,
        headers: stray.headers,
    };
    stage.producer().send_owned(&record).unwrap().await.unwrap();
    let said = stage.refused(&["dlt", "replay", "chat-events-dlt", "1:0", "--yes"]).await;
    assert!(said.contains("is not the topic that its letters come from"), "{said}");
    assert!(all(&stage, &messages).await.is_empty() && all(&stage, &events).await.is_empty());
}

#[tokio::test]
async fn a_letter_that_no_service_wrote_is_replayed_without_a_claim() {
    let stage = Stage::new().await;
    let source = stage.isolation.topics().messages();
    let topic = dead_letter(&source);
    let record = OutRecord { topic: &topic, key: "room", payload: b"by hand", headers: &[] };
    let place = stage.producer().send(&record).unwrap().await.unwrap();
    let spot = format!("{}:{}", place.partition, place.offset);
    let said = stage.refused(&["dlt", "replay", &topic, &spot, "--yes"]).await;
    assert!(said.contains("1 replayed, but a service that the letters do not name is not known to"), "{said}");
    assert_eq!(all(&stage, &source).await[0].value(), b"by hand");
}
