//! STOMP frames that must be accepted, and all destinations.

use chat_e2e::{PATIENCE, RawSocket, StompClient, System, Talk, deadline};
use chat_protocol::{ClientMessageId, MessageId, RoomId};
use chat_stomp::{Command, Frame, header};
use serde_json::json;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

#[tokio::test]
async fn a_connect_without_host_is_accepted_in_every_version() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    for (command, accept, version) in [
        ("CONNECT", "accept-version:1.2\n", "1.2"),
        ("STOMP", "accept-version:1.0,1.1,1.2\n", "1.2"),
        ("CONNECT", "accept-version:1.1,1.0\n", "1.1"),
        ("CONNECT", "accept-version:1.0,9.9\n", "1.0"),
        ("CONNECT", "", "1.0"),
    ] {
        for authorization in ["Authorization", "authorization"] {
            let mut stomp = StompClient::open(system.gateway(0).addr).await;
            let frame = format!("{command}\n{accept}{authorization}:Bearer {}\n\n\0", alice.token);
            stomp.put_bytes(TEXT, frame.as_bytes()).await;
            let connected = stomp.next().await;
            assert_eq!((connected.command, connected.header(header::VERSION)), (Command::Connected, Some(version)));
            assert!(connected.header(header::SESSION).is_some() && connected.header(header::SERVER).is_some());
        }
    }
}

#[tokio::test]
async fn frames_share_a_message_or_span_several_in_text_or_binary_with_any_line_ends() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
    let send = |content: &str, receipt: &str, eol: &str| {
        let body = json!({"roomId": room, "content": content});
        ["SEND", "destination:/pub/chat/message", &format!("receipt:{receipt}"), "note:a:b:c", "", &format!("{body}\0")]
            .join(eol)
    };
    let subscribe = format!("SUBSCRIBE\nid:room\ndestination:/sub/chat/room/{room}\nafter:1\nreceipt:subscribed\n\n\0");

    let together = format!("\n\r\n{subscribe}\n\n{}\r\n", send("one", "1", "\n"));
    stomp.put_bytes(TEXT, together.as_bytes()).await;
    stomp.put_bytes(BINARY, send("two", "2", "\r\n").as_bytes()).await;
    let spread = send("three", "3", "\n");
    for (index, piece) in spread.as_bytes().chunks(7).enumerate() {
        stomp.put_bytes(if index % 2 == 0 { TEXT } else { BINARY }, piece).await;
    }
    stomp.put_bytes(TEXT, b"\n\n\n").await;
    let nul = json!({"roomId": room, "content": "four"}).to_string();
    let counted = format!("SEND\ndestination:/pub/chat/message\nreceipt:4\ncontent-length:{}\n\n{nul}\0", nul.len());
    stomp.put_bytes(TEXT, counted.as_bytes()).await;

    let (mut receipts, mut contents) = (Vec::new(), Vec::new());
    while receipts.len() < 5 || contents.len() < 4 {
        let frame = stomp.next().await;
        match frame.command {
            Command::Receipt => receipts.push(frame.header(header::RECEIPT_ID).unwrap().to_owned()),
            Command::Message => {
                let body: serde_json::Value = serde_json::from_slice(&frame.body).unwrap();
                contents.push(body["content"].as_str().unwrap().to_owned());
            }
            _ => panic!("{frame:?}"),
        }
    }
    receipts.sort_unstable();
    assert_eq!(receipts, ["1", "2", "3", "4", "subscribed"]);
    assert_eq!(contents, ["one", "two", "three", "four"]);
}

#[tokio::test]
async fn of_a_repeated_header_the_first_counts() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
    let frame = "SUBSCRIBE\nid:first\nid:second\ndestination:/user/queue/ack\ndestination:/sub/nowhere\nreceipt:a\nreceipt:b\n\n\0";
    stomp.put_bytes(TEXT, frame.as_bytes()).await;
    assert_eq!(stomp.next().await.header(header::RECEIPT_ID), Some("a"));
    let room = system.group(&[&alice]).await;
    let body = json!({"roomId": room, "content": "hello"}).to_string();
    let send = format!("SEND\ndestination:/pub/chat/message\ndestination:/sub/nowhere\n\n{body}\0");
    stomp.put_bytes(TEXT, send.as_bytes()).await;
    assert_eq!(stomp.next_of("first").await.1["status"], "ACCEPTED");
}

