use std::{process::Command as Process, time::Duration};

use chat_kafka::{Consumer, ConsumerConfig, KafkaMetrics};
use chat_protocol::{CommandBody, ErrorCode, OutcomeStatus, RoomId, UserId};
use chat_service::Secret;
use chat_testkit::{TcpProxy, assert_eventually};
use tokio_util::sync::CancellationToken;

use crate::{DEADLINE, Setup, Told, command, send};

/// Reads the dead-letter topic until `count` records came.
async fn dead_letters(setup: &Setup, count: usize) -> Vec<chat_kafka::Record> {
    let topic = chat_protocol::topic::dead_letter(&setup.isolation.topics().messages());
    let metrics = KafkaMetrics::register(&prometheus::Registry::new()).unwrap();
    let (config, stop) = (ConsumerConfig::default(), CancellationToken::new());
    let mut consumer =
        Consumer::new(&setup.isolation.kafka(), &config, "undertaker", &[topic], &metrics, stop).unwrap();
    let mut records = Vec::new();
    let reading = async {
        while records.len() < count {
            records.extend(consumer.next_batch().await.unwrap().unwrap().records);
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.expect("dead letters in time");
    consumer.close().await;
    records
}

#[tokio::test]
async fn a_poison_record_goes_to_the_dead_letter_topic_and_its_neighbours_do_not() {
    let mut setup = Setup::new().await;
    let ann = setup.user("ann").await;
    let persister = setup.start();
    let room = setup.group(ann).await;
    let key = room.to_string();
    let unknown = serde_json::to_string(&send(room, ann, "x")).unwrap().replace("SendMessage", "Dance");
    setup.command(&send(room, ann, "before")).await;
    setup.raw(&key, b"{broken").await;
    setup.raw(&key, unknown.as_bytes()).await;
    setup.command(&send(room, ann, "after")).await;
    let told = setup.events(3).await;
    assert_eq!(told.iter().map(Told::seq).collect::<Vec<_>>(), [2, 0, 3]);
    assert_eq!((told[1].outcome.status, told[1].outcome.code), (OutcomeStatus::Rejected, Some(ErrorCode::Poison)));
    let dead = dead_letters(&setup, 2).await;
    assert_eq!(dead.iter().map(chat_kafka::Record::value).collect::<Vec<_>>(), [b"{broken", unknown.as_bytes()]);
    assert!(dead[1].header_str("kafka_dlt-exception-message").unwrap().contains("Dance"));
    persister.stop().await;
    assert_eq!(setup.lag().await, 0);
}

#[tokio::test]
async fn probes_are_answered_and_change_nothing() {
    let mut setup = Setup::new().await;
    let ann = setup.user("ann").await;
    let persister = setup.start();
    let room = setup.group(ann).await;
    persister.stop().await;
    // One batch: all are there before the next persister starts.
    let probe = || command(RoomId::generate(), UserId(uuid::Uuid::nil()), CommandBody::Probe {});
    let probes = [probe(), probe()];
    setup.command(&probes[0]).await;
    setup.command(&send(room, ann, "between")).await;
    setup.command(&probes[1]).await;
    let persister = setup.start();
    let told = setup.events(3).await;
    for probe in probes {
        let answer = told.iter().find(|told| told.event.room_id == probe.room_id).unwrap();
        assert_eq!((&*answer.event.event_type, answer.seq()), ("ProbeAnswered", 0));
        assert_eq!((answer.outcome.status, answer.outcome.origin), (OutcomeStatus::Persisted, probe.origin));
        assert!(setup.stored(probe.room_id).await.is_empty());
    }
    assert_eq!(setup.stored(room).await.len(), 2);
    persister.stop().await;
    assert_eq!(setup.lag().await, 0);
}

#[tokio::test]
async fn a_message_that_the_database_never_takes_is_isolated_from_its_batch() {
    let mut setup = Setup::new().await;
    let ann = setup.user("ann").await;
    let postgres = setup.isolation.postgres();
    let sql = format!("ALTER TABLE {}.messages ADD CHECK (content <> 'poison')", postgres.schema);
    let altered = Process::new("psql").args([postgres.url.expose(), "-qc", &sql]).status().unwrap();
    assert!(altered.success());
    let persister = setup.start();
    let room = setup.group(ann).await;
    persister.stop().await;
    // All are there before the next one starts, so they are one batch.
    for n in 0..20 {
        let content = if n == 7 || n == 8 { "poison".to_owned() } else { n.to_string() };
        setup.command(&send(room, ann, &content)).await;
    }
    let persister = setup.start();
    let told = setup.events(20).await;
    for poison in &told[7..9] {
        assert_eq!((poison.outcome.code, poison.entry.is_none()), (Some(ErrorCode::Poison), true));
    }
    let contents: Vec<String> = setup.stored(room).await[1..].iter().map(|entry| entry.content.clone()).collect();
    let expected: Vec<String> = (0..20).filter(|n| *n != 7 && *n != 8).map(|n| n.to_string()).collect();
    assert_eq!(contents, expected, "the neighbours keep their order");
    assert_eq!(dead_letters(&setup, 2).await.len(), 2);
    persister.stop().await;
}

#[tokio::test]
async fn offsets_are_not_committed_when_the_database_is_away() {
    let mut setup = Setup::new().await;
    let ann = setup.user("ann").await;
    let mut postgres = setup.isolation.postgres();
    let (proxy, through_proxy) = TcpProxy::before(postgres.url.expose()).await;
    postgres.url = Secret::new(through_proxy);
    let persister = setup.start_with(postgres);
    let room = setup.group(ann).await;
    assert_eventually!(setup.lag().await == 0, within = DEADLINE, "the group's creation is committed");

    proxy.cut();
    setup.command(&send(room, ann, "while away")).await;
    setup.command(&command(room, ann, CommandBody::LeaveRoom {})).await;
    setup.command(&command(room, ann, CommandBody::Probe {})).await;
    assert_eventually!(
        !persister.context.readiness.is_ready(),
        within = DEADLINE,
        "the persister says that it is not ready"
    );
    let silence = tokio::time::timeout(Duration::from_secs(4), setup.events.next_batch()).await;
    assert!(silence.is_err(), "nothing is told that is not stored");
    assert_eq!(setup.lag().await, 3);

    proxy.heal();
    let told = setup.events(3).await;
    assert_eq!(told.iter().map(Told::seq).collect::<Vec<_>>(), [2, 3, 0]);
    assert_eq!(told[1].event.removed, [ann]);
    assert_eventually!(setup.lag().await == 0, within = DEADLINE, "committed after the database came back");
    assert_eventually!(persister.context.readiness.is_ready(), within = DEADLINE, "ready again");
    persister.stop().await;
}

#[tokio::test]
async fn a_stop_while_the_database_is_away_commits_nothing_and_loses_nothing() {
    let mut setup = Setup::new().await;
    let ann = setup.user("ann").await;
    let mut postgres = setup.isolation.postgres();
    let (proxy, through_proxy) = TcpProxy::before(postgres.url.expose()).await;
    postgres.url = Secret::new(through_proxy);
    let persister = setup.start_with(postgres);
    let room = setup.group(ann).await;
    proxy.blackhole();
    setup.command(&send(room, ann, "kept")).await;
    assert_eventually!(!persister.context.readiness.is_ready(), within = DEADLINE, "the call failed at least once");
    persister.stop().await;
    assert_eq!(setup.lag().await, 1);

    let persister = setup.start();
    assert_eq!(setup.events(1).await[0].entry.as_ref().unwrap().content, "kept");
    persister.stop().await;
}
