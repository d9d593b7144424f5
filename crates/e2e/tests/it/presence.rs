//! Who of a room's members is there.

use std::{collections::HashSet, time::Duration};

use chat_client::{Connection, connection::CallError};
use chat_e2e::{PATIENCE, Person, System, Talk, deadline};
use chat_protocol::{
    ErrorCode, GatewayId, RoomId, UserId,
    frame::{ClientCommand, ReplyBody, RoomCursor, RoomSubscription, ServerPush},
    push::PresenceStatus::{self, Offline, Online},
};
use chat_redis::{OnlineUsers, RedisConfig, RedisPool};
use chat_service::Secret;
use chat_testkit::{TcpProxy, TestEnv, assert_eventually};

/// The lease of a gateway, the next full check, and the second look.
const DEAD_WITHIN: Duration = Duration::from_secs(15 + 10 + 3 + 7);

async fn watch(connection: &Connection, room_id: RoomId) -> Result<RoomSubscription, CallError> {
    let rooms = vec![RoomCursor { room_id, after: None, presence: true }];
    match connection.call(ClientCommand::Subscribe { rooms }).await? {
        ReplyBody::Subscribe { mut rooms } => Ok(rooms.remove(0)),
        other => panic!("{other:?}"),
    }
}

/// Connects and watches a room.
async fn watching(system: &System, gateway: usize, person: &Person, room: RoomId) -> Connection {
    let connection = system.connect(gateway, person, &[]).await;
    assert_eq!(watch(&connection, room).await.unwrap().error, None);
    connection
}

fn presence(push: &ServerPush) -> Option<(UserId, PresenceStatus)> {
    match push {
        ServerPush::Presence(presence) => Some((presence.user_id, presence.status)),
        _ => None,
    }
}

/// Hears of somebody; of others, too, but nothing else of them before.
async fn hear_of(connection: &mut Connection, person: &Person, status: PresenceStatus) {
    let next = connection.hear("presence", |push| presence(&push).filter(|(user, _)| *user == person.id));
    assert_eq!(next.await, (person.id, status));
}

fn registry(system: &System) -> OnlineUsers {
    let isolation = &system.isolation;
    let url = Secret::new(isolation.redis_url());
    let config = RedisConfig { url, key_prefix: isolation.redis_prefix(), pool_size: 1 };
    OnlineUsers::new(RedisPool::new(&config).unwrap())
}

#[tokio::test]
async fn members_come_and_go_on_any_gateway_and_are_there_while_one_session_is() {
    let system = System::shared().await;
    let people = [system.person("alice").await, system.person("bob").await, system.person("carol").await];
    let [alice, bob, carol] = &people;
    let room = system.group(&[alice, bob, carol]).await;
    let _at_carol = system.connect(1, carol, &[]).await;
    let mut at_alice = watching(&system, 0, alice, room).await;
    hear_of(&mut at_alice, carol, Online).await;

    let phone = system.connect(1, bob, &[]).await;
    hear_of(&mut at_alice, bob, Online).await;
    // Who asks now is told of all who are there, and of nobody else.
    let mut laptop = watching(&system, 0, bob, room).await;
    let mut seen = Vec::new();
    let everybody = async {
        while seen.len() < 3 {
            seen.push(laptop.hear("the snapshot", |push| presence(&push)).await);
        }
    };
    deadline("the snapshot", PATIENCE, everybody).await;
    seen.sort_by_key(|(user, _)| *user);
    let mut expected = people.each_ref().map(|person| (person.id, Online));
    expected.sort_by_key(|(user, _)| *user);
    assert_eq!(seen, expected);

    // The phone goes, bob is still there; then he goes. Carol is there all the time.
    phone.close().await;
    // Longer than one who has gone is waited for.
    tokio::time::sleep(Duration::from_secs(6)).await;
    laptop.say(room, "still here").await;
    let heard = at_alice.hear_until("a message", |push| matches!(push, ServerPush::Message { .. })).await;
    assert!(!heard.iter().any(|push| presence(push) == Some((bob.id, Offline))), "{heard:?}");
    laptop.close().await;
    let heard = at_alice.hear_until("bob went", |push| presence(push) == Some((bob.id, Offline))).await;
    let told: Vec<_> = heard.iter().filter_map(presence).collect();
    assert_eq!(told, [(bob.id, Offline)]);
    let _again = system.connect(0, bob, &[]).await;
    hear_of(&mut at_alice, bob, Online).await;
}

#[tokio::test]
async fn the_members_on_a_gateway_that_died_are_gone_with_its_lease() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_alice = watching(&system, 0, &alice, room).await;
    // A gateway that registered its users, and then said nothing more.
    registry(&system).update(GatewayId::generate(), &[bob.id], &[]).await.unwrap();
    hear_of(&mut at_alice, &bob, Online).await;
    let gone = async {
        loop {
            if let Some(push) = at_alice.next_push().await
                && presence(&push) == Some((bob.id, Offline))
            {
                return;
            }
        }
    };
    deadline("gone with the lease", DEAD_WITHIN, gone).await;
}

