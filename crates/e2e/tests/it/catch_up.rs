//! Subscribing with a cursor: what was missed, then what comes, without a seam.

use chat_client::Connection;
use chat_e2e::{System, Talk, assert_gapless, frame_error};
use chat_protocol::{
    ErrorCode, RoomId,
    frame::{ClientCommand, RoomCursor},
};
use futures_util::future::join_all;

const SENDERS: usize = 3;
const EACH: usize = 60;

#[tokio::test]
async fn a_subscriber_with_a_cursor_gets_exactly_what_it_missed() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let at_alice = system.connect(0, &alice, &[]).await;
    let mut at_bob = system.connect(1, &bob, &[(room, None)]).await;
    at_alice.say(room, "seen").await;
    at_bob.entries(room, 2).await;
    at_bob.close().await;
    for missed in 0..5 {
        at_alice.say(room, &format!("missed {missed}")).await;
    }
    system.connect(0, &alice, &[(room, Some(0))]).await.entries(room, 7).await;

    let mut again = system.connect(1, &bob, &[]).await;
    let subscription = again.subscribe(room, Some(2)).await;
    assert_eq!((subscription.seq, subscription.head, subscription.error), (2, 7, None));
    let missed = again.entries(room, 7).await;
    assert_eq!(missed.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
    at_alice.say(room, "live").await;
    assert_gapless(&again.entries(room, 8).await, 8);
}

#[tokio::test]
async fn a_cursor_beyond_the_head_is_refused() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let connection = system.connect(0, &alice, &[]).await;
    let refused = connection.subscribe(room, Some(2)).await.error.unwrap();
    assert_eq!(refused.code, ErrorCode::InvalidSeq);
    let none = connection.call(ClientCommand::Subscribe { rooms: Vec::<RoomCursor>::new() }).await;
    assert_eq!(frame_error(none).code, ErrorCode::BadRequest);
    assert_eq!(connection.subscribe(room, Some(1)).await.error, None);
}

#[tokio::test]
async fn joining_again_and_again_while_others_send_leaves_no_gap_and_no_overlap() {
    let system = System::shared().await;
    let reader = system.person("reader").await;
    let mut senders = Vec::new();
    for _ in 0..SENDERS {
        senders.push(system.person("sender").await);
    }
    let room = system.group(&[&[&reader], &*senders.iter().collect::<Vec<_>>()].concat()).await;
    let last = i64::try_from(1 + SENDERS * EACH).unwrap();

    let sending = join_all(senders.iter().enumerate().map(|(index, sender)| {
        let system = &system;
        async move {
            let connection = system.connect(index % 2, sender, &[]).await;
            for turn in 0..EACH {
                connection.say(room, &format!("{turn}")).await;
            }
        }
    }));
    let resuming = async {
        let (mut cursor, mut gateway) = (0, 0);
        while cursor < last {
            let mut connection = system.connect(gateway, &reader, &[(room, Some(cursor))]).await;
            let entries = connection.entries(room, (cursor + 13).min(last)).await;
            assert_gapless(&entries, cursor + 1);
            cursor = entries.last().unwrap().seq;
            gateway = 1 - gateway;
        }
    };
    let from_now_on = async {
        loop {
            let connection = system.connect(1, &reader, &[]).await;
            let begin = connection.subscribe(room, None).await.seq;
            let until = (begin + 7).min(last);
            if begin >= last {
                return;
            }
            read_on(connection, room, begin, until).await;
        }
    };
    tokio::join!(sending, resuming, from_now_on);
}

async fn read_on(mut connection: Connection, room: RoomId, begin: i64, until: i64) {
    assert_gapless(&connection.entries(room, until).await, begin + 1);
}

#[tokio::test]
async fn subscribing_again_starts_again_from_where_the_client_says() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut connection = system.connect(0, &alice, &[(room, Some(0)), (room, Some(0))]).await;
    connection.say(room, "one").await;
    assert_gapless(&connection.entries(room, 2).await, 1);
    assert_eq!(connection.subscribe(room, Some(0)).await.seq, 0);
    connection.say(room, "two").await;
    assert_gapless(&connection.entries(room, 3).await, 1);
    connection.call(ClientCommand::Unsubscribe { rooms: vec![room] }).await.unwrap();
    let id = connection.say(room, "three").await;
    connection.persisted(&id).await;
    assert_eq!(connection.subscribe(room, Some(3)).await.seq, 3);
    assert_gapless(&connection.entries(room, 4).await, 4);
}

#[tokio::test]
async fn every_device_of_a_person_gets_everything() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut phone = system.connect(0, &alice, &[(room, Some(0))]).await;
    let mut desk = system.connect(0, &alice, &[(room, Some(0))]).await;
    let mut tablet = system.connect(1, &alice, &[(room, Some(0))]).await;
    phone.say(room, "from the phone").await;
    tablet.say(room, "from the tablet").await;
    let seen = [phone.entries(room, 3).await, desk.entries(room, 3).await, tablet.entries(room, 3).await];
    assert_gapless(&seen[0], 1);
    assert!(seen[0] == seen[1] && seen[1] == seen[2], "{seen:?}");
}

#[tokio::test]
async fn many_pages_of_catch_up_meet_the_live_stream_without_a_seam() {
    let system = System::with_gateways(&[&[("CHAT__DELIVERY__PAGE_ENTRIES", "7")], &[]]).await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let talking = system.connect(1, &alice, &[]).await;
    for turn in 0..100 {
        talking.say(room, &format!("{turn}")).await;
    }
    system.connect(1, &alice, &[(room, Some(0))]).await.entries(room, 101).await;
    let reading = join_all([0, 3, 50, 99, 101].map(|after| {
        let system = &system;
        let alice = &alice;
        async move {
            let mut connection = system.connect(0, alice, &[(room, Some(after))]).await;
            assert_gapless(&connection.entries(room, 151).await, after + 1);
        }
    }));
    let live = async {
        for turn in 100..150 {
            talking.say(room, &format!("{turn}")).await;
        }
    };
    tokio::join!(reading, live);
}