#[tokio::test]
async fn a_selector_is_ignored_and_never_evaluated() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
    let destination = format!("/sub/chat/room/{room}");
    for (id, selector) in [("never", "1 = 0"), ("nonsense", "T(java.lang.Runtime).getRuntime()"), ("unclosed", "'(")] {
        let frame = Frame::new(Command::Subscribe)
            .with(header::ID, id)
            .with(header::DESTINATION, destination.clone())
            .with("selector", selector);
        stomp.put_with_receipt(frame).await;
    }
    stomp.put(&StompClient::message("/pub/chat/message", &json!({"roomId": room, "content": "for all"}))).await;
    let mut heard: Vec<String> = Vec::new();
    for _ in 0..3 {
        let frame = stomp.next().await;
        assert_eq!(frame.header("seq"), Some("2"));
        heard.push(frame.header(header::SUBSCRIPTION).unwrap().to_owned());
    }
    heard.sort_unstable();
    assert_eq!(heard, ["never", "nonsense", "unclosed"]);
}

#[tokio::test]
async fn without_a_heart_beat_header_the_websocket_is_pinged_all_the_same() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let gateway = system.add_gateway(&[("CHAT__WS__PING_INTERVAL_SECS", "1")]).await;
    let mut socket = RawSocket::open(gateway.addr, "v12.stomp").await;
    let connect = format!("CONNECT\naccept-version:1.2\nAuthorization:Bearer {}\n\n\0", alice.token);
    socket.send(TEXT, connect.as_bytes()).await.unwrap();
    let (_, connected) = deadline("CONNECTED", PATIENCE, socket.next()).await.unwrap();
    assert!(connected.starts_with(b"CONNECTED\n"), "{}", String::from_utf8_lossy(&connected));
    let (opcode, _) = deadline("a ping", PATIENCE, socket.next()).await.unwrap();
    assert_eq!(opcode, 9);
}

#[tokio::test]
async fn a_disconnect_is_answered_before_the_close() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
    stomp.subscribe("session", "/user/queue/session", None).await;
    stomp.put_with_receipt(Frame::new(Command::Disconnect)).await;
    assert_eq!(stomp.next_or_end().await.unwrap_err(), Some(1000));
}

#[tokio::test]
async fn every_destination_of_a_room_is_served_in_both_conventions() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
    for (form, separator) in [("/sub/chat/room/", "/"), ("/topic/room.", ".")] {
        stomp.subscribe(form, &format!("{form}{room}"), None).await;
        for what in ["read", "typing", "presence"] {
            let destination = format!("{form}{room}{separator}{what}");
            stomp.subscribe(&destination, &destination, None).await;
        }
    }
    let at_bob = system.connect(1, &bob, &[]).await;
    at_bob.say(room, "hello").await;
    let mut messages = 0;
    while messages < 2 {
        let frame = stomp.next().await;
        // Who is online is told in between.
        if frame.header("event") != Some("presence") {
            assert_eq!((frame.header("event"), frame.header("seq")), (Some("message"), Some("2")));
            messages += 1;
        }
    }
    let read = json!({"roomId": room, "seq": 2});
    stomp.put_with_receipt(StompClient::message("/app/chat.read", &read)).await;
    let mut forms = Vec::new();
    while forms.len() < 2 {
        let frame = stomp.next().await;
        if frame.header("event") == Some("read") {
            forms.push(frame.header(header::DESTINATION).unwrap().to_owned());
        }
    }
    forms.sort_unstable();
    assert_eq!(forms, [format!("/sub/chat/room/{room}/read"), format!("/topic/room.{room}.read")]);
}

