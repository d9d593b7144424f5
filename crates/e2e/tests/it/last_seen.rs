//! When members were last here, and what it costs to tell of many of them.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chat_client::{
    Connection, RestClient, RestError,
    rest::{MemberPresence, MemberStatus},
};
use chat_e2e::{PATIENCE, Person, System, Talk, deadline};
use chat_protocol::{
    ErrorCode, GatewayId, RoomId, UserId,
    frame::{ClientCommand, ReplyBody, RoomCursor, ServerPush},
    push::{
        Presence,
        PresenceStatus::{Offline, Online},
    },
};
use chat_redis::{OnlineUsers, RedisConfig, RedisPool};
use chat_service::Secret;
use chat_testkit::{TcpProxy, TestEnv, assert_eventually};
use jiff::{Timestamp, ToSpan};

/// Connects and watches a room.
async fn watching(system: &System, gateway: usize, person: &Person, room_id: RoomId) -> Connection {
    let connection = system.connect(gateway, person, &[]).await;
    let rooms = vec![RoomCursor { room_id, after: None, presence: true }];
    match connection.call(ClientCommand::Subscribe { rooms }).await.unwrap() {
        ReplyBody::Subscribe { rooms } => assert_eq!(rooms[0].error, None),
        other => panic!("{other:?}"),
    }
    connection
}

fn presence(push: &ServerPush) -> Option<&Presence> {
    if let ServerPush::Presence(presence) = push { Some(presence) } else { None }
}

/// The next that is told of somebody.
async fn told_of(connection: &mut Connection, person: &Person) -> Presence {
    connection.hear("presence", |push| presence(&push).filter(|it| it.user_id == person.id).cloned()).await
}

async fn members(rest: &RestClient, room: RoomId) -> HashMap<UserId, MemberPresence> {
    let members = rest.presence(room).await.unwrap();
    members.into_iter().map(|member| (member.user_id, member)).collect()
}

#[tokio::test]
async fn who_has_gone_was_last_seen_when_the_last_session_ended() {
    let system = System::shared().await;
    let people = [system.person("alice").await, system.person("bob").await, system.person("never").await];
    let [alice, bob, never] = &people;
    let room = system.group(&[alice, bob, never]).await;
    let mut at_alice = watching(&system, 0, alice, room).await;
    let (phone, laptop) = (system.connect(0, bob, &[]).await, system.connect(1, bob, &[]).await);
    let came = told_of(&mut at_alice, bob).await;
    assert_eq!((came.status, came.last_seen), (Online, None));
    phone.close().await;
    // Longer than one who has gone is waited for.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let before = Timestamp::now();
    laptop.close().await;
    let went = told_of(&mut at_alice, bob).await;
    assert_eq!(went.status, Offline, "one session was left");
    let rest = system.rest(0, alice);
    let of_bob = async || members(&rest, room).await[&bob.id].last_seen;
    let left = |last_seen: Option<Timestamp>| last_seen.is_some_and(|seen| seen >= before - 50.milliseconds());
    assert_eventually!(left(of_bob().await), within = PATIENCE, "written when he left");
    let seen = of_bob().await.unwrap();
    assert!(seen <= before + 2.seconds(), "{before} {seen}");
    // It is told without the time when the database does not say it within a second.
    assert!(went.last_seen.is_none_or(|told| told == seen), "{went:?} {seen}");

    for gateway in [0, 1] {
        let members = members(&system.rest(gateway, alice), room).await;
        let of = |person: &Person| (members[&person.id].status, members[&person.id].last_seen);
        assert_eq!(of(alice), (MemberStatus::Online, None));
        assert_eq!(of(bob), (MemberStatus::Offline, Some(seen)));
        assert_eq!(of(never), (MemberStatus::Offline, None));
        assert_eq!(members.len(), 3);
    }
}