#[tokio::test]
async fn whoever_moves_to_another_gateway_during_a_drain_never_went() {
    let system = System::start().await;
    let people = [system.person("alice").await, system.person("bob").await, system.person("carol").await];
    let [alice, bob, carol] = &people;
    let room = system.group(&[alice, bob, carol]).await;
    let mut at_alice = watching(&system, 0, alice, room).await;
    let at_bob = system.connect(1, bob, &[]).await;
    hear_of(&mut at_alice, bob, Online).await;

    let draining = system.gateway(1).context.lifecycle;
    draining.trigger();
    at_bob.closed().await;
    let registry = registry(&system);
    let online = async |users: &[UserId]| registry.online(users).await.unwrap().unwrap_or_default().len();
    assert_eventually!(online(&[bob.id]).await == 0, within = PATIENCE, "bob has left");
    // He is back in time, however long it takes to hear of carol.
    let _at_carol = system.connect(0, carol, &[]).await;
    let moved = system.connect(0, bob, &[]).await;
    let mut heard = at_alice.hear_until("carol", |push| presence(push) == Some((carol.id, Online))).await;
    deadline("down", PATIENCE, draining.shutdown_complete()).await.unwrap();
    let everybody = [alice.id, bob.id, carol.id];
    // Bob's registration there is under way; the other sessions are untouched.
    assert_eventually!(online(&everybody).await == 3, within = PATIENCE, "all on the other gateway");
    moved.close().await;
    heard.extend(at_alice.hear_until("bob went", |push| presence(push) == Some((bob.id, Offline))).await);
    let of_bob: Vec<_> = heard.iter().filter_map(presence).filter(|(user, _)| *user == bob.id).collect();
    assert_eq!(of_bob, [(bob.id, Offline)], "he never came back, because he had never gone");
}

#[tokio::test]
async fn presence_is_for_members() {
    let system = System::shared().await;
    let (alice, eve) = (system.person("alice").await, system.person("eve").await);
    let room = system.group(&[&alice]).await;
    let at_eve = system.connect(1, &eve, &[]).await;
    let refused = watch(&at_eve, room).await.unwrap();
    assert_eq!(refused.error.unwrap().code, ErrorCode::RoomNotFound);
}

#[tokio::test]
async fn whoever_did_not_ask_is_not_told() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut asked = watching(&system, 0, &alice, room).await;
    let mut not_asked = system.connect(0, &alice, &[(room, None)]).await;
    let at_bob = system.connect(1, &bob, &[]).await;
    hear_of(&mut asked, &bob, Online).await;
    at_bob.say(room, "hello").await;
    let heard = not_asked.hear_until("hello", |push| matches!(push, ServerPush::Message { .. })).await;
    assert!(!heard.iter().any(|push| presence(push).is_some()), "{heard:?}");
}

#[tokio::test]
async fn a_gateway_that_cannot_reach_redis_declares_nobody_gone() {
    let (proxy, through_proxy) = TcpProxy::before(&TestEnv::from_env().redis_url).await;
    let system = System::with_gateways(&[&[("CHAT__REDIS__URL", &through_proxy)], &[]]).await;
    let people = [system.person("alice").await, system.person("bob").await, system.person("carol").await];
    let [alice, bob, carol] = &people;
    let room = system.group(&[alice, bob, carol]).await;
    let mut at_alice = watching(&system, 0, alice, room).await;
    let _at_bob = system.connect(1, bob, &[]).await;
    // In whatever order: nothing else is to be told after that.
    let mut there = HashSet::new();
    let both = |push: &ServerPush| {
        there.extend(presence(push));
        there.is_superset(&HashSet::from([(alice.id, Online), (bob.id, Online)]))
    };
    at_alice.hear_until("alice and bob", both).await;

    proxy.cut();
    let _at_carol = system.connect(1, carol, &[]).await;
    // Longer than to the next full check, and from there to OFFLINE.
    let silence = tokio::time::timeout(Duration::from_secs(14), at_alice.hear("presence", |push| presence(&push)));
    if let Ok(told) = silence.await {
        panic!("told without knowing: {told:?}");
    }
    proxy.heal();
    let heard = at_alice.hear_until("carol", |push| presence(push) == Some((carol.id, Online))).await;
    assert!(!heard.iter().any(|push| matches!(presence(push), Some((_, Offline)))), "{heard:?}");
}

#[tokio::test]
async fn a_gateway_that_cannot_reach_the_database_tells_its_watchers_what_redis_knows() {
    let (proxy, url) = TcpProxy::before(&TestEnv::from_env().postgres_url).await;
    let system = System::with_gateways(&[&[("CHAT__POSTGRES__URL", &url)], &[]]).await;
    let people = [system.person("alice").await, system.person("bob").await, system.person("carol").await];
    let [alice, bob, carol] = &people;
    let room = system.group(&[alice, bob, carol]).await;
    let mut at_alice = watching(&system, 0, alice, room).await;
    let at_bob = system.connect(1, bob, &[]).await;
    hear_of(&mut at_alice, bob, Online).await;

    proxy.cut();
    // Past the next full check, which fails.
    tokio::time::sleep(Duration::from_secs(12)).await;
    at_bob.close().await;
    hear_of(&mut at_alice, bob, Offline).await;
    let _at_carol = system.connect(1, carol, &[]).await;
    hear_of(&mut at_alice, carol, Online).await;
    proxy.heal();
}
