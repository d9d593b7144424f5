//! STOMP frames that must not be: what each is answered with, and how the connection ends.

use std::time::Duration;

use chat_e2e::{PATIENCE, Person, StompClient, System, deadline};
use chat_protocol::RoomId;
use chat_stomp::{Command, Frame, header};
use serde_json::json;

const TEXT: u8 = 0x81;

/// How a connection ended: the ERROR before it, and the close code.
struct Ending {
    code: String,
    message: String,
    receipt: Option<String>,
    versions: Option<String>,
    close: Option<u16>,
}

/// The frames up to the end, of which the last must be an ERROR: nothing may follow it.
async fn ending(stomp: &mut StompClient) -> Ending {
    let mut last: Option<Frame> = None;
    let close = deadline("the end", PATIENCE, async {
        loop {
            match stomp.next_or_end().await {
                Ok(frame) => {
                    assert!(
                        last.as_ref().is_none_or(|last| last.command != Command::Error),
                        "after an ERROR: {frame:?}"
                    );
                    last = Some(frame);
                }
                Err(code) => return code,
            }
        }
    })
    .await;
    let error = last.expect("a frame before the end");
    assert_eq!(error.command, Command::Error, "{error:?}");
    let header = |name| error.header(name).map(str::to_owned);
    Ending {
        code: header(header::CODE).expect("a code"),
        message: header(header::MESSAGE).expect("a message"),
        receipt: header(header::RECEIPT_ID),
        versions: header(header::VERSION),
        close,
    }
}

/// Sends bytes on a connected session; how it ends.
async fn sent(system: &System, person: &Person, bytes: &[u8]) -> Ending {
    let mut stomp = StompClient::connect(system.gateway(0).addr, person).await;
    for piece in bytes.chunks(60_000) {
        stomp.put_bytes(TEXT, piece).await;
    }
    ending(&mut stomp).await
}

#[tokio::test]
async fn any_frame_before_connect_and_a_second_connect_get_an_error_and_a_close() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    for command in ["SEND", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "BEGIN", "DISCONNECT"] {
        let mut stomp = StompClient::open(system.gateway(0).addr).await;
        let frame = format!("{command}\nid:1\ndestination:/user/queue/ack\nreceipt:early\n\n\0");
        stomp.put_bytes(TEXT, frame.as_bytes()).await;
        let end = ending(&mut stomp).await;
        assert_eq!((end.close, end.receipt.as_deref()), (Some(1002), Some("early")), "{command}");
        assert!(end.message.contains("before CONNECT"), "{command}: {}", end.message);
    }
    for again in ["CONNECT", "STOMP"] {
        let end = sent(&system, &alice, format!("{again}\naccept-version:1.2\n\n\0").as_bytes()).await;
        assert_eq!((end.close, &*end.message), (Some(1002), "already connected"), "{again}");
    }
}

#[tokio::test]
async fn no_common_version_gets_an_error_with_the_versions_and_a_close() {
    let system = System::shared().await;
    for offered in ["2.0", "1.3,0.9", "", "1.2.0"] {
        let mut stomp = StompClient::open(system.gateway(0).addr).await;
        stomp.put_bytes(TEXT, format!("CONNECT\naccept-version:{offered}\nhost:x\n\n\0").as_bytes()).await;
        let end = ending(&mut stomp).await;
        assert_eq!((end.close, end.versions.as_deref()), (Some(1002), Some("1.0,1.1,1.2")), "{offered:?}");
        assert_eq!(end.code, "bad_request");
    }
}

#[tokio::test]
async fn a_heart_beat_header_that_is_none_gets_an_error_and_a_close() {
    let system = System::shared().await;
    for heart_beat in ["soon", "1000", "1000,", "-1,0", "1,2,3", "99999999999,0"] {
        let mut stomp = StompClient::open(system.gateway(0).addr).await;
        stomp.put_bytes(TEXT, format!("CONNECT\naccept-version:1.2\nheart-beat:{heart_beat}\n\n\0").as_bytes()).await;
        let end = ending(&mut stomp).await;
        assert_eq!(end.close, Some(1002), "{heart_beat}");
        assert!(end.message.contains("heart-beat"), "{heart_beat}: {}", end.message);
    }
}

