//! `chatctl dlt` against the running services.

use std::process::Stdio;

use chat_client::rest::PageQuery;
use chat_e2e::{PATIENCE, Person, System, Talk, assert_gapless, binary, deadline};
use chat_kafka::{DeadLetters, KafkaMetrics, OutRecord, Producer, ProducerConfig, Reader, Record};
use chat_protocol::{ClientMessageId, Command, CommandBody, Entry, RoomId, topic::dead_letter};
use chat_testkit::assert_eventually;
use serde_json::Value;
use tokio::process::Command as Process;

/// Runs it as carol, without a terminal: exit code, and everything it said.
async fn chatctl(system: &System, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Process::new(binary("chatctl"));
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).env("USER", "carol");
    command.envs(system.isolation.kafka_env()).envs(system.isolation.postgres_env());
    let output = deadline("chatctl", 4 * PATIENCE, command.output()).await.unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

/// The same, which must succeed.
async fn well(system: &System, arguments: &[&str]) -> String {
    let (code, said) = chatctl(system, arguments).await;
    assert_eq!(code, Some(0), "{arguments:?}: {said}");
    said
}

/// The system of all tests, with the log of handled letters.
async fn system() -> std::sync::Arc<System> {
    let system = System::shared().await;
    well(&system, &["setup"]).await;
    system
}

fn producer(system: &System) -> Producer {
    let metrics = KafkaMetrics::register(&prometheus::Registry::new()).unwrap();
    Producer::new(&system.isolation.kafka(), &ProducerConfig::default(), "test", &metrics).unwrap()
}

/// All that a topic holds of a room.
async fn records(system: &System, topic: &str, room: RoomId) -> Vec<Record> {
    let mut reader = Reader::all(&system.isolation.kafka(), topic).await.unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.next().await.unwrap() {
        if record.key_str() == Some(&*room.to_string()) {
            records.push(record);
        }
    }
    records
}

/// The record of the last `SendMessage` of a room.
async fn last_command(system: &System, room: RoomId) -> Record {
    let records = records(system, &system.isolation.topics().messages(), room).await;
    records.into_iter().rfind(|record| record.header_str("type") == Some("SendMessage")).unwrap()
}

/// Puts a record aside as the persister does.
async fn bury(system: &System, record: &Record) {
    let group = system.isolation.topics().group("persister");
    DeadLetters::new(producer(system), group, 60).send(record, "poison", "PostgreSQL: refused (23514)").await.unwrap();
}