#[tokio::test]
async fn who_was_last_seen_when_is_for_members() {
    let system = System::shared().await;
    let (alice, bob, eve) = (system.person("alice").await, system.person("bob").await, system.person("eve").await);
    let room = system.group(&[&alice, &bob]).await;
    let refused = |result: Result<Vec<MemberPresence>, RestError>| result.unwrap_err().code();
    assert_eq!(refused(system.rest(0, &eve).presence(room).await), Some(ErrorCode::RoomNotFound));
    assert_eq!(refused(system.rest(0, &eve).presence(RoomId::generate()).await), Some(ErrorCode::RoomNotFound));
    assert!(system.rest(1, &bob).presence(room).await.is_ok());
    system.rest(0, &alice).kick(room, bob.id).await.unwrap();
    assert_eq!(refused(system.rest(1, &bob).presence(room).await), Some(ErrorCode::RoomNotFound));
    assert_eq!(system.rest(1, &alice).presence(room).await.unwrap().len(), 1);
}

#[tokio::test]
async fn while_redis_is_away_nobody_is_said_to_be_offline() {
    let (proxy, through_proxy) = TcpProxy::before(&TestEnv::from_env().redis_url).await;
    let system = System::with_gateways(&[&[("CHAT__REDIS__URL", &through_proxy)], &[]]).await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let at_bob = system.connect(1, &bob, &[]).await;
    let rest = system.rest(0, &alice);
    let of_bob = async || members(&rest, room).await.remove(&bob.id).unwrap();
    assert_eventually!(of_bob().await.status == MemberStatus::Online, within = PATIENCE, "online");
    let before = Timestamp::now();
    at_bob.close().await;
    let left = |last_seen: Option<Timestamp>| last_seen.is_some_and(|seen| seen >= before);
    assert_eventually!(left(of_bob().await.last_seen), within = PATIENCE, "offline, and seen when he left");
    let seen = of_bob().await.last_seen;
    proxy.blackhole();
    let unknown = deadline("an answer without Redis", Duration::from_secs(5), rest.presence(room)).await.unwrap();
    assert!(unknown.iter().all(|member| member.status == MemberStatus::Unknown), "{unknown:?}");
    let of = |person: &Person| unknown.iter().find(|member| member.user_id == person.id).unwrap().last_seen;
    assert_eq!((of(&alice), of(&bob)), (None, seen), "the database knows it still");
    proxy.heal();
    assert_eventually!(of_bob().await.status == MemberStatus::Offline, within = PATIENCE, "known again");
}

#[tokio::test]
async fn while_the_database_is_away_the_time_of_leaving_waits() {
    let (proxy, url) = TcpProxy::before(&TestEnv::from_env().postgres_url).await;
    let system = System::with_gateways(&[&[], &[("CHAT__POSTGRES__URL", &url)]]).await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_alice = watching(&system, 0, &alice, room).await;
    let at_bob = system.connect(1, &bob, &[]).await;
    assert_eq!(told_of(&mut at_alice, &bob).await.status, Online);
    let gateway = system.gateway(1);
    let written = |result| gateway.counter("chat_gateway_last_seen_total", result);
    assert_eventually!(written("written") >= 1.0, within = PATIENCE, "on arrival");

    proxy.cut();
    let before = Timestamp::now();
    at_bob.close().await;
    let went = told_of(&mut at_alice, &bob).await;
    assert_eq!(went.status, Offline, "nobody waits for the database of that gateway");
    assert!(went.last_seen.is_some_and(|seen| seen < before), "on arrival, as far as is known: {went:?}");
    assert_eventually!(written("failed") >= 1.0, within = PATIENCE, "tried");
    let healed = Timestamp::now();
    proxy.heal();
    let rest = system.rest(0, &alice);
    let seen = async || members(&rest, room).await[&bob.id].last_seen.unwrap();
    assert_eventually!(seen().await >= before - 50.milliseconds(), within = 2 * PATIENCE, "written later");
    assert!(seen().await < healed, "as it was then");
}