#[tokio::test]
async fn frames_against_the_grammar_get_an_error_and_close_1002() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    for (row, frame, message, receipt) in [
        ("undefined escape", "SEND\nreceipt:r\na:\\t\n\n\0", "escape", Some("r")),
        ("escape cut off", "SEND\nreceipt:r\na:\\\n\n\0", "escape", Some("r")),
        ("lone CR in a header", "SEND\na:b\rc\n\n\0", "carriage return", None),
        ("lone CR between frames", "\rSEND\n\n\0", "carriage return", None),
        ("header without colon", "SEND\nreceipt:r\nnothing\n\n\0", "colon", Some("r")),
        ("header without name", "SEND\nreceipt:r\n:value\n\n\0", "name", Some("r")),
        ("no NUL at content-length", "SEND\nreceipt:r\ncontent-length:2\n\nabc\0", "NUL", Some("r")),
        ("negative content-length", "SEND\nreceipt:r\ncontent-length:-1\n\n\0", "content-length", Some("r")),
        ("content-length of words", "SEND\nreceipt:r\ncontent-length:two\n\n\0", "content-length", Some("r")),
        ("body on a frame without body", "UNSUBSCRIBE\nreceipt:r\nid:1\n\nbody\0", "body", Some("r")),
        ("unknown command", "DANCE\nreceipt:r\n\n\0", "unknown command", None),
        ("command in small letters", "send\n\n\0", "unknown command", None),
        ("NUL before the blank line", "SEND\na:b\0", "blank line", None),
        ("a server's command", "MESSAGE\nreceipt:r\n\n\0", "not a client command", Some("r")),
        ("SEND without destination", "SEND\nreceipt:r\n\n{}\0", "destination", Some("r")),
    ] {
        let end = sent(&system, &alice, frame.as_bytes()).await;
        assert_eq!((end.close, end.receipt.as_deref(), &*end.code), (Some(1002), receipt, "bad_request"), "{row}");
        assert!(end.message.contains(message), "{row}: {}", end.message);
    }
}

#[tokio::test]
async fn frames_beyond_a_limit_get_an_error_and_close_1009() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let send = "SEND\ndestination:/pub/chat/message\n";
    for (row, frame) in [
        ("33 headers", format!("SEND\n{}\n\0", "a:b\n".repeat(33))),
        ("a header line of 4,097 bytes", format!("SEND\na:{}\n\n\0", "x".repeat(4_095))),
        ("a command of 17 bytes", "ABCDEFGHIJKLMNOPQ\n\n\0".to_owned()),
        ("a frame of 64 KiB and more in two messages", format!("{send}\n{}\0", "x".repeat(65_536))),
        ("a huge content-length", format!("{send}content-length:99999999999999999999999\n\n")),
        ("a content-length of 64 KiB", format!("{send}content-length:65536\n\n")),
    ] {
        let end = sent(&system, &alice, frame.as_bytes()).await;
        assert_eq!((end.close, &*end.code), (Some(1009), "too_large"), "{row}: {}", end.message);
    }
    // 32 headers, and a line of 4,096 bytes, are within them.
    let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
    let line = format!("a:{}\n", "x".repeat(4_094));
    let frame = format!("UNSUBSCRIBE\nid:none\nreceipt:fits\n{line}{}\n\0", "a:b\n".repeat(29));
    stomp.put_bytes(TEXT, frame.as_bytes()).await;
    assert_eq!(stomp.next().await.header(header::RECEIPT_ID), Some("fits"));
}

fn subscribe(id: &str, destination: impl Into<String>) -> Frame {
    Frame::new(Command::Subscribe)
        .with(header::ID, id.to_owned())
        .with(header::DESTINATION, destination.into())
        .with(header::RECEIPT, "why")
}

#[tokio::test]
async fn subscriptions_that_cannot_be_get_an_error_and_a_close() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let (own, foreign) = (system.group(&[&alice]).await, system.group(&[&bob]).await);
    let no_id =
        Frame::new(Command::Subscribe).with(header::DESTINATION, "/user/queue/ack").with(header::RECEIPT, "why");
    let room = |room: RoomId, what: &str| format!("/sub/chat/room/{room}{what}");
    for (row, frames, code, close) in [
        ("a duplicate id", vec![subscribe("1", "/user/queue/ack"), subscribe("1", room(own, ""))], "bad_request", 1002),
        ("no id", vec![no_id], "bad_request", 1002),
        ("a wildcard", vec![subscribe("1", "/sub/chat/room/*")], "not_found", 1008),
        ("a wildcard of the other convention", vec![subscribe("1", "/topic/room.*")], "not_found", 1008),
        ("another user's queue", vec![subscribe("1", format!("/user/{}/queue/ack", bob.id))], "forbidden", 1008),
        ("a room not a member of", vec![subscribe("1", room(foreign, ""))], "room_not_found", 1008),
        ("a room that is not there", vec![subscribe("1", room(RoomId::generate(), ""))], "room_not_found", 1008),
        ("read marks of others", vec![subscribe("1", room(foreign, "/read"))], "room_not_found", 1008),
        ("typing of others", vec![subscribe("1", room(foreign, "/typing"))], "room_not_found", 1008),
        ("presence of others", vec![subscribe("1", room(foreign, "/presence"))], "room_not_found", 1008),
        ("after beyond the head", vec![subscribe("1", room(own, "")).with("after", "99")], "invalid_seq", 1008),
        ("after that is no seq", vec![subscribe("1", room(own, "")).with("after", "-1")], "bad_request", 1008),
        ("an id too long", vec![subscribe(&"x".repeat(257), "/user/queue/ack")], "bad_request", 1002),
    ] {
        let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
        for frame in &frames {
            stomp.put(frame).await;
        }
        let end = ending(&mut stomp).await;
        assert_eq!((&*end.code, end.close, end.receipt.as_deref()), (code, Some(close), Some("why")), "{row}");
    }
}

