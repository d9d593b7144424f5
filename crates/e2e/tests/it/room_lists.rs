//! Whoever was told of something is never given a room list without it, whichever gateway is asked.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chat_client::{Connection, rest::Room};
use chat_e2e::{Gateway, PATIENCE, Person, System, Talk, deadline};
use chat_protocol::{
    ClientMessageId, Entry, MessageId, RoomId,
    frame::{ClientCommand, ServerPush},
};
use chat_testkit::{TcpProxy, TestEnv, assert_eventually};
use futures_util::future::join_all;

const LISTS: &str = "chat_gateway_room_lists_total";

/// The room in the person's list, as both gateways have it.
async fn listed(system: &System, person: &Person, room: RoomId) -> Room {
    let [first, second] = [0, 1].map(|gateway| system.rest(gateway, person));
    let (first, second) = tokio::join!(first.rooms(), second.rooms());
    let find = |rooms: Vec<Room>| rooms.into_iter().find(|listed| listed.room_id == room).expect("a room of theirs");
    let (first, second) = (find(first.unwrap()), find(second.unwrap()));
    assert_eq!(first, second, "both gateways");
    first
}

async fn is_listed(system: &System, person: &Person, room: RoomId) -> [bool; 2] {
    let lists =
        join_all([0, 1].map(|gateway| async move { system.rest(gateway, person).rooms().await.unwrap() })).await;
    [0, 1].map(|gateway| lists[gateway].iter().any(|listed| listed.room_id == room))
}

/// Waits for a push with a place in the room's order.
async fn hear_seq(connection: &mut Connection, wanted: i64) -> Entry {
    connection
        .hear("an event", |push| {
            match push {
                ServerPush::Message { message } => Some((message.seq, message)),
                ServerPush::Edit(change) | ServerPush::Delete(change) | ServerPush::React(change) => {
                    Some((change.seq, change.message))
                }
                _ => None,
            }
            .filter(|(seq, _)| *seq == wanted)
        })
        .await
        .1
}

async fn hear_mark(connection: &mut Connection, person: &Person, seq: i64) {
    let receipt = |push| match push {
        ServerPush::Read(receipt) if receipt.user_id == person.id && receipt.last_read_seq >= seq => Some(()),
        _ => None,
    };
    connection.hear("a read mark", receipt).await;
}

fn change(room_id: RoomId, message_id: MessageId, turn: usize) -> ClientCommand {
    let client_message_id = ClientMessageId::generate();
    match turn {
        0 => ClientCommand::Edit { room_id, message_id, client_message_id, content: "edited".into() },
        1 => ClientCommand::React { room_id, message_id, client_message_id, emoji: "👍".into(), remove: false },
        _ => ClientCommand::Delete { room_id, message_id, client_message_id },
    }
}

/// Lists put together by a gateway, by where they came from.
fn lists(gateway: &Gateway, result: &str) -> f64 {
    gateway.counter(LISTS, result)
}

#[tokio::test]
async fn a_list_has_everything_that_a_push_told_before() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let (room, other) = (system.group(&[&alice, &bob]).await, system.group(&[&bob, &alice]).await);
    let mut at_alice = system.connect(0, &alice, &[(room, None)]).await;
    let mut at_bob = system.connect(1, &bob, &[(room, None), (other, None)]).await;
    for turn in 0..5 {
        listed(&system, &bob, room).await;
        at_alice.say(room, &format!("{turn}")).await;
        hear_seq(&mut at_bob, turn + 2).await;
        let seen = listed(&system, &bob, room).await;
        assert_eq!((seen.head_seq, seen.unread_count), (turn + 2, turn + 1));
        assert_eq!(seen.last_message.unwrap().content, turn.to_string());
    }
    let last = listed(&system, &bob, room).await.last_message.unwrap().message_id;
    for turn in 0..3 {
        at_alice.call(change(room, last, turn)).await.unwrap();
        let told = hear_seq(&mut at_bob, 7 + i64::try_from(turn).unwrap()).await;
        let seen = listed(&system, &bob, room).await;
        assert_eq!((seen.head_seq, seen.unread_count), (7 + i64::try_from(turn).unwrap(), 5));
        assert_eq!(seen.last_message.unwrap(), told);
    }

    at_bob.call(ClientCommand::Read { room_id: room, seq: 4 }).await.unwrap();
    hear_mark(&mut at_bob, &bob, 4).await;
    let seen = listed(&system, &bob, room).await;
    assert_eq!((seen.read_seq, seen.unread_count), (4, 2));
    let sent = at_bob.say(room, "mine").await;
    let (seq, _) = at_bob.persisted(&sent).await;
    let seen = listed(&system, &bob, room).await;
    assert_eq!((seen.head_seq, seen.read_seq, seen.unread_count), (seq, seq, 0));
    let order = async || -> Vec<RoomId> {
        system.rest(0, &bob).rooms().await.unwrap().iter().map(|room| room.room_id).collect()
    };
    assert_eq!(order().await, [room, other]);
    system.rest(1, &bob).send_message(other, &ClientMessageId::generate(), "latest").await.unwrap();
    assert_eq!(order().await, [other, room], "latest first");
    hear_seq(&mut at_alice, seq).await;
    assert_eq!(listed(&system, &alice, room).await.unread_count, 1);
}

