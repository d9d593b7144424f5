//! Many come back at the same time: they are let in at a rate, and brought forward without asking the database for each.

use std::time::{Duration, Instant};

use chat_client::{Connection, connection::ConnectError};
use chat_e2e::{Crowd, Gateway, PATIENCE, Person, System, Talk, ask, assert_gapless, deadline, upgrade_request};
use chat_protocol::{
    Entry, RoomId,
    frame::{RoomCursor, ServerPush},
};
use chat_store::Store;
use chat_testkit::assert_eventually;
use futures_util::future::join_all;

const PAGES: &str = "chat_gateway_catch_up_pages_total";
const FROM_RING: &str = "chat_gateway_ring_catch_ups_total";

/// A group of these people with `said` messages, all of them on the way to nobody any more.
async fn quiet_room(system: &System, people: &[Person], said: usize) -> RoomId {
    let room = system.group(&people.iter().collect::<Vec<_>>()).await;
    let mut talking = system.connect(0, &people[0], &[(room, Some(1))]).await;
    for turn in 0..said {
        talking.say(room, &format!("{turn}")).await;
    }
    if said > 0 {
        talking.entries(room, head(said)).await;
    }
    talking.close().await;
    room
}

/// Of a room with `said` messages.
fn head(said: usize) -> i64 {
    i64::try_from(said).unwrap() + 1
}

fn message(push: ServerPush) -> Option<Entry> {
    if let ServerPush::Message { message } = push { Some(message) } else { None }
}

async fn people(system: &System, count: usize) -> Vec<Person> {
    join_all((0..count).map(|nth| async move { system.person(&format!("person {nth}")).await })).await
}

