//! The recorded sessions in `docs/PROTOCOL.md` are what happens. `CHAT_WRITE_DOCS=1` records them anew.

use std::{env, fs, path::Path};

use chat_e2e::{System, Talk, Transcript};
use chat_protocol::ClientMessageId;
use serde_json::{Value, json};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PROTOCOL.md");

/// Compares a recording with the document's block of that name.
fn assert_documented(name: &str, recorded: &str) {
    let path = Path::new(DOCUMENT);
    let document = fs::read_to_string(path).expect("the document");
    let (begin, end) = (format!("<!-- recorded: {name} -->\n"), "<!-- end -->");
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("PROTOCOL.md has no {begin}"));
    let (block, after) = rest.split_once(end).unwrap_or_else(|| panic!("{begin} has no {end}"));
    let recorded = format!("```text\n{recorded}```\n");
    if env::var_os("CHAT_WRITE_DOCS").is_some() {
        fs::write(path, format!("{before}{begin}{recorded}{end}{after}")).expect("written");
    } else {
        assert_eq!(block, recorded, "docs/PROTOCOL.md tells another {name}: CHAT_WRITE_DOCS=1 records it anew");
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// A command as people write it: its number and name first.
fn command(id: u64, name: &str, fields: &Value) -> String {
    let fields = fields.to_string();
    format!(r#"{{"id":{id},"cmd":"{name}",{}"#, fields.trim_start_matches('{'))
}

/// All recordings in one test: they are written into one file.
#[tokio::test]
async fn the_recorded_sessions_of_the_document_are_what_happens() {
    let system = System::start().await;
    assert_documented("chat.v1", &native(&system).await);
    assert_documented("stomp", &stomp(&system).await);
    assert_documented("sockjs", &sockjs(&system).await);
}

async fn native(system: &System) -> String {
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let at_bob = system.connect(1, &bob, &[(room, Some(0))]).await;

    let mut session = Transcript::open(system.gateway(0).addr, "chat.v1").await;
    let connect = command(1, "connect", &json!({"token": alice.token, "rooms": [{"roomId": room, "after": 1}]}));
    session.say(&connect).await;
    session.hear(&[r#""reply":"connect""#]).await;

    let send = command(2, "send", &json!({"roomId": room, "clientMessageId": "m-1", "content": "Lunch at noon?"}));
    session.say(&send).await;
    session.hear(&[r#""reply":"send""#]).await;
    let persisted = parsed(&session.hear(&[r#""push":"persisted""#]).await);
    session.hear(&[r#""push":"message""#]).await;
    let message = &persisted["messageId"];

    at_bob.say_as(room, &ClientMessageId::parse("b-1").unwrap(), "Half past?").await.expect("accepted");
    session.hear(&[r#""push":"message""#, "Half past?"]).await;

    let edit = command(
        3,
        "edit",
        &json!({"roomId": room, "messageId": message, "clientMessageId": "m-2", "content": "Lunch at half past twelve?"}),
    );
    session.say(&edit).await;
    session.hear(&[r#""reply":"edit""#]).await;
    session.hear(&[r#""push":"persisted""#, "m-2"]).await;
    session.hear(&[r#""push":"edit""#]).await;

    session.say(&command(4, "read", &json!({"roomId": room, "seq": 3}))).await;
    session.hear(&[r#""reply":"read""#]).await;
    session.hear(&[r#""push":"read""#, r#""lastReadSeq":3"#, &alice.id.to_string()]).await;

    session.say(&command(5, "send", &json!({"roomId": room, "clientMessageId": "m-3", "content": " "}))).await;
    session.hear(&[r#""id":5"#]).await;
    session.say(&command(6, "unsubscribe", &json!({"rooms": [room]}))).await;
    session.hear(&[r#""reply":"unsubscribe""#]).await;
    session.written()
}

async fn stomp(system: &System) -> String {
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut session = Transcript::open(system.gateway(0).addr, "v12.stomp").await;
    let token = &alice.token;
    session
        .say(&format!(
            "CONNECT\naccept-version:1.2\nhost:chat\nheart-beat:10000,10000\nAuthorization:Bearer {token}\n\n\0"
        ))
        .await;
    session.hear(&["CONNECTED"]).await;
    for (id, queue) in
        [("ack", "/user/queue/ack"), ("persisted", "/user/queue/persisted"), ("errors", "/user/queue/errors")]
    {
        session.say(&format!("SUBSCRIBE\nid:{id}\ndestination:{queue}\n\n\0")).await;
    }
    session
        .say(&format!("SUBSCRIBE\nid:room\ndestination:/sub/chat/room/{room}\nafter:1\nreceipt:subscribed\n\n\0"))
        .await;
    session.hear(&["RECEIPT", "subscribed"]).await;

    let body = json!({"roomId": room, "clientMessageId": "m-1", "content": "Lunch at noon?", "type": "TEXT"});
    session
        .say(&format!("SEND\ndestination:/pub/chat/message\ncontent-type:application/json\nreceipt:m-1\n\n{body}\0"))
        .await;
    session.hear(&["ACCEPTED"]).await;
    session.hear(&["RECEIPT", "m-1"]).await;
    session.hear(&["PERSISTED"]).await;
    session.hear(&["event:message"]).await;

    let body = json!({"roomId": room, "clientMessageId": "m-2", "content": ""});
    session.say(&format!("SEND\ndestination:/pub/chat/message\n\n{body}\0")).await;
    session.hear(&["content_empty"]).await;

    session.say("SEND\ndestination:/sub/chat/room/everyone\nreceipt:m-3\n\n{}\0").await;
    session.hear(&["ERROR"]).await;
    session.hear_close().await;
    session.written()
}

async fn sockjs(system: &System) -> String {
    let alice = system.person("alice").await;
    let mut session = Transcript::open_at(system.gateway(0).addr, "/ws/v1/chat/042/r3c0rded/websocket").await;
    session.hear(&["o"]).await;
    let connect = format!("CONNECT\naccept-version:1.2\nAuthorization:Bearer {}\n\n\0", alice.token);
    session.say(&json!([connect]).to_string()).await;
    session.hear(&["CONNECTED"]).await;
    session.say(&json!(["DISCONNECT\nreceipt:bye\n\n\0"]).to_string()).await;
    session.hear(&["RECEIPT"]).await;
    session.written()
}
