//! A kick against a flood of messages from whoever is kicked: its place in the order is the end, everywhere.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use chat_client::{Connection, rest::PageQuery};
use chat_e2e::{PATIENCE, Person, System, Talk};
use chat_protocol::{ClientMessageId, Entry, EntryType, ErrorCode, RoomId, frame::ServerPush};
use chat_testkit::assert_eventually;

/// Messages of the flood that must be stored before the kick comes.
const UNDER_WAY: i64 = 20;

/// The room's whole timeline, as one who stays reads it.
async fn timeline(system: &System, person: &Person, room: RoomId) -> Vec<Entry> {
    let (mut entries, rest): (Vec<Entry>, _) = (Vec::new(), system.rest(1, person));
    loop {
        let after = Some(entries.last().map_or(0, |entry| entry.seq));
        let page = rest.messages(room, PageQuery { after, limit: Some(200), before: None }).await.unwrap();
        entries.extend(page.messages);
        if !page.more {
            return entries;
        }
    }
}

/// Sends until the answers say that it is over.
async fn flood(connection: &Connection, room: RoomId, kicked: &AtomicBool) -> usize {
    let mut refused = 0;
    for turn in 0.. {
        let answer = connection.say_as(room, &ClientMessageId::generate(), &format!("flood {turn}")).await;
        refused += usize::from(answer.is_err());
        if kicked.load(Relaxed) && (refused > 3 || turn > 2_000) {
            break;
        }
        tokio::task::yield_now().await;
    }
    refused
}

/// Everything heard up to the end of the subscription.
async fn heard_to_the_end(connection: &mut Connection, room: RoomId) -> Vec<i64> {
    let ends = |push: &ServerPush| matches!(push, ServerPush::Unsubscribed { room_id, .. } if *room_id == room);
    let heard = connection.hear_until("the end of the subscription", ends).await;
    heard
        .iter()
        .filter_map(|push| match push {
            ServerPush::Message { message } if message.room_id == room => Some(message.seq),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn nothing_after_the_kick_is_stored_or_reaches_the_kicked_user() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let (room, other) = (system.group(&[&alice, &bob]).await, system.group(&[&alice, &bob]).await);
    let mut listening = [
        system.connect(0, &bob, &[(room, Some(0)), (other, None)]).await,
        system.connect(1, &bob, &[(room, Some(0)), (other, None)]).await,
    ];
    let sending = [system.connect(0, &bob, &[]).await, system.connect(1, &bob, &[]).await];
    let at_alice = system.connect(1, &alice, &[]).await;
    let kicked = AtomicBool::new(false);

    let kick = async {
        let rest = system.rest(0, &alice);
        let head = async || rest.room(room).await.unwrap().head_seq;
        assert_eventually!(head().await > UNDER_WAY, within = PATIENCE, "the flood is under way");
        rest.kick(room, bob.id).await.unwrap();
        kicked.store(true, Relaxed);
        // Those who stay go on.
        for turn in 0..20 {
            at_alice.say(room, &format!("after {turn}")).await;
        }
    };
    let (refused_0, refused_1, ()) =
        tokio::join!(flood(&sending[0], room, &kicked), flood(&sending[1], room, &kicked), kick);
    assert!(refused_0 > 0 && refused_1 > 0, "the gateways know by themselves after a while: {refused_0} {refused_1}");

    let from_alice = |entry: &Entry| entry.sender_id == alice.id && entry.content == "after 19";
    assert_eventually!(
        timeline(&system, &alice, room).await.iter().any(from_alice),
        within = PATIENCE,
        "the last message is stored"
    );
    let entries = timeline(&system, &alice, room).await;
    chat_e2e::assert_gapless(&entries, 1);
    let kick = entries.iter().find(|entry| entry.entry_type == EntryType::SystemKick).unwrap();
    assert_eq!((kick.sender_id, kick.members[0].user_id, kick.members.len()), (alice.id, bob.id, 1));
    let late: Vec<_> = entries.iter().filter(|entry| entry.seq > kick.seq && entry.sender_id == bob.id).collect();
    assert!(late.is_empty(), "stored after the kick at {}: {late:?}", kick.seq);
    assert!(entries.iter().filter(|entry| entry.sender_id == bob.id).count() > 10, "there was a flood");

    for connection in &mut listening {
        let heard = heard_to_the_end(connection, room).await;
        assert_eq!(heard, (1..=kick.seq).collect::<Vec<_>>(), "every entry up to the kick, and the kick");
    }
    // What comes later in a room that bob is still in arrives; what came in between in the other would have, too.
    at_alice.say(room, "behind your back").await;
    at_alice.say(other, "the end").await;
    for connection in &mut listening {
        let of = |push: &ServerPush, room| matches!(push, ServerPush::Message { message } if message.room_id == room);
        let heard = connection.hear_until("the end", |push| of(push, other)).await;
        assert!(!heard.iter().any(|push| of(push, room)), "{heard:?}");
        assert_eq!(connection.subscribe(room, None).await.error.unwrap().code, ErrorCode::RoomNotFound);
    }

    for gateway in [0, 1] {
        let rest = system.rest(gateway, &bob);
        for refused in [
            rest.room(room).await.map(drop),
            rest.messages(room, PageQuery::default()).await.map(drop),
            rest.events(room, 0, 50).await.map(drop),
            rest.read_marks(room).await.map(drop),
            rest.members(room).await.map(drop),
            rest.join(room).await.map(drop),
            rest.send_message(room, &ClientMessageId::generate(), "let me in").await.map(drop),
            rest.edit_message(room, entries.iter().find(|entry| entry.sender_id == bob.id).unwrap().message_id, "x")
                .await
                .map(drop),
        ] {
            assert_eq!(refused.unwrap_err().code(), Some(ErrorCode::RoomNotFound));
        }
    }
}
