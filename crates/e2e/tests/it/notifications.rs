//! News of rooms that one is not looking at.

use chat_e2e::{PATIENCE, Person, System, Talk};
use chat_protocol::{RoomId, frame::ServerPush};
use chat_redis::{RedisConfig, RedisPool, Viewers};
use chat_service::Secret;
use chat_testkit::assert_eventually;

/// Waits until Redis knows that somebody has the room open: gateways tell it a moment after the subscribe.
async fn seen_looking(system: &System, room: RoomId, person: &Person) {
    let isolation = &system.isolation;
    let url = Secret::new(isolation.redis_url());
    let config = RedisConfig { url, key_prefix: isolation.redis_prefix(), pool_size: 1 };
    let viewers = Viewers::new(RedisPool::new(&config).unwrap());
    assert_eventually!(
        viewers.viewers(&[room]).await.unwrap()[&room].contains(&person.id),
        within = PATIENCE,
        "a viewer in Redis"
    );
}

#[tokio::test]
async fn whoever_is_not_looking_is_notified_and_nobody_else() {
    let system = System::shared().await;
    let people = [system.person("alice").await, system.person("bob").await, system.person("carol").await];
    let [alice, bob, carol] = &people;
    let room = system.group(&[alice, bob, carol]).await;
    let mut at_alice = system.connect(0, alice, &[]).await;
    let mut at_bob = system.connect(1, bob, &[(room, None)]).await;
    let mut at_carol = system.connect(1, carol, &[]).await;
    seen_looking(&system, room, bob).await;

    at_alice.say(room, "dinner?").await;
    let told = at_carol
        .hear("a notification", |push| match push {
            ServerPush::Notification(notification) => Some(notification),
            _ => None,
        })
        .await;
    assert_eq!((told.room_id, told.seq, told.count), (room, 2, 1));
    assert_eq!((told.sender_nickname.as_str(), told.preview.as_str()), ("alice", "dinner?"));
    assert_eq!(told.id, format!("{room}:2"));

    // What could have been sent to the others has been sent by now.
    let id = at_alice.say(room, "the end").await;
    let heard_by_alice = at_alice.hear_until(
        "persisted",
        |push| matches!(push, ServerPush::Persisted { client_message_id, .. } if *client_message_id == id),
    );
    let heard_by_bob =
        at_bob.hear_until("the end", |push| matches!(push, ServerPush::Message { message } if message.seq == 3));
    for heard in [heard_by_alice.await, heard_by_bob.await] {
        assert!(!heard.iter().any(|push| matches!(push, ServerPush::Notification(_))), "{heard:?}");
    }
}
