//! `chatctl dlt` list, show and discard.

use chat_kafka::Reader;
use chat_protocol::topic::dead_letter;
use serde_json::{Value, json};

use crate::Stage;

const RED: &str = "0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d11";
const BLUE: &str = "0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d22";

#[tokio::test]
async fn a_dead_letter_is_listed_shown_and_discarded_with_a_reason() {
    let stage = Stage::new().await;
    let source = stage.isolation.topics().messages();
    let topic = dead_letter(&source);
    assert_eq!(stage.well(&["dlt", "list"]).await, "no dead letters\n");
    stage.bury(&source, 2, RED, "{broken", "not a command: key must be a string at line 1 column 2").await;

    let listed = stage.well(&["dlt", "list"]).await;
    let line = listed.lines().nth(1).unwrap();
    for part in [format!("{topic} 2:0 "), format!("{source} 2:5 "), RED.into(), "not a command".into()] {
        assert!(line.contains(&part), "{part}: {line}");
    }
    assert!(listed.ends_with(&format!("\n1 dead letter: {topic} 1\n")), "{listed}");

    // The prefix of the topics may be left out.
    let shown = stage.well(&["dlt", "show", "chat-messages-dlt", "2:0"]).await;
    for part in ["header    kafka_dlt-original-offset: 5\n", "{broken", "then discard", "state     open"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let discard = ["dlt", "discard", &topic, "2:0", "--reason", "a test's bytes"];
    assert!(stage.refused(&discard).await.contains("add --yes"));
    assert!(stage.well(&["dlt", "list"]).await.contains("1 dead letter"), "nothing was done");
    let done = stage.well(&[&discard[..], &["--yes"]].concat()).await;
    assert!(done.contains(&format!("{topic} 2:0 discarded by ann at ")), "{done}");

    let hidden = stage.well(&["dlt", "list"]).await;
    assert_eq!(hidden, "no dead letters; 1 handled not shown (--handled shows them)\n");
    let handled = stage.well(&["dlt", "list", "--handled"]).await;
    assert!(handled.contains("[discarded by ann at ") && handled.contains(": a test's bytes]"), "{handled}");
    let shown = stage.well(&["dlt", "show", &topic, "2:0"]).await;
    assert!(shown.contains("state     discarded by ann at "), "{shown}");
    assert!(stage.refused(&[&discard[..], &["--yes"]].concat()).await.contains("was discarded by ann"));

    let mut log = Reader::all(&stage.isolation.kafka(), &stage.isolation.topics().dead_letter_log()).await.unwrap();
    let record = log.next().await.unwrap().unwrap();
    assert_eq!(record.key_str(), Some(&*format!("{topic}:2:0")));
    let value: Value = serde_json::from_slice(record.value()).unwrap();
    assert_eq!(
        (&value["action"], &value["by"], &value["reason"]),
        (&json!("discarded"), &json!("ann"), &json!("a test's bytes"))
    );
    assert!(log.next().await.unwrap().is_none(), "what was refused is not in the log");
}

#[tokio::test]
async fn letters_are_chosen_by_topic_room_reason_and_number() {
    let stage = Stage::new().await;
    let topics = stage.isolation.topics();
    stage.bury(&topics.messages(), 0, RED, r#"{"v":9}"#, "schema version 9 is not supported").await;
    stage.bury(&topics.messages(), 1, BLUE, "{}", "PostgreSQL: value too long (22001)").await;
    stage.bury(&topics.events(), 0, RED, "{}", "the record's key is not the event's room").await;
    stage.bury(&topics.read_events(), 2, BLUE, "{}", "schema version 9, this service knows 1").await;
    let listed = async |filters: &[&str]| -> Vec<Value> {
        let out = stage.well(&[&["dlt", "list", "--json"], filters].concat()).await;
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let count = async |filters: &[&str]| listed(filters).await.len();
    assert_eq!(count(&[]).await, 4);
    assert_eq!(count(&["--topic", "chat-messages-dlt"]).await, 2);
    assert_eq!(count(&["--room", RED]).await, 2);
    assert_eq!(count(&["--reason", "SCHEMA version"]).await, 2);
    assert_eq!(count(&["--reason", "schema version", "--room", RED]).await, 1);
    assert_eq!(count(&["--since", "1h"]).await, 4);
    assert_eq!(count(&["--since", "0s"]).await, 0);
    let newest = listed(&["--limit", "1"]).await;
    assert_eq!(newest.len(), 1);
    let expected = json!({
        "topic": dead_letter(&topics.read_events()), "partition": 2, "offset": 0,
        "failedAt": newest[0]["failedAt"], "originalTopic": topics.read_events(), "originalPartition": 2,
        "originalOffset": 5, "group": topics.group("persister"), "room": BLUE, "type": "Test", "code": "poison",
        "reason": "schema version 9, this service knows 1", "replayedFrom": null, "handled": null,
    });
    assert_eq!(newest[0], expected);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_the_next_step() {
    let stage = Stage::new().await;
    let other = stage.refused(&["dlt", "list", "--topic", "chat-messages"]).await;
    assert!(other.contains("is no dead-letter topic: give t-") && other.contains("chat-events-dlt"), "{other}");
    let missing = stage.refused(&["dlt", "show", "chat-messages-dlt", "0:7"]).await;
    assert!(missing.contains("see `chatctl dlt list`"), "{missing}");
    let missing = stage.refused(&["dlt", "replay", "chat-messages-dlt", "7:0", "--yes"]).await;
    assert!(missing.contains("there is no dead letter"), "{missing}");
    let log = stage.isolation.topics().dead_letter_log();
    chat_kafka::delete_topics(&stage.isolation.kafka(), &[log]).await.unwrap();
    let unset = stage.refused(&["dlt", "list"]).await;
    assert!(unset.contains("run `chatctl setup`"), "{unset}");
}
