//! One sample of everything that travels, as it looks on the wire. A change here is a change of the contract: services of two versions
//! run side by side during a roll-out, and clients are not rolled out at all.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{fmt::Debug, fs, path::PathBuf};

use chat_protocol::{
    Command, Entry, Event, MarkRead, Outcome, ReadReceipt,
    entry::Change,
    frame::{ClientFrame, ServerPush, ServerReply},
    push::{GatewayPush, Notification, PresenceHint, RoomPush, Typing, UserPush},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The samples of a file, by name.
fn samples(file: &str) -> Vec<(String, Value)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    let text = fs::read_to_string(&path).unwrap();
    let Value::Object(samples) = serde_json::from_str(&text).unwrap() else { panic!("{file} is no object") };
    assert!(!samples.is_empty(), "{file} holds nothing");
    samples.into_iter().collect()
}

/// Every sample is understood, and written back as it was.
fn survive<T: DeserializeOwned + Serialize>(file: &str) {
    for (name, sample) in samples(file) {
        // Through text, as on the wire: raw parts cannot come from a parsed value.
        let value: T =
            serde_json::from_str(&sample.to_string()).unwrap_or_else(|error| panic!("{file} {name}: {error}"));
        let written: Value = serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();
        assert_eq!(written, sample, "{file} {name}");
    }
}

fn same<T: DeserializeOwned + Serialize + Debug>(name: &str, sample: &Value) {
    let value: T = serde_json::from_value(sample.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(&serde_json::to_value(&value).unwrap(), sample, "{name}");
}

#[test]
fn records_of_the_topics_stay_as_they_are() {
    survive::<Command>("chat-messages.json");
    survive::<Event>("chat-events.json");
    survive::<MarkRead>("chat-read-events.json");
}

#[test]
fn the_parts_of_an_event_stay_as_they_are() {
    for (name, sample) in samples("chat-events.json") {
        same::<Outcome>(&name, &sample["outcome"]);
        match (sample.get("entry"), sample.get("kind")) {
            (Some(entry), None) => same::<Entry>(&name, entry),
            (Some(change), Some(_)) => same::<Change>(&name, change),
            (None, _) => {}
        }
    }
}

#[test]
fn documents_of_the_redis_channels_stay_as_they_are() {
    survive::<RoomPush>("redis-room.json");
    survive::<GatewayPush>("redis-gateway.json");
    survive::<UserPush>("redis-user.json");
    survive::<PresenceHint>("redis-presence.json");
    for (name, sample) in samples("redis-room.json") {
        match sample["event"].as_str() {
            Some("read") => same::<ReadReceipt>(&name, &sample["data"]),
            Some("typing") => same::<Typing>(&name, &sample["data"]),
            Some("edit" | "delete" | "react") => same::<Change>(&name, &sample["data"]),
            _ => same::<Entry>(&name, &sample["data"]),
        }
    }
    for (name, mut sample) in samples("redis-user.json") {
        match sample.as_object_mut().unwrap().remove("push").unwrap().as_str() {
            Some("notification") => same::<Notification>(&name, &sample),
            Some("read") => same::<ReadReceipt>(&name, &sample),
            _ => {}
        }
    }
}

#[test]
fn frames_of_the_native_protocol_stay_as_they_are() {
    survive::<ClientFrame>("chat-v1-commands.json");
    survive::<ServerReply>("chat-v1-replies.json");
    survive::<ServerPush>("chat-v1-pushes.json");
}
