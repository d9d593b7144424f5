//! How far people have read.

use chat_client::Connection;
use chat_e2e::{PATIENCE, StompClient, System, Talk};
use chat_protocol::{
    RoomId,
    frame::{ClientCommand, ReplyBody, ServerPush},
};
use chat_testkit::assert_eventually;

async fn mark(connection: &Connection, room: RoomId, seq: i64) {
    let reply = connection.call(ClientCommand::Read { room_id: room, seq }).await.unwrap();
    assert_eq!(reply, ReplyBody::Read {});
}

async fn next_mark(connection: &mut Connection) -> (chat_protocol::UserId, i64) {
    let receipt = |push| match push {
        ServerPush::Read(receipt) => Some((receipt.user_id, receipt.last_read_seq)),
        _ => None,
    };
    connection.hear("a read receipt", receipt).await
}

#[tokio::test]
async fn marks_move_forward_only_and_are_shown_to_the_room() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_alice = system.connect(0, &alice, &[(room, Some(0))]).await;
    let at_bob = system.connect(1, &bob, &[]).await;
    let mut by_stomp = StompClient::connect(system.gateway(0).addr, &alice).await;
    by_stomp.subscribe("marks", &format!("/sub/chat/room/{room}/read"), None).await;
    for turn in 0..4 {
        at_alice.say(room, &format!("{turn}")).await;
    }
    at_alice.entries(room, 5).await;
    let rest = system.rest(0, &bob);
    assert_eq!(rest.room(room).await.unwrap().unread_count, 4);

    mark(&at_bob, room, 3).await;
    assert_eq!(next_mark(&mut at_alice).await, (bob.id, 3));
    let (_, body) = by_stomp.next_of("marks").await;
    assert_eq!((&body["lastReadSeq"], body["userId"].as_str()), (&3.into(), Some(&*bob.id.to_string())));
    let seen = rest.room(room).await.unwrap();
    assert_eq!((seen.read_seq, seen.unread_count), (3, 2));

    mark(&at_bob, room, 2).await;
    mark(&at_bob, room, 1_000).await;
    assert_eq!(next_mark(&mut at_alice).await, (bob.id, 5), "back is ignored, too far is clamped to the head");
    assert_eq!(by_stomp.next_of("marks").await.1["lastReadSeq"], 5);
    assert_eq!(rest.rooms().await.unwrap()[0].unread_count, 0);
}

#[tokio::test]
async fn sending_reads_up_to_what_was_sent() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let (at_alice, mut at_bob) = (system.connect(0, &alice, &[]).await, system.connect(1, &bob, &[(room, None)]).await);
    at_alice.say(room, "one").await;
    at_bob.entries(room, 2).await;
    let rest = system.rest(1, &bob);
    assert_eq!(rest.room(room).await.unwrap().unread_count, 1);
    at_bob.say(room, "two").await;
    at_bob.entries(room, 3).await;
    let seen = rest.room(room).await.unwrap();
    assert_eq!((seen.read_seq, seen.unread_count), (3, 0));
    assert_eq!(seen.last_message.unwrap().content, "two");
}

#[tokio::test]
async fn a_stomp_client_marks_as_read() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    system.connect(0, &alice, &[]).await.say(room, "one").await;
    let mut at_bob = StompClient::connect(system.gateway(1).addr, &bob).await;
    at_bob.subscribe("room", &format!("/sub/chat/room/{room}"), Some(1)).await;
    at_bob.next_of("room").await;
    let body = serde_json::json!({"roomId": room, "seq": 2});
    at_bob.put_with_receipt(StompClient::message("/pub/chat/read", &body)).await;
    let rest = system.rest(1, &bob);
    assert_eventually!(rest.room(room).await.unwrap().read_seq == 2, within = PATIENCE, "the mark is stored");
}
