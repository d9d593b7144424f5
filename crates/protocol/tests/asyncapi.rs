//! `docs/asyncapi.yaml` says what the code says: nothing that travels is missing, every example is what the code reads and writes, and
//! every property that a schema declares occurs in one of them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod asyncapi {
    pub mod document;
    pub mod schemas;
}

use std::collections::BTreeSet;

use asyncapi::document::{Document, variants};
use chat_protocol::{
    Change, ClientMessageId, Command, CommandBody, Entry, EntryType, ErrorCode, Event, MarkRead, Outcome,
    OutcomeStatus, ReadReceipt, ReadSummary, Role, SCHEMA_VERSION, TimelineKind,
    close::CloseCode,
    frame::{ClientCommand, ClientFrame, ReplyBody, ServerPush, ServerReply},
    header, limits,
    push::{Notification, Presence, PresenceStatus, Typing},
    topic::{self, Topics},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// Reads an example and writes it again: a field that is missing or misspelt fails.
fn same<T: DeserializeOwned + Serialize>(example: &Value) {
    // Through text, as on the wire: raw parts cannot come from a parsed value.
    let text = example.to_string();
    let value: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let written: Value = serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();
    assert_eq!(&written, example);
}

fn set<T: Into<String>>(names: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    names.into_iter().map(Into::into).collect()
}

#[test]
fn every_frame_of_the_native_protocol_is_described_and_its_examples_are_frames() {
    let document = Document::load();
    let mut expected = set(variants::<ClientCommand>(&json!({"cmd": "?"})));
    expected.extend(variants::<ReplyBody>(&json!({"reply": "?"})).iter().map(|name| format!("{name}Reply")));
    expected.extend(variants::<ServerPush>(&json!({"push": "?"})).iter().map(|name| format!("{name}Push")));
    expected.insert("errorReply".to_owned());
    assert_eq!(set(document.messages("chatV1").into_keys()), expected);

    for (name, message) in document.messages("chatV1") {
        for example in document.payloads(&message) {
            if name == "errorReply" {
                same::<ServerReply>(example);
            } else if let Some(reply) = name.strip_suffix("Reply") {
                assert_eq!(example["reply"], reply);
                same::<ServerReply>(example);
            } else if let Some(push) = name.strip_suffix("Push") {
                assert_eq!(example["push"], push);
                same::<ServerPush>(example);
            } else {
                assert_eq!(example["cmd"], *name);
                same::<ClientFrame>(example);
            }
        }
    }
}

/// The types of all events, as the code writes them.
fn event_types() -> BTreeSet<String> {
    let document = Document::load();
    let sample = |name: &str| document.0["x-examples"][name].clone();
    let outcome: Outcome = serde_json::from_value(sample("outcome")).unwrap();
    let mut entry: Entry = serde_json::from_value(sample("entry")).unwrap();
    let change: Change = serde_json::from_value(sample("edit")).unwrap();
    let mut types = set([
        Event::rejected(&outcome).unwrap().event_type,
        Event::probe_answered(&outcome).unwrap().event_type,
        // The persister's word for a command that asked for what was so already.
        "CommandUnchanged".to_owned(),
    ]);
    for name in variants::<EntryType>(&json!("?")) {
        entry.entry_type = EntryType::parse(&name).unwrap();
        types.insert(Event::committed(&entry, &outcome).unwrap().event_type);
    }
    for kind in variants::<TimelineKind>(&json!("?")) {
        let kind = serde_json::from_value(json!(kind)).unwrap();
        types.insert(Event::changed(kind, &change, &outcome).unwrap().event_type);
    }
    types
}

#[test]
fn every_record_of_the_topics_is_described_and_its_examples_are_records() {
    let document = Document::load();
    let of = |channel: &str| set(document.messages(channel).into_keys());
    assert_eq!(of("chatMessages"), set(variants::<CommandBody>(&json!({"type": "?"}))));
    assert_eq!(of("chatEvents"), event_types());
    assert_eq!(of("chatReadEvents"), set(["MarkRead"]));
    for channel in ["chatMessages", "chatEvents", "chatReadEvents"] {
        for (name, message) in document.messages(channel) {
            for example in document.payloads(&message) {
                assert_eq!((&example["type"], &example["v"]), (&json!(name), &json!(SCHEMA_VERSION)));
                match channel {
                    "chatMessages" => same::<Command>(example),
                    "chatReadEvents" => same::<MarkRead>(example),
                    _ => event(example),
                }
            }
        }
    }
}

fn event(example: &Value) {
    same::<Event>(example);
    same::<Outcome>(&example["outcome"]);
    match (example.get("entry"), example.get("kind")) {
        (Some(entry), None) => same::<Entry>(entry),
        (Some(change), Some(_)) => same::<Change>(change),
        (None, _) => {}
    }
}

#[test]
fn the_topics_are_those_of_the_code() {
    let document = Document::load();
    let topics = document.channels("kafka");
    assert_eq!(set(topics.values().map(|channel| channel["address"].as_str().unwrap())), set(Topics::new("").all()));
    for (name, channel) in topics {
        assert_eq!(channel["bindings"]["kafka"]["partitions"], topic::DEFAULT_PARTITIONS, "{name}");
    }
    let headers = &document.0["components"]["messageTraits"]["record"]["headers"]["properties"];
    assert_eq!(
        set(headers.as_object().unwrap().keys().map(String::as_str)),
        set([header::TYPE, header::VERSION, header::TRACEPARENT])
    );
    assert_eq!(headers[header::VERSION]["const"], SCHEMA_VERSION.to_string());
}

#[test]
fn the_bodies_of_stomp_are_those_of_the_code() {
    let document = Document::load();
    for (channel, _) in document.channels("stomp") {
        for (name, message) in document.messages(&channel) {
            for example in document.payloads(&message) {
                match &*name {
                    "send" | "edit" | "delete" | "react" | "read" | "typing" if !channel.starts_with("stompRoom") => {
                        let mut frame = example.clone();
                        frame["id"] = json!(1);
                        frame["cmd"] = json!(name);
                        same::<ClientFrame>(&frame);
                    }
                    "message" => same::<Entry>(example),
                    "edit" | "delete" | "react" => same::<Change>(example),
                    "read" | "ownRead" => same::<ReadReceipt>(example),
                    "readSummary" => same::<ReadSummary>(example),
                    "typing" => same::<Typing>(example),
                    "presence" => same::<Presence>(example),
                    "notification" => same::<Notification>(example),
                    // The gateway's own words: their examples are checked against their schemas.
                    "accepted" | "persisted" | "error" | "closed" => {}
                    _ => panic!("{channel} {name} is compared with nothing"),
                }
            }
        }
    }
}

#[test]
fn the_destinations_of_stomp_are_described() {
    let document = Document::load();
    let described = set(document.channels("stomp").values().map(|channel| channel["address"].as_str().unwrap()));
    let settings = include_str!("../../../services/ws-gateway/config.default.toml");
    let (_, section) = settings.split_once("[stomp]\n").unwrap();
    let section = section.split("\n[").next().unwrap();
    // What is ignored needs no description.
    let served = section.lines().filter(|line| !line.starts_with("send_ignored"));
    for template in served.flat_map(|line| line.split('"').skip(1).step_by(2)) {
        assert!(described.contains(template), "[stomp] of ws-gateway has {template}, docs/asyncapi.yaml has not");
    }
}

#[test]
fn the_enums_and_limits_are_those_of_the_code() {
    let document = Document::load();
    let schemas = &document.0["components"]["schemas"];
    let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(schemas["ErrorCode"]["enum"], json!(codes));
    let codes: Vec<u16> = CloseCode::TABLE.iter().map(|(code, ..)| code.0).collect();
    assert_eq!(schemas["CloseCode"]["enum"], json!(codes));
    for (schema, names) in [
        (&schemas["EntryType"], variants::<EntryType>(&json!("?"))),
        (&schemas["Role"], variants::<Role>(&json!("?"))),
        (&schemas["Presence"]["properties"]["status"], variants::<PresenceStatus>(&json!("?"))),
        (&schemas["Outcome"]["properties"]["status"], variants::<OutcomeStatus>(&json!("?"))),
        (&schemas["SequencedHeaders"]["properties"]["event"], variants::<TimelineKind>(&json!("?"))),
    ] {
        assert_eq!(schema["enum"], json!(names));
    }
    let entry = &schemas["Entry"]["properties"];
    let group = "/channels/chatMessages/messages/CreateGroupRoom/payload/allOf/1/properties/data/properties/name";
    let update = "/channels/chatMessages/messages/UpdateRoom/payload/allOf/1/properties/data/properties/name";
    for (schema, keyword, limit) in [
        (&schemas["Content"], "maxLength", limits::CONTENT_CHARS),
        (&schemas["Emoji"], "maxLength", limits::EMOJI_BYTES),
        (&schemas["ClientMessageId"], "maxLength", ClientMessageId::MAX_BYTES),
        (&schemas["Notification"]["properties"]["preview"], "maxLength", limits::PREVIEW_CHARS),
        (&schemas["UserIds"], "maxItems", limits::USERS_PER_COMMAND),
        (&schemas["RoomCursors"], "maxItems", limits::ROOMS_PER_SUBSCRIBE),
        (&entry["reactions"], "maxItems", limits::REACTIONS_PER_MESSAGE),
        (&schemas["Reaction"]["properties"]["userIds"], "maxItems", limits::REACTION_USERS),
        (document.at(group), "maxLength", limits::ROOM_NAME_CHARS),
        (document.at(update), "maxLength", limits::ROOM_NAME_CHARS),
    ] {
        assert_eq!(schema[keyword], limit, "{keyword} of {schema}");
    }
    assert_eq!(document.0["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn examples_and_golden_samples_are_valid_and_use_every_property() {
    let document = Document::load();
    let mut schemas = asyncapi::schemas::Schemas::of(&document);
    let channels = document.0["channels"].as_object().unwrap();
    for (name, message) in channels.keys().flat_map(|channel| document.messages(channel)) {
        let examples = document.at(&message)["examples"].as_array().unwrap_or_else(|| panic!("no example of {name}"));
        for (part, example) in examples.iter().flat_map(|example| example.as_object().unwrap()) {
            let schema = if part == "headers" { document.headers(&message) } else { format!("{message}/{part}") };
            schemas.check(&schema, example);
        }
    }
    for (file, channel, tag, suffix) in [
        ("chat-v1-commands", "chatV1", "cmd", ""),
        ("chat-v1-replies", "chatV1", "reply", "Reply"),
        ("chat-v1-pushes", "chatV1", "push", "Push"),
        ("chat-messages", "chatMessages", "type", ""),
        ("chat-events", "chatEvents", "type", ""),
        ("chat-read-events", "chatReadEvents", "type", ""),
    ] {
        let path = format!("{}/tests/golden/{file}.json", env!("CARGO_MANIFEST_DIR"));
        let samples: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for sample in samples.as_object().unwrap().values() {
            let name = sample.get(tag).map_or("error", |name| name.as_str().unwrap());
            schemas.check(&format!("{}/payload", document.messages(channel)[&format!("{name}{suffix}")]), sample);
        }
    }
    assert_eq!(schemas.unused(), Vec::<String>::new(), "no example has these properties");
}
