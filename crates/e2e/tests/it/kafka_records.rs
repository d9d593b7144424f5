//! Records that people can read.

use chat_e2e::{PATIENCE, System, Talk, deadline};
use chat_kafka::{Consumer, ConsumerConfig, KafkaMetrics, Record};
use chat_protocol::{
    ClientMessageId, EntryType, RoomId, TraceContext,
    frame::{ClientCommand, ReplyBody},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The records of a room on a topic, up to one of a type.
pub(crate) async fn records(system: &System, topic: String, room: RoomId, last_type: &str) -> Vec<Record> {
    let metrics = KafkaMetrics::register(&prometheus::Registry::new()).unwrap();
    let (config, observer) = (ConsumerConfig::default(), format!("observer-{room}"));
    let stop = CancellationToken::new();
    let mut consumer = Consumer::new(&system.isolation.kafka(), &config, &observer, &[topic], &metrics, stop).unwrap();
    let mut found: Vec<Record> = Vec::new();
    deadline("the records", PATIENCE, async {
        while found.last().and_then(|record| record.header_str("type")) != Some(last_type) {
            let batch = consumer.next_batch().await.unwrap().unwrap();
            let of_room = batch.records.iter().filter(|record| record.key_str() == Some(&*room.to_string()));
            found.extend(of_room.cloned());
        }
    })
    .await;
    consumer.close().await;
    found
}

#[tokio::test]
async fn records_are_json_under_the_rooms_key_and_carry_the_trace() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let connection = system.connect(0, &alice, &[]).await;
    let sent = connection.call(ClientCommand::Send {
        room_id: room,
        client_message_id: ClientMessageId::generate(),
        content: "traced".to_owned(),
        message_type: EntryType::Text,
        reply_to: None,
        traceparent: Some(TRACEPARENT.to_owned()),
    });
    assert!(matches!(sent.await, Ok(ReplyBody::Send { .. })));
    system.connect(0, &alice, &[(room, Some(0))]).await.entries(room, 2).await;

    let topics = system.isolation.topics();
    let commands = records(&system, topics.messages(), room, "SendMessage").await;
    let events = records(&system, topics.events(), room, "MessageSent").await;
    assert_eq!(types(&commands), ["CreateGroupRoom", "SendMessage"]);
    assert_eq!(types(&events), ["RoomCreated", "MessageSent"]);
    let ours: TraceContext = TRACEPARENT.parse().unwrap();
    for record in [commands.last().unwrap(), events.last().unwrap()] {
        let trace: TraceContext = record.header_str("traceparent").unwrap().parse().unwrap();
        assert_eq!(trace.trace_id, ours.trace_id);
    }
    let entry: Value = serde_json::from_slice(events.last().unwrap().value()).unwrap();
    assert_eq!((&entry["seq"], &entry["entry"]["content"]), (&2.into(), &"traced".into()));
}

/// The types, each the same in header and value.
pub(crate) fn types(records: &[Record]) -> Vec<String> {
    let type_of = |record: &Record| {
        let value: Value = serde_json::from_slice(record.value()).unwrap();
        assert_eq!(value["roomId"].as_str(), record.key_str());
        assert_eq!(value["v"].to_string(), record.header_str("version").unwrap());
        assert!(record.header_str("traceparent").is_some());
        assert_eq!(value["type"].as_str(), record.header_str("type"));
        value["type"].as_str().unwrap().to_owned()
    };
    records.iter().map(type_of).collect()
}