#[tokio::test]
async fn every_command_can_be_sent_in_both_conventions() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
    stomp.subscribe("ack", "/user/queue/ack", None).await;
    stomp.subscribe("errors", "/user/queue/errors", None).await;
    let message = MessageId::generate();
    for (prefix, send) in [("/pub/chat/", "message"), ("/app/chat.", "send")] {
        let id = json!(ClientMessageId::generate());
        let body = json!({"roomId": room, "content": "hello", "clientMessageId": id});
        stomp.put_with_receipt(StompClient::message(&format!("{prefix}{send}"), &body)).await;
        let (_, ack) = stomp.next_of("ack").await;
        assert_eq!((&ack["clientMessageId"], &ack["status"]), (&id, &json!("ACCEPTED")));
        for (what, body) in
            [("read", json!({"roomId": room, "seq": 1})), ("typing", json!({"roomId": room, "typing": true}))]
        {
            stomp.put_with_receipt(StompClient::message(&format!("{prefix}{what}"), &body)).await;
        }
        // The refusal tells which command it was taken for.
        for (what, body, code) in [
            ("edit", json!({"roomId": room, "messageId": message, "content": " "}), "content_empty"),
            ("react", json!({"roomId": room, "messageId": message, "emoji": "a b"}), "invalid_character"),
        ] {
            let id = json!(ClientMessageId::generate());
            let mut body = body;
            body["clientMessageId"] = id.clone();
            stomp.put(&StompClient::message(&format!("{prefix}{what}"), &body)).await;
            let (_, refused) = stomp.next_of("errors").await;
            assert_eq!((&refused["code"], &refused["clientMessageId"]), (&json!(code), &id), "{prefix}{what}");
        }
        let mut deleting = StompClient::connect(system.gateway(0).addr, &alice).await;
        let foreign = json!({"roomId": RoomId::generate(), "messageId": message});
        deleting.put(&StompClient::message(&format!("{prefix}delete"), &foreign)).await;
        assert_eq!(deleting.next().await.header(header::CODE), Some("room_not_found"));
        assert_eq!(deleting.close_code().await, Some(1008));
    }
    stomp.put_with_receipt(StompClient::message("/app/presence.heartbeat", &json!({}))).await;
}

#[tokio::test]
async fn own_queues_have_the_names_of_other_back_ends_too() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
    for queue in ["messages/ack", "messages/persisted", "messages/error", "errors", "notifications", "session"] {
        stomp.subscribe(queue, &format!("/user/queue/{queue}"), None).await;
    }
    let say = |content: &str| StompClient::message("/app/chat.send", &json!({"roomId": room, "content": content}));
    stomp.put(&say("hello")).await;
    assert_eq!(stomp.next_of("messages/ack").await.1["status"], "ACCEPTED");
    assert_eq!(stomp.next_of("messages/persisted").await.1["status"], "PERSISTED");
    stomp.put(&say("")).await;
    let heard = [stomp.next().await, stomp.next().await];
    let mut names: Vec<_> = heard.iter().filter_map(|frame| frame.header(header::SUBSCRIPTION)).collect();
    names.sort_unstable();
    assert_eq!(names, ["errors", "messages/error"]);
}

#[tokio::test]
async fn destinations_are_configuration_and_may_name_the_room_of_a_send() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let (room, other) = (system.group(&[&alice]).await, system.group(&[&alice]).await);
    let gateway = system
        .add_gateway(&[
            ("CHAT__STOMP__SEND_MESSAGE", "/publish/{roomId}, /pub/chat/message"),
            ("CHAT__STOMP__ROOM", "/topic/{roomId}"),
            ("CHAT__STOMP__SEND_IGNORED", "/pub/chat/join, /pub/chat/leave"),
        ])
        .await;
    let mut stomp = StompClient::connect(gateway.addr, &alice).await;
    stomp.subscribe("room", &format!("/topic/{room}"), None).await;
    stomp.subscribe("errors", "/user/queue/errors", None).await;
    stomp.put_with_receipt(StompClient::message("/pub/chat/join", &json!({"sender": "alice"}))).await;
    let publish = format!("/publish/{room}");
    stomp.put(&StompClient::message(&publish, &json!({"message": "by its other name", "senderName": "x"}))).await;
    assert_eq!(stomp.next_of("room").await.1["content"], "by its other name");
    stomp.put(&StompClient::message(&publish, &json!({"roomId": room, "content": "both agree"}))).await;
    assert_eq!(stomp.next_of("room").await.1["content"], "both agree");
    stomp.put(&StompClient::message(&publish, &json!({"roomId": other, "content": "they do not"}))).await;
    let (_, refused) = stomp.next_of("errors").await;
    assert!(refused["reason"].as_str().unwrap().contains("that of the destination"), "{refused}");
}