/// The open letters of a room.
async fn listed(system: &System, room: RoomId) -> Vec<Value> {
    let room = room.to_string();
    let said = well(system, &["dlt", "list", "--json", "--room", &room]).await;
    said.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn spot(letter: &Value) -> String {
    format!("{}:{}", letter["partition"], letter["offset"])
}

async fn history(system: &System, person: &Person, room: RoomId) -> Vec<Entry> {
    let page = PageQuery { after: Some(0), ..PageQuery::default() };
    system.rest(0, person).messages(room, page).await.unwrap().messages
}

#[tokio::test]
async fn poison_can_be_looked_at_comes_back_when_it_is_replayed_and_is_discarded_with_a_reason() {
    let system = system().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let at_alice = system.connect(0, &alice, &[]).await;
    at_alice.say(room, "before").await;
    let (topic, key) = (system.isolation.topics().messages(), room.to_string());
    let poison = OutRecord { topic: &topic, key: &key, payload: b"{broken", headers: &[] };
    producer(&system).send(&poison).unwrap().await.unwrap();
    assert_eventually!(listed(&system, room).await.len() == 1, within = PATIENCE, "the letter is listed");
    let letter = listed(&system, room).await.remove(0);
    let shown = well(&system, &["dlt", "show", "chat-messages-dlt", &spot(&letter)]).await;
    assert!(shown.contains("{broken") && shown.contains("a replay fails again"), "{shown}");

    let (code, said) = chatctl(&system, &["dlt", "replay", "chat-messages-dlt", &spot(&letter), "--yes"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("1 of 1 replayed letters came back"), "{said}");
    let open = listed(&system, room).await;
    assert_eq!(open.len(), 1, "the new letter stands for the old one: {open:?}");
    let from = format!("{}:{}", dead_letter(&topic), spot(&letter));
    assert_eq!((&open[0]["replayedFrom"], &open[0]["handled"]), (&from.into(), &Value::Null));

    let discard = ["dlt", "discard", "chat-messages-dlt", &spot(&open[0]), "--reason", "bytes of a test", "--yes"];
    well(&system, &discard).await;
    assert!(listed(&system, room).await.is_empty());
    let handled = well(&system, &["dlt", "list", "--handled", "--room", &key]).await;
    assert!(handled.contains("[replayed as ") && handled.contains(" by carol at "), "{handled}");
    assert!(handled.contains("[discarded by carol at ") && handled.contains(": bytes of a test]"), "{handled}");

    at_alice.say(room, "after").await;
    system.connect(0, &alice, &[(room, Some(0))]).await.entries(room, 3).await;
    let stored = history(&system, &alice, room).await;
    assert_gapless(&stored, 1);
    assert_eq!(stored[1..].iter().map(|entry| entry.content.as_str()).collect::<Vec<_>>(), ["before", "after"]);
}

#[tokio::test]
async fn a_replay_of_what_is_stored_changes_nothing_and_tells_the_same_seq() {
    let system = system().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut at_alice = system.connect(0, &alice, &[(room, Some(0))]).await;
    let id = at_alice.say(room, "once").await;
    assert_eq!(at_alice.persisted(&id).await, (2, false));
    at_alice.say(room, "next").await;
    at_alice.entries(room, 3).await;
    let commands = records(&system, &system.isolation.topics().messages(), room).await;
    let once = commands.iter().find(|record| String::from_utf8_lossy(record.value()).contains("once")).unwrap();
    bury(&system, once).await;

    let before = history(&system, &alice, room).await;
    let said = well(&system, &["dlt", "replay", "--all", "--room", &room.to_string(), "--yes"]).await;
    assert!(said.ends_with("1 replayed and read by their service, none came back\n"), "{said}");
    assert_eq!(history(&system, &alice, room).await, before);
    assert_eq!(before.len(), 3);
    let events = records(&system, &system.isolation.topics().events(), room).await;
    let told: Vec<(i64, bool)> = events
        .iter()
        .map(|event| serde_json::from_slice::<Value>(event.value()).unwrap()["outcome"].clone())
        .filter(|outcome| outcome["clientMessageId"].as_str() == Some(&id.to_string()))
        .map(|outcome| (outcome["seq"].as_i64().unwrap(), outcome["duplicate"].as_bool().unwrap_or_default()))
        .collect();
    assert_eq!(told, [(2, false), (2, true)]);
    assert!(listed(&system, room).await.is_empty());
    let last = at_alice.say(room, "last").await;
    assert_eq!(at_alice.persisted(&last).await, (4, false), "the replay took no place");
}

#[tokio::test]
async fn a_replayed_command_is_stored_at_the_end_and_the_others_keep_their_order() {
    let system = system().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut at_alice = system.connect(0, &alice, &[(room, Some(0))]).await;
    at_alice.say(room, "one").await;
    at_alice.entries(room, 2).await;
    // A command like that one which was never executed.
    let mut record = last_command(&system, room).await;
    let mut command: Command = serde_json::from_slice(record.value()).unwrap();
    command.client_message_id = ClientMessageId::generate();
    let CommandBody::SendMessage { content, .. } = &mut command.body else { panic!("{command:?}") };
    "late".clone_into(content);
    record.payload = Some(serde_json::to_vec(&command).unwrap().into());
    bury(&system, &record).await;
    at_alice.say(room, "two").await;
    at_alice.entries(room, 3).await;
    let letter = listed(&system, room).await.remove(0);
    well(&system, &["dlt", "replay", "chat-messages-dlt", &spot(&letter), "--yes"]).await;
    at_alice.say(room, "three").await;
    let seen = at_alice.entries(room, 5).await;
    assert_eq!(seen.iter().map(|entry| entry.content.as_str()).collect::<Vec<_>>(), ["late", "three"]);
    let stored = history(&system, &alice, room).await;
    assert_gapless(&stored, 1);
    let contents: Vec<&str> = stored[1..].iter().map(|entry| entry.content.as_str()).collect();
    assert_eq!(contents, ["one", "two", "late", "three"]);
}