#[tokio::test]
async fn a_gateway_that_drains_writes_when_its_users_left() {
    let system = System::start().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let rest = system.rest(0, &alice);
    let seen = async || members(&rest, room).await[&bob.id].clone();
    let at_bob = system.connect(1, &bob, &[]).await;
    assert_eventually!(seen().await.status == MemberStatus::Online, within = PATIENCE, "online");
    let gateway = system.gateway(1);
    assert_eventually!(
        gateway.counter("chat_gateway_last_seen_total", "written") >= 1.0,
        within = PATIENCE,
        "on arrival"
    );
    let before = Timestamp::now();
    gateway.context.lifecycle.trigger();
    at_bob.closed().await;
    deadline("down", PATIENCE, gateway.context.lifecycle.shutdown_complete()).await.unwrap();
    let bob = seen().await;
    assert_eq!(bob.status, MemberStatus::Offline);
    assert!(bob.last_seen.is_some_and(|seen| seen >= before), "{before} {bob:?}");
}

#[tokio::test]
async fn a_member_who_reconnects_a_hundred_times_is_told_once() {
    let system = System::shared().await;
    let people = [system.person("alice").await, system.person("bob").await, system.person("carol").await];
    let [alice, bob, carol] = &people;
    let room = system.group(&[alice, bob, carol]).await;
    let mut at_alice = watching(&system, 0, alice, room).await;
    let mut at_bob = system.connect(1, bob, &[]).await;
    assert_eq!(told_of(&mut at_alice, bob).await.status, Online);
    for nth in 0..100 {
        // No goodbye, which takes longer than the rest.
        drop(at_bob);
        at_bob = system.connect(nth % 2, bob, &[]).await;
    }
    // Longer than one who has gone is waited for.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let _at_carol = system.connect(1, carol, &[]).await;
    let last = |push: &ServerPush| presence(push).is_some_and(|it| it.user_id == carol.id);
    let heard = at_alice.hear_until("carol came", last).await;
    let of_bob: Vec<_> = heard.iter().filter_map(presence).filter(|it| it.user_id == bob.id).collect();
    assert!(of_bob.is_empty(), "{of_bob:?}");
    at_bob.close().await;
    assert_eq!(told_of(&mut at_alice, bob).await.status, Offline);
}

#[tokio::test]
async fn three_hundred_who_come_and_go_at_once_are_one_push_each() {
    let system = System::start().await;
    let mut people = vec![system.person("alice").await];
    for nth in 0..300 {
        people.push(system.person(&format!("p{nth}")).await);
    }
    let everybody: Vec<&Person> = people.iter().collect();
    let room = system.group_by_hand(&everybody).await;
    let others: Vec<UserId> = people[1..].iter().map(|person| person.id).collect();
    let mut watchers = Vec::new();
    for _ in 0..5 {
        let mut watcher = watching(&system, 0, &people[0], room).await;
        assert_eq!(told_of(&mut watcher, &people[0]).await.status, Online);
        watchers.push(watcher);
    }
    let url = Secret::new(system.isolation.redis_url());
    let config = RedisConfig { url, key_prefix: system.isolation.redis_prefix(), pool_size: 1 };
    let registry = OnlineUsers::new(RedisPool::new(&config).unwrap());
    let elsewhere = GatewayId::generate();
    let pushes = || system.gateway(0).metric("chat_gateway_presence_pushes_total").unwrap();
    for status in [Online, Offline] {
        let before = pushes();
        match status {
            Online => registry.update(elsewhere, &others, &[]).await.unwrap(),
            Offline => registry.remove_gateway(elsewhere, &others).await.unwrap(),
        }
        for watcher in &mut watchers {
            let mut told = HashSet::new();
            let all = async {
                while told.len() < others.len() {
                    let it = watcher.hear("presence", |push| presence(&push).cloned()).await;
                    assert_eq!(it.status, status);
                    assert!(told.insert(it.user_id), "twice");
                }
            };
            deadline("all are told", PATIENCE, all).await;
        }
        assert_eventually!(
            (pushes() - before - 1_500.0).abs() < f64::EPSILON,
            within = PATIENCE,
            "{} pushes",
            pushes() - before
        );
    }
}
