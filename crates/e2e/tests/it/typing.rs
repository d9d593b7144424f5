//! Who is typing.

use std::time::{Duration, Instant};

use chat_client::Connection;
use chat_e2e::{System, Talk, deadline, frame_error};
use chat_protocol::{
    EntryType, ErrorCode, RoomId, UserId,
    frame::{ClientCommand, ReplyBody, ServerPush},
};
use chat_testkit::{TcpProxy, TestEnv};

async fn type_in(connection: &Connection, room_id: RoomId, typing: bool) {
    let reply = connection.call(ClientCommand::Typing { room_id, typing }).await.unwrap();
    assert_eq!(reply, ReplyBody::Typing {});
}

fn typing(push: &ServerPush) -> Option<(RoomId, UserId, bool)> {
    match push {
        ServerPush::Typing(typing) => Some((typing.room_id, typing.user_id, typing.typing)),
        _ => None,
    }
}

#[tokio::test]
async fn typing_is_shown_to_those_who_have_the_room_open_and_leaves_nothing_behind() {
    let system = System::shared().await;
    let people = [system.person("alice").await, system.person("bob").await, system.person("carol").await];
    let [alice, bob, carol] = &people;
    let room = system.group(&[alice, bob, carol]).await;
    let mut at_alice = system.connect(0, alice, &[]).await;
    let mut at_bob = system.connect(1, bob, &[(room, None)]).await;
    // A member who has not opened it.
    let mut at_carol = system.connect(1, carol, &[]).await;

    type_in(&at_alice, room, true).await;
    assert_eq!(at_bob.hear("typing", |push| typing(&push)).await, (room, alice.id, true));
    type_in(&at_alice, room, false).await;
    assert_eq!(at_bob.hear("not any more", |push| typing(&push)).await, (room, alice.id, false));

    // It took no place in the room.
    let id = at_alice.say(room, "said").await;
    assert_eq!(at_alice.persisted(&id).await, (2, false));
    assert_eq!(at_bob.entries(room, 2).await.len(), 1);
    assert_eq!(system.rest(1, carol).room(room).await.unwrap().head_seq, 2);
    let heard = at_carol.hear_until("news", |push| matches!(push, ServerPush::Notification(_))).await;
    assert!(!heard.iter().any(|push| typing(push).is_some()), "{heard:?}");
}

#[tokio::test]
async fn typing_all_the_time_is_told_every_two_seconds_and_its_end_once() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let at_alice = system.connect(0, &alice, &[]).await;
    let mut at_bob = system.connect(1, &bob, &[(room, None)]).await;
    let start = Instant::now();
    for _ in 0..50 {
        type_in(&at_alice, room, true).await;
    }
    let most = 1 + start.elapsed().as_secs() / 2;
    type_in(&at_alice, room, false).await;
    type_in(&at_alice, room, false).await;
    let mut heard = at_bob.hear_until("the end", |push| typing(push) == Some((room, alice.id, false))).await;
    at_alice.say(room, "said").await;
    heard.extend(at_bob.hear_until("said", |push| matches!(push, ServerPush::Message { .. })).await);
    let told: Vec<bool> = heard.iter().filter_map(typing).map(|(_, _, typing)| typing).collect();
    let began = told.iter().filter(|typing| **typing).count() as u64;
    assert!((1..=most).contains(&began), "{began} of at most {most}");
    assert_eq!(told.len() as u64, began + 1, "{told:?}");
}

#[tokio::test]
async fn a_stranger_cannot_say_that_they_type() {
    let system = System::shared().await;
    let (alice, eve) = (system.person("alice").await, system.person("eve").await);
    let room = system.group(&[&alice]).await;
    let at_eve = system.connect(1, &eve, &[]).await;
    let refused = at_eve.call(ClientCommand::Typing { room_id: room, typing: true }).await;
    assert_eq!(frame_error(refused).code, ErrorCode::RoomNotFound);
}

#[tokio::test]
async fn whoever_disconnects_while_typing_is_not_typing_any_more() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_bob = system.connect(1, &bob, &[(room, None)]).await;
    let at_alice = system.connect(0, &alice, &[]).await;
    type_in(&at_alice, room, true).await;
    assert_eq!(at_bob.hear("typing", |push| typing(&push)).await, (room, alice.id, true));
    at_alice.close().await;
    assert_eq!(at_bob.hear("gone", |push| typing(&push)).await, (room, alice.id, false));
    // Who had stopped before says nothing more.
    let again = system.connect(0, &alice, &[]).await;
    type_in(&again, room, true).await;
    type_in(&again, room, false).await;
    again.close().await;
    let last = system.connect(0, &alice, &[]).await;
    last.say(room, "said").await;
    let heard = at_bob.hear_until("said", |push| matches!(push, ServerPush::Message { .. })).await;
    let told: Vec<bool> = heard.iter().filter_map(typing).map(|(_, _, typing)| typing).collect();
    assert_eq!(told, [true, false]);
}

#[tokio::test]
async fn a_kicked_member_is_not_seen_typing() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_alice = system.connect(0, &alice, &[(room, None)]).await;
    // Nobody has the room open on this gateway: it does not hear of the kick, and takes him for a member for some seconds.
    let (at_bob, also_bob) = (system.connect(1, &bob, &[]).await, system.connect(1, &bob, &[]).await);
    type_in(&at_bob, room, true).await;
    assert_eq!(at_alice.hear("typing", |push| typing(&push)).await, (room, bob.id, true));
    system.rest(0, &alice).kick(room, bob.id).await.unwrap();
    let kicked = |push: &ServerPush| matches!(push, ServerPush::Message { message } if message.entry_type == EntryType::SystemKick);
    at_alice.hear_until("the kick", kicked).await;
    type_in(&also_bob, room, true).await;
    also_bob.close().await;
    at_alice.say(room, "said").await;
    let said =
        |push: &ServerPush| matches!(push, ServerPush::Message { message } if message.entry_type == EntryType::Text);
    let heard = at_alice.hear_until("said", said).await;
    assert!(!heard.iter().any(|push| typing(push).is_some()), "{heard:?}");
}

#[tokio::test]
async fn typing_is_left_out_while_redis_is_away_and_nobody_waits_for_it() {
    let (proxy, through_proxy) = TcpProxy::before(&TestEnv::from_env().redis_url).await;
    let system = System::with_gateways(&[&[("CHAT__REDIS__URL", &through_proxy)]]).await;
    let alice = system.person("alice").await;
    let rooms = [system.group(&[&alice]).await, system.group(&[&alice]).await];
    let mut at_alice = system.connect(0, &alice, &[(rooms[1], None)]).await;
    proxy.blackhole();
    deadline("answered without Redis", Duration::from_secs(5), type_in(&at_alice, rooms[0], true)).await;
    proxy.heal();
    // As soon as Redis is back it works again.
    let heard = async {
        loop {
            type_in(&at_alice, rooms[1], true).await;
            let next = at_alice.hear("typing", |push| typing(&push));
            if let Ok(told) = tokio::time::timeout(Duration::from_millis(2_100), next).await {
                return told;
            }
        }
    };
    assert_eq!(deadline("typing again", Duration::from_secs(20), heard).await, (rooms[1], alice.id, true));
}
