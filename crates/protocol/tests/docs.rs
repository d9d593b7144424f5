//! `docs/PROTOCOL.md` says what the code says: its tables are ours, and its examples are frames.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;

use chat_protocol::{
    ErrorCode,
    close::CloseCode,
    frame::{ClientCommand, ClientFrame, ServerPush, ServerReply},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../docs/PROTOCOL.md");

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn assert_documented(table: &str) {
    assert!(DOCUMENT.contains(table), "docs/PROTOCOL.md should have this table:\n{table}");
}

#[test]
fn the_error_codes_are_those_of_the_document() {
    let mut table =
        "| code | HTTP status | close code | retry | what a client does |\n| --- | --- | --- | --- | --- |\n"
            .to_owned();
    for code in ErrorCode::ALL {
        let close = code.close_code().map_or_else(|| "–".to_owned(), |close| close.0.to_string());
        let (status, retry, action) = (code.http_status(), yes_no(code.retry()), code.client_action());
        writeln!(table, "| `{code}` | {status} | {close} | {retry} | {action} |").unwrap();
    }
    assert_documented(&format!("{table}\n"));
}

#[test]
fn the_close_codes_are_those_of_the_document() {
    let mut table = "| close code | when | reconnect |\n| --- | --- | --- |\n".to_owned();
    for (code, when, reconnect) in CloseCode::TABLE {
        writeln!(table, "| {} | {when} | {} |", code.0, yes_no(*reconnect)).unwrap();
    }
    assert_documented(&format!("{table}\n"));
}

/// The lines of the document's JSON blocks.
fn examples() -> impl Iterator<Item = &'static str> {
    DOCUMENT.split("```json\n").skip(1).flat_map(|rest| rest.split("```").next().unwrap_or_default().lines())
}

/// Reads an example and writes it again: a field that is misspelt or does not exist would get lost.
fn assert_frame<T: Serialize + DeserializeOwned>(line: &str) -> T {
    let frame: T = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let (written, documented): (Value, Value) =
        (serde_json::to_value(&frame).unwrap(), serde_json::from_str(line).unwrap());
    for (name, value) in documented.as_object().unwrap() {
        assert_eq!(written.get(name), Some(value), "{name} of {line}");
    }
    frame
}

#[test]
fn the_examples_are_frames_and_every_command_and_push_has_one() {
    let (mut commands, mut pushes) = (Vec::new(), Vec::new());
    for line in examples() {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if value.get("cmd").is_some() {
            commands.push(assert_frame::<ClientFrame>(line).command.name());
        } else if let Some(push) = value.get("push") {
            assert_frame::<ServerPush>(line);
            pushes.push(push.as_str().unwrap().to_owned());
        } else {
            assert_frame::<ServerReply>(line);
        }
    }
    for name in names::<ClientCommand>("cmd") {
        assert!(commands.contains(&&*name), "no example of command {name}");
    }
    for name in names::<ServerPush>("push") {
        assert!(pushes.contains(&name), "no example of push {name}");
    }
}

/// The variants of a tagged enum, as serde lists them when it meets one that does not exist.
fn names<T: DeserializeOwned>(tag: &str) -> Vec<String> {
    let unknown = serde_json::json!({ tag: "?" });
    let Err(error) = serde_json::from_value::<T>(unknown) else { panic!("`?` is a variant") };
    let text = error.to_string();
    let (_, list) = text.split_once("expected one of ").expect("serde lists the variants");
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
