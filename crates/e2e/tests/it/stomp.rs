//! STOMP, frame by frame.

use chat_e2e::{StompClient, System, Talk};
use chat_protocol::ClientMessageId;
use chat_stomp::{Command, Frame, header};
use serde_json::{Value, json};

fn room_of(room: impl std::fmt::Display) -> String {
    format!("/sub/chat/room/{room}")
}

#[tokio::test]
async fn stomp_and_native_clients_of_one_room_see_the_same() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut native = system.connect(0, &alice, &[(room, Some(0))]).await;
    let mut stomp = StompClient::connect(system.gateway(1).addr, &bob).await;
    stomp.subscribe("room", &room_of(room), Some(0)).await;

    native.say(room, "native: one").await;
    let body = json!({"roomId": room, "content": "stomp: two\nlines", "type": "TEXT", "clientMessageId": 42,
        "senderId": alice.id, "seq": 1});
    stomp.put_with_receipt(StompClient::message("/pub/chat/message", &body)).await;
    stomp.put_with_receipt(StompClient::message("/app/chat.send", &json!({"roomId": room, "content": "three"}))).await;

    let entries = native.entries(room, 4).await;
    for entry in &entries {
        let (frame, body) = stomp.next_of("room").await;
        assert_eq!(frame.header("seq"), Some(&*entry.seq.to_string()));
        assert_eq!(frame.header("event"), Some("message"));
        assert_eq!(frame.header(header::DESTINATION), Some(&*room_of(room)));
        assert_eq!(body, serde_json::to_value(entry).unwrap());
    }
    let by_stomp: Vec<_> =
        entries.iter().filter(|entry| entry.sender_id == bob.id).map(|entry| &*entry.content).collect();
    assert_eq!(by_stomp, ["stomp: two\nlines", "three"]);
    let number = entries.iter().find(|entry| entry.content.starts_with("stomp")).unwrap();
    assert_eq!(serde_json::to_value(&number.client_message_id).unwrap(), json!(42), "returned as sent");
}

#[tokio::test]
async fn a_stomp_subscription_goes_on_after_its_seq() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let native = system.connect(0, &alice, &[]).await;
    for turn in 0..5 {
        native.say(room, &format!("{turn}")).await;
    }
    system.connect(0, &alice, &[(room, Some(0))]).await.entries(room, 6).await;
    let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
    stomp.subscribe("old", &room_of(room), Some(3)).await;
    stomp.subscribe("new", &format!("/topic/room.{room}"), None).await;
    for seq in 4..=6 {
        assert_eq!(stomp.next_of("old").await.1["seq"], seq);
    }
    native.say(room, "live").await;
    let both = [stomp.next().await, stomp.next().await];
    for frame in &both {
        assert_eq!(frame.header("seq"), Some("7"));
    }
    stomp.put_with_receipt(Frame::new(Command::Unsubscribe).with(header::ID, "old")).await;
    native.say(room, "one subscription left").await;
    let frame = stomp.next().await;
    assert_eq!((frame.header(header::SUBSCRIPTION), frame.header("seq")), (Some("new"), Some("8")));
}

#[tokio::test]
async fn own_queues_tell_what_became_of_a_send() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
    for queue in ["ack", "persisted", "errors"] {
        stomp.subscribe(queue, &format!("/user/queue/{queue}"), None).await;
    }
    let id = ClientMessageId::generate();
    let send = |content: &str| {
        let body = json!({"roomId": room, "content": content, "clientMessageId": id});
        StompClient::message("/pub/chat/message", &body)
    };
    let id_of = |body: &Value| body["clientMessageId"] == json!(id);

    stomp.put(&send("hello")).await;
    let (_, ack) = stomp.next_of("ack").await;
    assert!(id_of(&ack) && ack["status"] == "ACCEPTED" && ack["acceptedAt"].is_string(), "{ack}");
    let (_, persisted) = stomp.next_of("persisted").await;
    assert!(id_of(&persisted) && persisted["status"] == "PERSISTED", "{persisted}");
    assert_eq!((&persisted["seq"], &persisted["duplicate"]), (&json!(2), &json!(false)));

    stomp.put(&send("hello")).await;
    let (_, persisted) = stomp.next_of("persisted").await;
    assert_eq!((&persisted["seq"], &persisted["duplicate"]), (&json!(2), &json!(true)));
    stomp.put(&send("another text")).await;
    let (_, refused) = stomp.next_of("errors").await;
    assert!(id_of(&refused) && refused["code"] == "id_conflict" && refused["reason"].is_string(), "{refused}");
    stomp.put(&send("  ")).await;
    let (_, refused) = stomp.next_of("errors").await;
    assert!(id_of(&refused) && refused["code"] == "content_empty", "{refused}");
    stomp.put(&StompClient::message("/pub/chat/message", &json!({"content": "no room"}))).await;
    let (_, refused) = stomp.next_of("errors").await;
    assert_eq!(refused["code"], "bad_request", "the connection is still there");
}

/// Sends a frame that must not be; the ERROR's code, and that the connection is closed after it.
async fn fatal(system: &System, frame: Frame) -> String {
    let alice = system.person("alice").await;
    let mut stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
    stomp.put(&frame.with(header::RECEIPT, "why")).await;
    let error = stomp.next().await;
    assert_eq!(error.command, Command::Error, "{error:?}");
    assert_eq!(error.header(header::RECEIPT_ID), Some("why"), "{error:?}");
    assert!(error.header(header::MESSAGE).is_some_and(|message| !message.is_empty()));
    assert!(stomp.close_code().await.is_some());
    error.header(header::CODE).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_is_not_allowed_ends_a_stomp_connection_with_an_error() {
    let system = System::shared().await;
    let foreign = system.group(&[&system.person("bob").await]).await;
    let subscribe = |destination: &str| {
        Frame::new(Command::Subscribe).with(header::ID, "s").with(header::DESTINATION, destination.to_owned())
    };
    let hello = json!({"roomId": foreign, "content": "hello"});
    assert_eq!(fatal(&system, subscribe(&room_of(foreign))).await, "room_not_found");
    assert_eq!(fatal(&system, subscribe("/sub/nowhere")).await, "not_found");
    assert_eq!(fatal(&system, subscribe(&room_of(foreign)).with("after", "soon")).await, "bad_request");
    assert_eq!(fatal(&system, StompClient::message("/pub/chat/message", &hello)).await, "room_not_found");
    assert_eq!(fatal(&system, StompClient::message(&room_of(foreign), &hello)).await, "forbidden");
    assert_eq!(fatal(&system, StompClient::message("/user/queue/ack", &hello)).await, "forbidden");
    assert_eq!(fatal(&system, Frame::new(Command::Begin).with("transaction", "t")).await, "bad_request");
}

#[tokio::test]
async fn a_stomp_connection_needs_a_token() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    for (token, code) in [("nonsense".to_owned(), "unauthorized"), (alice.expired_token(), "token_expired")] {
        let mut stomp = StompClient::open(system.gateway(0).addr).await;
        stomp.send_connect(&token).await;
        let error = stomp.next().await;
        assert_eq!((error.command, error.header(header::CODE)), (Command::Error, Some(code)));
        assert_eq!(stomp.close_code().await, Some(4401));
    }
    let mut stomp = StompClient::open(system.gateway(0).addr).await;
    stomp.put(&Frame::new(Command::Subscribe).with(header::ID, "s").with(header::DESTINATION, "/user/queue/ack")).await;
    assert_eq!(stomp.next().await.command, Command::Error);
    assert!(stomp.close_code().await.is_some());
}
