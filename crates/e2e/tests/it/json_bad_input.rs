//! JSON that is not what it should be, on `chat.v1`: answered with the field named, counted, and never passed on.

use chat_client::Connection;
use chat_e2e::{PATIENCE, RawSocket, System, Talk, deadline};
use chat_protocol::{
    ClientMessageId, ErrorCode, MessageId, RoomId,
    frame::{ReplyResult, ServerPush},
};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::kafka_records::{records, types};

const TEXT: u8 = 0x81;

#[tokio::test]
async fn json_that_breaks_a_rule_is_refused_with_the_field_or_the_place_named() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let read = |seq: &str| format!(r#"{{"id":5,"cmd":"read","roomId":"{room}","seq":{seq}}}"#);
    let send = |id: &str| format!(r#"{{"id":5,"cmd":"send","roomId":"{room}","clientMessageId":{id},"content":"a"}}"#);
    let typing = |typing: &str| format!(r#"{{"id":5,"cmd":"typing","roomId":"{room}","typing":{typing}}}"#);
    for (row, frame, id, named) in [
        ("invalid", "{".to_owned(), 0, "line 1 column 1"),
        ("no object", "[]".to_owned(), 0, "must be a JSON object"),
        ("trailing data", r#"{"id":5,"cmd":"ping"}{}"#.to_owned(), 0, "line 1 column 22"),
        (
            "depth 33",
            format!(r#"{{"id":5,"cmd":"ping","x":{}{}}}"#, "[".repeat(32), "]".repeat(32)),
            0,
            "deeper than 32",
        ),
        ("depth of thousands", r#"{"x":"#.repeat(10_000), 0, "deeper than 32"),
        ("NaN", read("NaN"), 0, "line 1 column"),
        ("Infinity", read("-Infinity"), 0, "line 1 column"),
        ("a key twice", r#"{"id":5,"cmd":"ping","id":6}"#.to_owned(), 0, "id is said twice"),
        (
            "a key twice further in",
            r#"{"id":5,"cmd":"ping","a":[{"b":{"c":1,"c":1}}]}"#.to_owned(),
            0,
            "a[0].b.c is said twice",
        ),
        ("unknown command", r#"{"id":5,"cmd":"dance"}"#.to_owned(), 5, "cmd must be one of connect, "),
        ("wrong type", typing("1"), 5, "typing must be true or false"),
        (
            "wrong type inside",
            r#"{"id":5,"cmd":"subscribe","rooms":[{"roomId":7}]}"#.to_owned(),
            5,
            "rooms[0].roomId must be a UUID",
        ),
        ("clientMessageId is missing", send("null"), 5, "clientMessageId is missing"),
        ("clientMessageId with a space", send(r#""a b""#), 5, "clientMessageId must be a UUID, an integer"),
        ("clientMessageId above 64 characters", send(&format!("\"{}\"", "x".repeat(65))), 5, "clientMessageId must be"),
        ("clientMessageId that is a list", send("[1]"), 5, "clientMessageId must be"),
        ("a field is missing", r#"{"id":5,"cmd":"refresh"}"#.to_owned(), 5, "token is missing"),
        ("a number out of i64", read("9223372036854775808"), 5, "seq must be an integer"),
        ("a number out of everything", read("1e999"), 0, "number out of range"),
        ("a fraction", read("1.5"), 5, "seq must be an integer"),
        ("a lone surrogate", r#"{"id":5,"cmd":"refresh","token":"\udead"}"#.to_owned(), 0, "line 1 column"),
        ("id is absent", r#"{"cmd":"ping"}"#.to_owned(), 0, "id is missing"),
        ("id is 0", r#"{"id":0,"cmd":"ping"}"#.to_owned(), 0, "id must be 1 or more"),
        ("id is negative", r#"{"id":-1,"cmd":"ping"}"#.to_owned(), 0, "id must be an integer"),
        ("id is a string", r#"{"id":"5","cmd":"ping"}"#.to_owned(), 0, "id must be an integer"),
    ] {
        let mut connection = system.connect(0, &alice, &[]).await;
        let (replied, error) = connection.refused(&frame).await;
        assert_eq!((replied, error.code, error.retry), (id, ErrorCode::BadRequest, false), "{row}");
        assert!(error.message.contains(named), "{row}: {}", error.message);
        let pong = connection.raw(r#"{"id":9,"cmd":"ping","unknown":{"fields":["are","ignored"]}}"#).await;
        assert!(pong.id == 9 && matches!(pong.result, ReplyResult::Ok(_)), "{row}: {pong:?}");
    }
}

#[tokio::test]
async fn the_third_unreadable_frame_is_answered_and_closed_with_1008() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut connection = system.connect(0, &alice, &[]).await;
    assert_eq!(connection.refused("{").await.1.code, ErrorCode::BadRequest);
    // What is well formed but refused is no strike; what is well formed and taken makes none good.
    for _ in 0..5 {
        let blank = json!({"id": 2, "cmd": "send", "roomId": room, "clientMessageId": 1, "content": ""});
        assert_eq!(connection.refused(&blank.to_string()).await.1.code, ErrorCode::ContentEmpty);
        let foreign = json!({"id": 2, "cmd": "read", "roomId": RoomId::generate(), "seq": 1});
        assert_eq!(connection.refused(&foreign.to_string()).await.1.code, ErrorCode::RoomNotFound);
        let none = json!({"id": 2, "cmd": "subscribe", "rooms": []});
        assert_eq!(connection.refused(&none.to_string()).await.1.code, ErrorCode::BadRequest);
    }
    connection.say(room, "still here").await;
    assert_eq!(connection.refused(r#"{"id":3,"cmd":"dance"}"#).await.0, 3);
    assert_eq!(connection.refused(r#"{"id":4,"cmd":"refresh"}"#).await.0, 4, "the last one is answered, too");
    let closing = connection
        .hear("closing", |push| match push {
            ServerPush::Closing { code, reason, .. } => Some((code, reason)),
            _ => None,
        })
        .await;
    assert_eq!(closing, (1008, "too many frames that could not be read".to_owned()));
    assert_eq!(deadline("closed", PATIENCE, connection.closed()).await.code, Some(1008));
}

#[tokio::test]
async fn strikes_count_before_connect_and_their_number_is_configuration() {
    let system = System::shared().await;
    let gateway = system.add_gateway(&[("CHAT__WS__STRIKES", "1")]).await;
    let mut connection = Connection::open(&gateway.ws_url()).await.unwrap();
    assert_eq!(connection.refused("null").await.1.code, ErrorCode::BadRequest);
    assert_eq!(deadline("closed", PATIENCE, connection.closed()).await.code, Some(1008));
}

#[tokio::test]
async fn a_nul_in_any_string_is_refused_and_never_reaches_kafka() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let message = MessageId::generate();
    let id = ClientMessageId::generate();
    let send = json!({"id": 5, "cmd": "send", "roomId": room, "clientMessageId": id, "content": "a"});
    let edit =
        json!({"id": 5, "cmd": "edit", "roomId": room, "messageId": message, "clientMessageId": id, "content": "a"});
    let react =
        json!({"id": 5, "cmd": "react", "roomId": room, "messageId": message, "clientMessageId": id, "emoji": "a"});
    for (frame, field, code) in [
        (&send, "content", ErrorCode::InvalidCharacter),
        (&edit, "content", ErrorCode::InvalidCharacter),
        (&react, "emoji", ErrorCode::InvalidCharacter),
        (&send, "clientMessageId", ErrorCode::BadRequest),
        (&send, "type", ErrorCode::BadRequest),
        (&send, "roomId", ErrorCode::BadRequest),
        (&send, "replyTo", ErrorCode::BadRequest),
        (&edit, "messageId", ErrorCode::BadRequest),
    ] {
        let mut connection = system.connect(0, &alice, &[]).await;
        let mut frame = frame.clone();
        frame[field] = json!("a\u{0}b");
        let text = frame.to_string();
        assert!(text.contains("\\u0000"), "{text}");
        let (_, error) = connection.refused(&text).await;
        assert!(error.code == code && error.message.contains(field), "{field}: {error:?}");
    }
    // A trace context that is none is replaced; the message counts.
    let mut connection = system.connect(0, &alice, &[(room, Some(1))]).await;
    let mut traced = send.clone();
    traced["traceparent"] = json!("00-\u{0}");
    assert!(matches!(connection.raw(&traced.to_string()).await.result, ReplyResult::Ok(_)));
    connection.entries(room, 2).await;
    let commands = records(&system, system.isolation.topics().messages(), room, "SendMessage").await;
    assert_eq!(types(&commands), ["CreateGroupRoom", "SendMessage"]);
}

/// A frame of `chat.v1` among those that a raw socket receives.
async fn next_reply(socket: &mut RawSocket) -> Value {
    deadline("a reply", PATIENCE, async {
        loop {
            let (opcode, payload) = socket.next().await.expect("an open connection");
            if opcode != 1 {
                continue;
            }
            let frame: Value = serde_json::from_slice(&payload).unwrap();
            if frame.get("push").is_none() {
                return frame;
            }
        }
    })
    .await
}

/// A text frame, masked with zeros.
fn masked(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let head = match u8::try_from(length) {
        Ok(short @ 0..126) => vec![TEXT, 0x80 | short],
        _ => [&[TEXT, 0xfe], &length.to_be_bytes()[..]].concat(),
    };
    [&head, &[0; 4][..], payload].concat()
}

#[tokio::test]
async fn an_id_in_flight_is_refused_and_its_command_still_gets_its_own_reply() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let mut socket = RawSocket::open(system.gateway(0).addr, "chat.v1").await;
    let connect = json!({"id": 1, "cmd": "connect", "token": alice.token}).to_string();
    socket.send(TEXT, connect.as_bytes()).await.unwrap();
    assert_eq!(next_reply(&mut socket).await["reply"], "connect");
    // The answer to a subscribe of many rooms takes Redis and the database, reading the next frame of the same packet nothing.
    let rooms: Vec<Value> = (0..500).map(|_| json!({"roomId": RoomId::generate()})).collect();
    let subscribe = json!({"id": 7, "cmd": "subscribe", "rooms": rooms}).to_string();
    let ping = masked(br#"{"id":7,"cmd":"ping"}"#);
    let together = [masked(subscribe.as_bytes()), ping.clone(), ping].concat();
    socket.stream.write_all(&together).await.unwrap();
    // A refusal does not make the id free.
    for _ in 0..2 {
        let refused = next_reply(&mut socket).await;
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(7), &json!("bad_request")), "{refused}");
    }
    let subscribed = next_reply(&mut socket).await;
    assert_eq!((&subscribed["id"], &subscribed["reply"]), (&json!(7), &json!("subscribe")), "{subscribed}");
    socket.send(TEXT, br#"{"id":7,"cmd":"ping"}"#).await.unwrap();
    assert_eq!(next_reply(&mut socket).await, json!({"id": 7, "reply": "ping"}), "free again");
}