/// Comes back until it is let in; how often it was told to come later.
async fn insist(gateway: &Gateway, person: &Person, rooms: &[RoomCursor]) -> (Connection, usize) {
    let mut refused = 0;
    loop {
        match Connection::connect(&gateway.ws_url(), &person.token, rooms.to_vec()).await {
            Ok((connection, welcome)) => {
                assert!(welcome.rooms.iter().all(|room| room.error.is_none()), "{welcome:?}");
                return (connection, refused);
            }
            Err(ConnectError::Later { status: 503, retry_after }) => {
                refused += 1;
                tokio::time::sleep(retry_after).await;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_wave_above_the_rate_is_told_to_come_later_and_disturbs_nobody() {
    let slow = [("CHAT__WS__CONNECTS_PER_SECOND", "10"), ("CHAT__WS__CONNECTS_BURST", "5")];
    let system = System::with_gateways(&[&slow]).await;
    let (people, gateway) = (people(&system, 40).await, system.gateway(0));
    let room = system.group(&people.iter().collect::<Vec<_>>()).await;
    let mut inside = system.connect(0, &people[0], &[(room, Some(1))]).await;

    let cursors = [RoomCursor { room_id: room, after: Some(1), presence: false }];
    let wave = deadline("everybody in", PATIENCE * 2, join_all(people.iter().map(|p| insist(&gateway, p, &cursors))));
    let talking = async {
        // While they come: an existing session is served as ever.
        let mut slowest = Duration::ZERO;
        for turn in 0..20 {
            let begun = Instant::now();
            let id = inside.say(room, &format!("{turn}")).await;
            inside.persisted(&id).await;
            slowest = slowest.max(begun.elapsed());
        }
        slowest
    };
    let (arrived, slowest) = tokio::join!(wave, talking);
    let refused: usize = arrived.iter().map(|(_, refused)| refused).sum();
    assert!(refused > 0);
    let counted = gateway.counter("chat_gateway_upgrades_refused_total", "rate");
    assert_eq!(counted.to_string(), refused.to_string());
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    for (mut connection, _) in arrived {
        assert_gapless(&connection.entries(room, head(20)).await, 2);
    }
}

#[tokio::test]
async fn a_refusal_by_rate_says_when_to_come_again_and_looks_at_no_token() {
    let slow = [("CHAT__WS__CONNECTS_PER_SECOND", "1"), ("CHAT__WS__CONNECTS_BURST", "1")];
    let system = System::with_gateways(&[&slow]).await;
    let gateway = system.gateway(0);
    let wrong_token = upgrade_request(gateway.addr, "/ws/v1/chat?token=nonsense", &[]);
    assert_eq!(ask(gateway.addr, &wrong_token).await.status, 401, "the first takes the place");
    let answer = loop {
        let answer = ask(gateway.addr, &wrong_token).await;
        if answer.status != 401 {
            break answer;
        }
    };
    assert_eq!((answer.status, &*answer.code()), (503, "unavailable"), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let told = body["retryAfterMs"].as_u64().unwrap();
    assert!((1..=5_000).contains(&told) && seconds == told.div_ceil(1_000), "{answer:?}");
}

#[tokio::test]
async fn one_frame_brings_a_hundred_rooms_back() {
    const ROOMS: usize = 100;
    let system = System::with_gateways(&[&[], &[]]).await;
    let people = people(&system, 1).await;
    let mut rooms = Vec::new();
    for _ in 0..ROOMS / 10 {
        rooms.extend(join_all((0..10).map(|_| quiet_room(&system, &people, 3))).await);
    }
    // The second gateway has none of them open.
    let cursors: Vec<_> = rooms.iter().enumerate().map(|(nth, room)| (*room, Some(head(nth % 4)))).collect();
    let mut connection = system.connect(1, &people[0], &cursors).await;
    let missing: usize = (0..ROOMS).map(|nth| 3 - nth % 4).sum();
    let mut heard = Vec::new();
    while heard.len() < missing {
        heard.push(connection.hear("a message", message).await);
    }
    for (nth, room) in rooms.iter().enumerate() {
        let of_room: Vec<_> = heard.iter().filter(|entry| entry.room_id == *room).cloned().collect();
        assert_eq!(of_room.len(), 3 - nth % 4);
        assert_gapless(&of_room, head(nth % 4) + 1);
    }
    // The hub publishes what it counted with its next tick.
    let pages = || system.gateway(1).metric(PAGES).unwrap();
    assert_eventually!(pages() >= 75.0, within = PATIENCE, "one for each room that moved: {}", pages());
    assert_eq!(pages().to_string(), "75");
}

/// A session that comes back with cursors of its own, until it has everything.
async fn come_back(gateway: &Gateway, person: &Person, rooms: &[RoomId], nth: usize, said: usize) -> Connection {
    let after = |room: usize| head((nth + 7 * room) % said);
    let cursors: Vec<_> = rooms.iter().enumerate().map(|(room, id)| (*id, Some(after(room)))).collect();
    let mut connection = gateway.connect(person, &cursors).await;
    let mut seen = vec![Vec::new(); rooms.len()];
    let is_complete =
        |(room, seen): (usize, &Vec<Entry>)| head(said) == after(room) + i64::try_from(seen.len()).unwrap();
    while !seen.iter().enumerate().all(is_complete) {
        let entry = connection.hear("a message", message).await;
        seen[rooms.iter().position(|room| *room == entry.room_id).unwrap()].push(entry);
    }
    for (room, seen) in seen.iter().enumerate() {
        assert_gapless(seen, after(room) + 1);
    }
    connection
}

#[tokio::test]
async fn a_mass_reconnect_reads_a_room_from_the_database_a_few_times() {
    const ROOMS: u32 = 10;
    const SESSIONS: u32 = 60;
    const AT_ONCE: u32 = 10;
    const SAID: usize = 30;
    let system = System::with_gateways(&[&[], &[], &[("CHAT__DELIVERY__RING_EVENTS", "0")]]).await;
    let people = people(&system, SESSIONS as usize).await;
    let rooms = join_all((0..ROOMS).map(|_| quiet_room(&system, &people, SAID))).await;
    for gateway in [system.gateway(1), system.gateway(2)] {
        // On a gateway that has none of the rooms open, as after a restart.
        let mut back = Vec::new();
        for (wave, people) in people.chunks(AT_ONCE as usize).enumerate() {
            let coming = people
                .iter()
                .enumerate()
                .map(|(nth, person)| come_back(&gateway, person, &rooms, wave + 3 * nth, SAID));
            back.extend(deadline("everybody back", PATIENCE * 2, join_all(coming)).await);
        }
    }
    // The hub publishes what it counted with its next tick.
    let (ring, none) = (system.gateway(1), system.gateway(2));
    let [pages, from_ring] = [PAGES, FROM_RING].map(|name| move |gateway: &Gateway| gateway.metric(name).unwrap());
    let enough = f64::from((SESSIONS - 2 * AT_ONCE) * ROOMS);
    assert_eventually!(from_ring(&ring) >= enough, within = PATIENCE, "from the ring: {}", from_ring(&ring));
    assert!(pages(&ring) <= f64::from(4 * ROOMS), "{}", pages(&ring));
    let each_wave = f64::from(SESSIONS / AT_ONCE * ROOMS);
    assert_eventually!(pages(&none) >= each_wave, within = PATIENCE, "pages without a ring: {}", pages(&none));
    assert_eq!(from_ring(&none).to_string(), "0");
}

#[tokio::test]
async fn when_all_gateways_restart_together_everybody_is_back_and_complete() {
    const ROOMS: u32 = 5;
    const PER_ROOM: usize = 20;
    let system = System::start().await;
    let store = Store::new(&system.isolation.postgres()).unwrap();
    let before = [system.gateway(0), system.gateway(1)];
    let addresses = before.each_ref().map(Gateway::url);
    let mut crowd = Crowd::gather(&store, &addresses, ROOMS as usize, PER_ROOM).await;
    let restart = async {
        for gateway in &before {
            gateway.context.lifecycle.trigger();
        }
        for gateway in &before {
            deadline("down", PATIENCE, gateway.context.lifecycle.shutdown_complete()).await.unwrap();
        }
        // At their old addresses.
        for gateway in &before {
            system.add_unready_gateway(&[("CHAT__HTTP__LISTEN", &gateway.addr.to_string())]);
        }
    };
    crowd.talk("restart", 3, Duration::from_mins(1), restart).await;
    for index in [2, 3] {
        let gateway = system.gateway(index);
        let pages = gateway.metric(PAGES).unwrap();
        // 50 clients each: far from one per client. A page takes its time, and whoever comes meanwhile may need the next.
        assert!(pages <= f64::from(6 * ROOMS), "{pages}");
    }
}