#[tokio::test]
async fn a_send_straight_to_a_broadcast_destination_gets_an_error_and_a_close() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut other = StompClient::connect(system.gateway(1).addr, &alice).await;
    other.subscribe("room", &format!("/topic/room.{room}"), None).await;
    for destination in [
        format!("/topic/room.{room}"),
        format!("/sub/chat/room/{room}"),
        format!("/sub/chat/room/{room}/read"),
        "/user/queue/ack".to_owned(),
        format!("/user/{}/queue/errors", alice.id),
    ] {
        let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
        let body = json!({"roomId": room, "content": "past the server"});
        stomp.put(&StompClient::message(&destination, &body).with(header::RECEIPT, "why")).await;
        let end = ending(&mut stomp).await;
        assert_eq!(
            (&*end.code, end.close, end.receipt.as_deref()),
            ("forbidden", Some(1008), Some("why")),
            "{destination}"
        );
    }
    other.put(&StompClient::message("/pub/chat/message", &json!({"roomId": room, "content": "the right way"}))).await;
    let (_, body) = other.next_of("room").await;
    assert_eq!((&body["seq"], &body["content"]), (&json!(2), &json!("the right way")), "nothing came before it");
}

#[tokio::test]
async fn acknowledgements_and_transactions_are_not_supported() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    for (row, frame) in [
        ("ack:client", subscribe("1", "/user/queue/ack").with(header::ACK, "client")),
        ("ack:client-individual", subscribe("1", "/user/queue/ack").with(header::ACK, "client-individual")),
        ("ACK", Frame::new(Command::Ack).with(header::ID, "1")),
        ("NACK", Frame::new(Command::Nack).with(header::ID, "1")),
        ("BEGIN", Frame::new(Command::Begin).with("transaction", "t")),
        ("COMMIT", Frame::new(Command::Commit).with("transaction", "t")),
        ("ABORT", Frame::new(Command::Abort).with("transaction", "t")),
        ("a SEND of a transaction", StompClient::message("/pub/chat/message", &json!({})).with("transaction", "t")),
    ] {
        let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
        stomp.put(&frame).await;
        let end = ending(&mut stomp).await;
        assert_eq!((end.close, &*end.code), (Some(1002), "bad_request"), "{row}");
        assert!(end.message.contains("supported"), "{row}: {}", end.message);
    }
    let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
    stomp.put(&subscribe("1", "/user/queue/ack").with(header::ACK, "auto")).await;
    assert_eq!(stomp.next().await.command, Command::Receipt);
}