#[tokio::test]
async fn rooms_come_and_go_with_the_answer_to_the_command() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    // More than an entry names.
    let crowd = join_all((0..30).map(|_| system.person("one of many"))).await;
    let by_id = |person: &&Person| person.id;
    let (bob, last) = (crowd.iter().min_by_key(by_id).unwrap(), crowd.iter().max_by_key(by_id).unwrap());
    let rest = system.rest(0, &alice);
    for person in [&alice, bob, last] {
        assert_eq!(system.rest(1, person).rooms().await.unwrap(), []);
        assert_eq!(system.rest(0, person).rooms().await.unwrap(), []);
    }
    let direct = rest.direct_room(bob.id).await.unwrap();
    assert_eq!(listed(&system, bob, direct).await.name, "alice");
    assert_eq!(listed(&system, &alice, direct).await.name, "one of many");
    let everybody: Vec<_> = crowd.iter().map(|person| person.id).collect();
    let room = rest.create_group_room("small", &[]).await.unwrap();
    assert_eq!(listed(&system, &alice, room).await.member_count, 1);
    rest.invite(room, &everybody).await.unwrap();
    for person in &crowd {
        let seen = listed(&system, person, room).await;
        assert_eq!((seen.member_count, seen.head_seq, seen.unread_count), (31, 2, 0));
    }
    system.rest(1, last).leave(room).await.unwrap();
    assert_eq!(is_listed(&system, last, room).await, [false, false]);
    assert_eq!(listed(&system, bob, room).await.member_count, 30);
    rest.invite(room, &[last.id]).await.unwrap();
    assert_eq!(listed(&system, last, room).await.member_count, 31);
    let large = rest.create_group_room("large", &everybody).await.unwrap();
    for person in &crowd {
        assert_eq!(listed(&system, person, large).await.member_count, 31);
    }
}

/// What has been told of one room and one reader.
#[derive(Default)]
struct Told {
    head: AtomicI64,
    mark: AtomicI64,
    over: AtomicBool,
}

