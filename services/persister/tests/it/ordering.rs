use std::collections::BTreeSet;

use chat_kafka::Record;
use chat_protocol::{CommandBody, ErrorCode, OutcomeStatus, RoomId, header};

use crate::{DEADLINE, Setup, TRACEPARENT, command, send};

#[tokio::test]
async fn a_command_is_stored_answered_and_told_with_its_seq() {
    let mut setup = Setup::new().await;
    let (ann, bob) = (setup.user("ann").await, setup.user("bob").await);
    let persister = setup.start();
    let room = RoomId::direct(ann, bob);
    let create = command(room, ann, CommandBody::CreateDirectRoom { user_id: bob });
    setup.command(&create).await;
    let hello = send(room, bob, "hello");
    setup.command(&hello).await;
    let told = setup.events(2).await;

    assert_eq!((told[0].event.event_type.as_str(), told[0].seq()), ("RoomCreated", 1));
    let (event, entry, outcome) = (&told[1].event, told[1].entry.as_ref().unwrap(), &told[1].outcome);
    assert_eq!(
        (event.event_type.as_str(), event.room_id, event.gateway_id),
        ("MessageSent", room, hello.origin.gateway_id)
    );
    assert_eq!((entry.seq, entry.content.as_str(), entry.sender_nickname.as_str()), (2, "hello", "bob"));
    assert_eq!((outcome.status, outcome.origin, outcome.seq), (OutcomeStatus::Persisted, hello.origin, Some(2)));
    assert_eq!((outcome.message_id, outcome.duplicate), (Some(entry.message_id), false));
    assert_eq!(setup.stored(room).await[1], *entry);

    let record: &Record = &told[1].record;
    assert_eq!((record.header_str(header::TYPE), record.header_str(header::VERSION)), (Some("MessageSent"), Some("1")));
    assert_eq!(record.key_str(), Some(room.to_string().as_str()));
    let trace = record.header_str(header::TRACEPARENT).unwrap();
    assert_eq!((&trace[..36], &trace[53..]), (&TRACEPARENT[..36], &TRACEPARENT[53..]), "the same trace goes on");
    persister.stop().await;
}

#[tokio::test]
async fn a_redelivered_message_is_stored_once() {
    let mut setup = Setup::new().await;
    let ann = setup.user("ann").await;
    let persister = setup.start();
    let room = setup.group(ann).await;
    let hello = send(room, ann, "hello");
    // Twice at once, most likely in one batch, and once more later.
    setup.command(&hello).await;
    setup.command(&hello).await;
    let mut told = setup.events(2).await;
    setup.command(&hello).await;
    told.extend(setup.events(1).await);
    assert_eq!(
        told.iter().map(|told| (told.seq(), told.outcome.duplicate)).collect::<Vec<_>>(),
        [(2, false), (2, true), (2, true)]
    );
    assert!(told.iter().all(|again| again.entry == told[0].entry), "the original's entry is told again");
    assert_eq!(setup.stored(room).await.len(), 2);

    let mut other = hello.clone();
    other.body = CommandBody::SendMessage {
        content: "changed".into(),
        message_type: chat_protocol::EntryType::Text,
        reply_to: None,
    };
    setup.command(&other).await;
    let conflict = &setup.events(1).await[0];
    assert_eq!(
        (conflict.outcome.status, conflict.outcome.code),
        (OutcomeStatus::Rejected, Some(ErrorCode::IdConflict))
    );
    assert!(conflict.entry.is_none());
    persister.stop().await;
}

#[tokio::test]
async fn refusals_are_told_and_leave_no_gap() {
    let mut setup = Setup::new().await;
    let (ann, eve) = (setup.user("ann").await, setup.user("eve").await);
    let persister = setup.start();
    let room = setup.group(ann).await;
    for refused in [send(room, eve, "let me in"), send(room, ann, "  "), send(RoomId::generate(), ann, "nowhere")] {
        setup.command(&refused).await;
    }
    setup.command(&command(room, ann, CommandBody::InviteMembers { user_ids: vec![ann] })).await;
    setup.command(&send(room, ann, "fine")).await;
    let told = setup.events(5).await;
    let codes: BTreeSet<&str> = told.iter().filter_map(|told| told.outcome.code).map(ErrorCode::as_str).collect();
    assert_eq!(codes, BTreeSet::from(["content_empty", "room_not_found"]));
    let unchanged = told.iter().find(|told| told.event.event_type == "CommandUnchanged").unwrap();
    assert_eq!((unchanged.outcome.status, unchanged.outcome.duplicate), (OutcomeStatus::Persisted, true));
    let fine = told.iter().find(|told| told.entry.is_some()).unwrap();
    assert_eq!((fine.seq(), setup.stored(room).await.len()), (2, 2));
    persister.stop().await;
}

#[tokio::test]
async fn many_sends_and_a_change_of_instances_keep_every_rooms_order() {
    let mut setup = Setup::new().await;
    let ann = setup.user("ann").await;
    let first = setup.start();
    let mut rooms = Vec::new();
    for _ in 0..4 {
        rooms.push(setup.group(ann).await);
    }
    let rounds = 300;
    let (mut first, mut second) = (Some(first), None);
    for round in 0..rounds {
        for room in &rooms {
            setup.command(&send(*room, ann, &round.to_string())).await;
        }
        if round == rounds / 3 {
            second = Some(setup.start());
        }
        if round == 2 * rounds / 3
            && let Some(first) = first.take()
        {
            first.stop().await;
        }
    }
    // Events may come twice around the change of owner; none is missing.
    let mut seen: BTreeSet<(RoomId, i64)> = BTreeSet::new();
    let reading = async {
        while seen.len() < rooms.len() * rounds {
            seen.extend(setup.some_events().await.iter().map(|told| (told.event.room_id, told.seq())));
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.expect("all events in time");
    for room in &rooms {
        let stored = setup.stored(*room).await;
        let contents: Vec<String> = stored[1..].iter().map(|entry| entry.content.clone()).collect();
        assert_eq!(contents, (0..rounds).map(|round| round.to_string()).collect::<Vec<_>>(), "order of the sends");
        assert!(stored.iter().zip(1..).all(|(entry, seq)| entry.seq == seq), "no gap");
    }
    second.unwrap().stop().await;
    assert_eq!(setup.lag().await, 0);
}
