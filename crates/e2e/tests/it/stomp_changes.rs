//! Edits, deletions, reactions, typing and presence over STOMP, in both conventions.

use chat_e2e::{Person, StompClient, System, Talk};
use chat_protocol::RoomId;
use serde_json::{Value, json};

/// Alice's connection with the room, and Bob's with the room in the other convention.
async fn both(system: &System, room: RoomId, alice: &Person, bob: &Person) -> (StompClient, StompClient) {
    let mut at_alice = StompClient::connect(system.gateway(0).addr, alice).await;
    at_alice.subscribe("room", &format!("/sub/chat/room/{room}"), Some(1)).await;
    let mut at_bob = StompClient::connect(system.gateway(1).addr, bob).await;
    at_bob.subscribe("room", &format!("/topic/room.{room}"), Some(1)).await;
    (at_alice, at_bob)
}

/// The next event of the room, as both see it: name, place and body.
async fn seen_by_both(at_alice: &mut StompClient, at_bob: &mut StompClient) -> (String, String, Value) {
    let (frame, body) = at_alice.next_of("room").await;
    let (other_frame, other_body) = at_bob.next_of("room").await;
    assert_eq!(body, other_body);
    let headers = |name| (frame.header(name).map(str::to_owned), other_frame.header(name).map(str::to_owned));
    let (event, seq) = (headers("event"), headers("seq"));
    assert_eq!((&event.0, &seq.0), (&event.1, &seq.1));
    (event.0.unwrap(), seq.0.unwrap(), body)
}

#[tokio::test]
async fn changes_come_in_the_same_stream_with_an_event_of_their_own() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let (mut at_alice, mut at_bob) = both(&system, room, &alice, &bob).await;
    let send = StompClient::message("/pub/chat/message", &json!({"roomId": room, "content": "first"}));
    at_alice.put(&send).await;
    let (event, seq, message) = seen_by_both(&mut at_alice, &mut at_bob).await;
    assert_eq!((&*event, &*seq), ("message", "2"));
    let id = &message["messageId"];

    let edit = json!({"roomId": room, "messageId": id, "content": "second"});
    at_alice.put(&StompClient::message("/app/chat.edit", &edit)).await;
    let (event, seq, change) = seen_by_both(&mut at_alice, &mut at_bob).await;
    assert_eq!((&*event, &*seq, &change["seq"]), ("edit", "3", &json!(3)));
    assert_eq!((&change["message"]["content"], &change["message"]["seq"]), (&json!("second"), &json!(2)));

    for (remove, count) in [(false, 1), (true, 0)] {
        let react = json!({"roomId": room, "messageId": id, "emoji": "👍", "remove": remove});
        at_bob.put(&StompClient::message("/pub/chat/react", &react)).await;
        let (event, _, change) = seen_by_both(&mut at_alice, &mut at_bob).await;
        assert_eq!((&*event, &change["actorId"], &change["emoji"]), ("react", &json!(bob.id), &json!("👍")));
        assert_eq!(change["message"]["reactions"].as_array().map_or(0, Vec::len), count);
    }

    let delete = json!({"roomId": room, "messageId": id});
    at_alice.put(&StompClient::message("/pub/chat/delete", &delete)).await;
    let (event, seq, change) = seen_by_both(&mut at_alice, &mut at_bob).await;
    assert_eq!((&*event, &*seq, &change["message"]["content"]), ("delete", "6", &json!("")));
    assert!(change["message"]["deletedAt"].is_string());
}

#[tokio::test]
async fn a_change_that_is_not_allowed_goes_to_the_error_queue() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let (mut at_alice, mut at_bob) = both(&system, room, &alice, &bob).await;
    at_alice.put(&StompClient::message("/pub/chat/message", &json!({"roomId": room, "content": "mine"}))).await;
    let (_, _, message) = seen_by_both(&mut at_alice, &mut at_bob).await;
    at_bob.subscribe("errors", "/user/queue/errors", None).await;
    let edit = json!({"roomId": room, "messageId": message["messageId"], "content": "yours", "clientMessageId": "e-1"});
    at_bob.put(&StompClient::message("/pub/chat/edit", &edit)).await;
    let (_, refusal) = at_bob.next_of("errors").await;
    assert_eq!((&refusal["code"], &refusal["clientMessageId"]), (&json!("forbidden"), &json!("e-1")));
    let delete = json!({"roomId": room, "messageId": alice.id, "clientMessageId": "d-1"});
    at_bob.put(&StompClient::message("/pub/chat/delete", &delete)).await;
    assert_eq!(at_bob.next_of("errors").await.1["code"], "message_not_found");
}

#[tokio::test]
async fn typing_and_presence_have_destinations_of_their_own() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_alice = StompClient::connect(system.gateway(0).addr, &alice).await;
    at_alice.subscribe("typing", &format!("/sub/chat/room/{room}/typing"), None).await;
    at_alice.subscribe("presence", &format!("/topic/room.{room}.presence"), None).await;
    assert_eq!(at_alice.next_of("presence").await.1, json!({"roomId": room, "userId": alice.id, "status": "ONLINE"}));

    let mut at_bob = StompClient::connect(system.gateway(1).addr, &bob).await;
    let (frame, came) = at_alice.next_of("presence").await;
    assert_eq!((frame.header("event"), frame.header("seq")), (Some("presence"), None));
    assert_eq!(came, json!({"roomId": room, "userId": bob.id, "status": "ONLINE"}));

    at_bob.put(&StompClient::message("/app/chat.typing", &json!({"roomId": room, "typing": true}))).await;
    let (frame, typing) = at_alice.next_of("typing").await;
    assert_eq!(frame.header("event"), Some("typing"));
    assert_eq!(typing, json!({"roomId": room, "userId": bob.id, "typing": true}));
    // Neither takes a place in the room.
    let native = system.connect(0, &alice, &[]).await;
    assert_eq!(native.subscribe(room, None).await.head, 1);
}