#[tokio::test]
async fn under_a_storm_of_writes_and_lists_no_list_is_behind_what_was_told() {
    const MESSAGES: i64 = 60;
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let at_alice = system.connect(0, &alice, &[]).await;
    let mut at_bob = system.connect(1, &bob, &[(room, Some(0))]).await;
    let told = Arc::new(Told::default());

    let listen = async {
        let (mut head, mut mark) = (0, 0);
        while head <= MESSAGES || mark <= MESSAGES {
            match at_bob.next_push().await.expect("an open connection") {
                ServerPush::Message { message } => {
                    head = message.seq;
                    told.head.store(head, Ordering::SeqCst);
                    if head % 3 == 0 || head > MESSAGES {
                        at_bob.call(ClientCommand::Read { room_id: room, seq: head }).await.unwrap();
                    }
                }
                ServerPush::Read(receipt) if receipt.user_id == bob.id => {
                    mark = receipt.last_read_seq;
                    told.mark.store(mark, Ordering::SeqCst);
                }
                _ => {}
            }
        }
        told.over.store(true, Ordering::SeqCst);
    };
    let write = async {
        for turn in 0..MESSAGES {
            at_alice.say(room, &turn.to_string()).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let read = |gateway: usize| {
        let (rest, told) = (system.rest(gateway, &bob), told.clone());
        async move {
            let mut lists = 0;
            while !told.over.load(Ordering::SeqCst) {
                let (head, mark) = (told.head.load(Ordering::SeqCst), told.mark.load(Ordering::SeqCst));
                let seen = rest.rooms().await.unwrap().remove(0);
                assert!(seen.head_seq >= head, "head {}, told {head}", seen.head_seq);
                assert!(seen.read_seq >= mark, "mark {}, told {mark}", seen.read_seq);
                // Every entry after the first is a message, and nobody else's mark is shown.
                assert_eq!(seen.unread_count, seen.head_seq - seen.read_seq.max(1));
                assert_eq!(seen.last_message.unwrap().seq, seen.head_seq);
                lists += 1;
            }
            lists
        }
    };
    let all = async { tokio::join!(listen, write, join_all([0, 1, 0, 1].map(read))) };
    let ((), (), counts) = deadline("the storm", PATIENCE * 4, all).await;
    assert!(counts.iter().all(|lists| *lists > 5), "{counts:?}");
    assert_eq!(listed(&system, &bob, room).await.unread_count, 0);
    // Nothing happens any more: the cache serves.
    for gateway in [0, 1].map(|index| system.gateway(index)) {
        let before = lists(&gateway, "hit");
        let rest = gateway.rest(&bob);
        assert_eventually!(
            rest.rooms().await.is_ok() && lists(&gateway, "hit") > before,
            within = PATIENCE,
            "a list from the cache"
        );
    }
}

#[tokio::test]
async fn what_a_gateway_or_a_notification_told_first_is_in_every_list() {
    let system = System::start().await;
    let people = [system.person("alice").await, system.person("bob").await, system.person("carol").await];
    let [alice, bob, carol] = &people;
    let room = system.group(&[alice, bob, carol]).await;
    let at_alice = system.connect(0, alice, &[]).await;
    let mut at_bob = system.connect(1, bob, &[(room, None)]).await;
    let mut at_carol = system.connect(0, carol, &[]).await;
    // Redis brings no more events: gateways find them by comparing heads, and the notifier tells by itself.
    system.stop_worker("broadcaster").await;
    for seq in 2..5 {
        for person in &people {
            listed(&system, person, room).await;
        }
        at_alice.say(room, "where is everybody").await;
        let told = at_carol.hear("a notification", |push| match push {
            ServerPush::Notification(notification) if notification.seq == seq => Some(()),
            _ => None,
        });
        told.await;
        let seen = listed(&system, carol, room).await;
        assert_eq!((seen.head_seq, seen.unread_count), (seq, seq - 1));
        listed(&system, bob, room).await;
        hear_seq(&mut at_bob, seq).await;
        let seen = listed(&system, bob, room).await;
        assert_eq!((seen.head_seq, seen.unread_count), (seq, seq - 1));
    }
}

#[tokio::test]
async fn a_new_name_is_at_once_in_the_lists_of_others() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.rest(0, &alice).direct_room(bob.id).await.unwrap();
    assert_eq!(listed(&system, &bob, room).await.name, "alice", "and it is kept from now on");
    system.rest(1, &alice).update_profile("alicia").await.unwrap();
    assert_eq!(listed(&system, &bob, room).await.name, "alicia");
    assert_eq!(listed(&system, &alice, room).await.name, "bob");
}

#[tokio::test]
async fn without_redis_lists_come_from_the_database_and_are_right() {
    let (proxy, through_proxy) = TcpProxy::before(&TestEnv::from_env().redis_url).await;
    let impatient = ("CHAT__DELIVERY__REDIS_WITHIN_MS", "100");
    let system = System::with_gateways(&[&[], &[("CHAT__REDIS__URL", &through_proxy), impatient]]).await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let at_alice = system.connect(0, &alice, &[]).await;
    let mut at_bob = system.connect(1, &bob, &[(room, Some(0))]).await;
    hear_seq(&mut at_bob, 1).await;
    let mut seq = 1;
    for how in ["cut", "black hole"] {
        listed(&system, &bob, room).await;
        if how == "cut" {
            proxy.cut();
        } else {
            proxy.blackhole();
        }
        let fallbacks = lists(&system.gateway(1), "fallback");
        for _ in 0..3 {
            seq += 1;
            at_alice.say(room, how).await;
            hear_seq(&mut at_bob, seq).await;
            let asked = Instant::now();
            let seen = system.rest(1, &bob).rooms().await.unwrap().remove(0);
            assert!(asked.elapsed() < Duration::from_secs(3), "{how}: {:?}", asked.elapsed());
            assert_eq!((seen.head_seq, seen.unread_count), (seq, seq - 1), "{how}");
        }
        assert!(lists(&system.gateway(1), "fallback") > fallbacks, "{how}");
        proxy.heal();
        seq += 1;
        at_alice.say(room, "healed").await;
        hear_seq(&mut at_bob, seq).await;
        assert_eq!(listed(&system, &bob, room).await.head_seq, seq, "{how}");
        let hits = lists(&system.gateway(1), "hit");
        assert_eventually!(
            listed(&system, &bob, room).await.head_seq == seq && lists(&system.gateway(1), "hit") > hits,
            within = PATIENCE,
            "the cache again"
        );
    }
}