#[tokio::test]
async fn silence_for_twice_the_heart_beat_agreed_on_is_closed_with_4408() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let gateway = system.add_gateway(&[("CHAT__STOMP__HEART_BEAT_MS", "1500")]).await;
    let connect = async |heart_beat: &str| {
        let mut stomp = StompClient::open(gateway.addr).await;
        let token = &alice.token;
        let frame = format!("CONNECT\naccept-version:1.2\nAuthorization:Bearer {token}\n{heart_beat}\n\0");
        stomp.put_bytes(TEXT, frame.as_bytes()).await;
        let connected = stomp.next().await;
        assert_eq!((connected.command, connected.header(header::HEART_BEAT)), (Command::Connected, Some("1500,1500")));
        stomp
    };
    let mut silent = connect("heart-beat:100,0\n").await;
    let mut beating = connect("heart-beat:100,0\n").await;
    let mut dribbling = connect("heart-beat:100,0\n").await;
    let mut without_header = connect("").await;
    let mut receiving_only = connect("heart-beat:0,100\n").await;

    let mut pace = tokio::time::interval(Duration::from_millis(100));
    let frame = b"UNSUBSCRIBE\nid:none\nreceipt:alive\n\n\0";
    let mut dribbled = frame.iter();
    let silence_ends = ending(&mut silent);
    tokio::pin!(silence_ends);
    let end = loop {
        tokio::select! {
            end = &mut silence_ends => break end,
            _ = pace.tick() => {
                beating.put_bytes(TEXT, b"\n").await;
                // A part of a frame is a sign of life, too.
                dribbling.put_bytes(TEXT, dribbled.next().map_or(&[], std::slice::from_ref)).await;
            }
        }
    };
    assert_eq!((end.close, &*end.message), (Some(4408), "nothing heard for twice the heart-beat agreed on"));
    dribbling.put_bytes(TEXT, dribbled.as_slice()).await;
    beating.put_bytes(TEXT, frame).await;
    without_header.put_bytes(TEXT, frame).await;
    receiving_only.put_bytes(TEXT, frame).await;
    for stomp in [&mut beating, &mut dribbling, &mut without_header, &mut receiving_only] {
        assert_eq!(stomp.next().await.header(header::RECEIPT_ID), Some("alive"));
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_go_to_the_error_queue_and_the_third_ends_the_session() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let bodies = [
        ("/pub/chat/message", "{".to_owned(), "line 1 column 1"),
        ("/pub/chat/message", format!(r#"{{"roomId":"{room}","content":"a","content":"b"}}"#), "content is said twice"),
        ("/pub/chat/edit", format!(r#"{{"roomId":"{room}","content":"a"}}"#), "messageId is missing"),
        ("/pub/chat/delete", format!(r#"{{"roomId":"{room}","messageId":7}}"#), "messageId must be a UUID"),
        ("/pub/chat/react", format!(r#"{{"roomId":"{room}","messageId":"{room}"}}"#), "emoji is missing"),
        ("/app/chat.typing", format!(r#"{{"roomId":"{room}","typing":"yes"}}"#), "typing must be true or false"),
        ("/app/chat.read", format!(r#"{{"roomId":"{room}","seq":9223372036854775808}}"#), "seq must be an integer"),
        ("/app/chat.send", r#"{"roomId":"nowhere","content":"a"}"#.to_owned(), "roomId must be a UUID"),
        ("/app/chat.send", format!("{}{}", "[".repeat(33), "]".repeat(33)), "deeper than 32"),
    ];
    for (first, (destination, body, problem)) in bodies.iter().enumerate() {
        let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
        stomp.subscribe("errors", "/user/queue/errors", None).await;
        let bad = |destination: &str, body: &str| {
            Frame::new(Command::Send)
                .with(header::DESTINATION, destination.to_owned())
                .with(header::RECEIPT, "never")
                .with_body(body.to_owned())
        };
        stomp.put(&bad(destination, body)).await;
        let (_, refused) = stomp.next_of("errors").await;
        let reason = refused["reason"].as_str().unwrap_or_default();
        assert!(refused["code"] == "bad_request" && reason.contains(problem), "{destination} {body}: {refused}");
        if first > 0 {
            continue;
        }
        // What breaks a rule of the business is no strike, and makes none good either.
        for _ in 0..3 {
            let blank = json!({"roomId": room, "content": " "});
            stomp.put(&StompClient::message("/pub/chat/message", &blank)).await;
            assert_eq!(stomp.next_of("errors").await.1["code"], "content_empty");
        }
        stomp.put(&bad(destination, "[]")).await;
        assert_eq!(stomp.next_of("errors").await.1["code"], "bad_request");
        stomp.put(&bad(destination, "null")).await;
        let end = ending(&mut stomp).await;
        assert_eq!((end.close, &*end.code, end.receipt.as_deref()), (Some(1008), "bad_request", Some("never")));
        assert!(end.message.contains("must be a JSON object, not null"), "{}", end.message);
    }
}

#[tokio::test]
async fn codec_limits_are_configuration() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let settings = [("MAX_HEADERS", "5"), ("MAX_HEADER_LINE_BYTES", "1000"), ("MAX_FRAME_BYTES", "2000")]
        .map(|(key, value)| (format!("CHAT__STOMP__{key}"), value));
    let gateway = system.add_gateway(&settings.each_ref().map(|(key, value)| (&**key, *value))).await;
    for frame in [
        format!("SEND\n{}\n\0", "a:b\n".repeat(6)),
        format!("SEND\na:{}\n\n\0", "x".repeat(999)),
        format!("SEND\ndestination:/pub/chat/message\n\n{}\0", "x".repeat(2_000)),
    ] {
        let mut stomp = StompClient::connect(gateway.addr, &alice).await;
        stomp.put_bytes(TEXT, frame.as_bytes()).await;
        assert_eq!(ending(&mut stomp).await.close, Some(1009), "{}", &frame[..20]);
    }
}
