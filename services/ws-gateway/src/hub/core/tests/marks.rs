//! Read marks go forward only, on every screen, whatever Redis brings late; one's own reach each of one's sessions once.

use chat_protocol::ReadReceipt;
use jiff::Timestamp;

use super::*;
use crate::hub::receipts::{SUMMARY_EVERY, WINDOW};

/// What the read-receipt service publishes.
fn mark(fixture: &mut Fixture, room: RoomId, user: UserId, seq: i64) {
    let data =
        format!(r#"{{"roomId":"{room}","userId":"{user}","lastReadSeq":{seq},"readAt":"2026-01-01T00:00:00Z"}}"#);
    let payload = format!("{{\"event\":\"read\",\"seq\":0,\"data\":{data}}}\n");
    fixture.hub.message(Channel::Room(room), payload.as_bytes(), fixture.now, &mut fixture.effects);
}

async fn one_in_a_room() -> (Fixture, Arc<SessionHandle>, RoomId) {
    let mut fixture = Fixture::new();
    let alice = fixture.session();
    let room = RoomId::generate();
    let request = fixture.subscribe(&alice, &[room]);
    fixture.admit(request, &alice, &[room]);
    items(&alice).await;
    fixture.effects.clear();
    (fixture, alice, room)
}

#[tokio::test]
async fn what_redis_sent_while_the_process_slept_is_not_shown_unless_it_has_a_place() {
    let (mut fixture, alice, room) = one_in_a_room().await;
    let bob = UserId::generate();
    fixture.hub.slept(&mut fixture.effects);
    assert!(matches!(fixture.effects[..], [Effect::Reconnect]), "{:?}", fixture.effects);
    mark(&mut fixture, room, bob, 1);
    fixture.message(room, 4);
    assert_eq!(items(&alice).await.len(), 1, "the message only");
    fixture.hub.connected(fixture.now, &mut fixture.effects);
    mark(&mut fixture, room, bob, 3);
    assert_eq!(items(&alice).await.len(), 1, "marks again");
}

#[tokio::test]
async fn a_mark_that_was_told_already_or_comes_too_late_is_not_shown() {
    let (mut fixture, alice, room) = one_in_a_room().await;
    let (bob, carol) = (UserId::generate(), UserId::generate());
    for (user, seq) in [(bob, 2), (bob, 3), (bob, 2), (bob, 3), (carol, 1), (bob, 4)] {
        mark(&mut fixture, room, user, seq);
        later(&mut fixture);
    }
    assert_eq!(items(&alice).await.len(), 4, "2 and 3 of bob, 1 of carol, 4 of bob");
}

/// The marks of the window are told.
fn later(fixture: &mut Fixture) {
    fixture.now += WINDOW;
    fixture.hub.tick(fixture.now, &mut fixture.effects);
}

/// How often the marks are to be read since the last call.
fn asked_for_marks(fixture: &mut Fixture, room: RoomId) -> usize {
    fixture.effects.drain(..).filter(|effect| matches!(effect, Effect::ReadMarks(of) if *of == room)).count()
}

fn own(room_id: RoomId, user_id: UserId, seq: i64) -> ReadReceipt {
    ReadReceipt {
        room_id,
        user_id,
        last_read_seq: seq,
        last_read_message_id: None,
        last_read_number: Some(seq - 1),
        read_at: Timestamp::UNIX_EPOCH,
    }
}

#[tokio::test]
async fn ones_own_mark_reaches_each_session_once_as_the_rooms_where_it_is_open() {
    let (mut fixture, phone, room) = one_in_a_room().await;
    let (user, other) = (phone.user_id, fixture.session());
    let (id, outbox) = (SessionId::generate(), Outbox::new(100_000));
    let desk = Arc::new(SessionHandle { id, user_id: user, outbox });
    fixture.tell(Input::Attach(desk.clone()));
    let tell = |fixture: &mut Fixture, seq| {
        mark(fixture, room, user, seq);
        let push = serde_json::to_vec(&UserPush::Read(own(room, user, seq))).unwrap();
        fixture.hub.message(Channel::User(user), &push, fixture.now, &mut fixture.effects);
        later(fixture);
    };
    for seq in [4, 3, 4] {
        tell(&mut fixture, seq);
    }
    let at_phone = items(&phone).await;
    let [Item::Frame(frame)] = &at_phone[..] else { panic!("{at_phone:?}") };
    assert!(frame.starts_with(r#"{"push":"read","#) && frame.contains(r#""lastReadSeq":4,"#), "{frame}");
    let at_desk = items(&desk).await;
    assert!(matches!(&at_desk[..], [Item::Push(Push::Read(mark))] if *mark == own(room, user, 4)), "{at_desk:?}");
    assert!(items(&other).await.is_empty(), "another user's");
    fixture.hub.slept(&mut fixture.effects);
    tell(&mut fixture, 5);
    assert!(items(&desk).await.is_empty(), "it may be older than what another device was told");
}

#[tokio::test]
async fn a_crowd_of_readers_is_told_as_a_summary_and_ones_own_mark_all_the_same() {
    let (mut fixture, alice, room) = one_in_a_room().await;
    let crowd: Vec<UserId> = (0..200).map(|_| UserId::generate()).collect();
    for user in &crowd {
        mark(&mut fixture, room, *user, 2);
    }
    later(&mut fixture);
    assert_eq!((asked_for_marks(&mut fixture, room), items(&alice).await.len()), (1, 1), "the first one by itself");
    let marks = Some(crowd.iter().map(|user| (*user, 2)).chain([(alice.user_id, 1)]).collect());
    fixture.tell(Input::Marks { room_id: room, marks });
    let told = items(&alice).await;
    let [Item::Frame(frame)] = &told[..] else { panic!("{told:?}") };
    let summary = r#""memberCount":201,"positions":[{"seq":2,"members":200},{"seq":1,"members":1}]}"#;
    assert!(frame.starts_with(r#"{"push":"readSummary","roomId":"#) && frame.ends_with(summary), "{frame}");
    later(&mut fixture);
    assert_eq!(asked_for_marks(&mut fixture, room), 0, "nothing changed");
    let push = serde_json::to_vec(&UserPush::Read(own(room, alice.user_id, 2))).unwrap();
    fixture.hub.message(Channel::User(alice.user_id), &push, fixture.now, &mut fixture.effects);
    assert_eq!(items(&alice).await.len(), 1);
}

#[tokio::test]
async fn a_room_that_goes_by_summaries_gets_one_when_somebody_leaves_or_writes() {
    let (mut fixture, alice, room) = one_in_a_room().await;
    let crowd: Vec<UserId> = (0..60).map(|_| UserId::generate()).collect();
    let mut marks: Vec<(UserId, i64)> = crowd.iter().map(|user| (*user, 2)).collect();
    fixture.message(room, 4);
    later(&mut fixture);
    assert_eq!(asked_for_marks(&mut fixture, room), 0, "before there was a summary, none");
    for user in &crowd {
        mark(&mut fixture, room, *user, 2);
    }
    later(&mut fixture);
    assert_eq!(asked_for_marks(&mut fixture, room), 1);
    fixture.tell(Input::Marks { room_id: room, marks: Some(marks.clone()) });
    items(&alice).await;
    let left = marks.remove(0).0;
    let leave = format!("{{\"event\":\"message\",\"seq\":5,\"removed\":[\"{left}\"],\"data\":{{}}}}\n");
    fixture.hub.message(Channel::Room(room), leave.as_bytes(), fixture.now, &mut fixture.effects);
    later(&mut fixture);
    assert_eq!(asked_for_marks(&mut fixture, room), 0, "at most one per second");
    fixture.now += SUMMARY_EVERY;
    later(&mut fixture);
    assert_eq!(asked_for_marks(&mut fixture, room), 1);
    fixture.tell(Input::Marks { room_id: room, marks: Some(marks) });
    let told = items(&alice).await;
    let [Item::Frame(_), Item::Frame(frame)] = &told[..] else { panic!("{told:?}") };
    assert!(frame.contains(r#""memberCount":59,"#), "{frame}");
    fixture.now += SUMMARY_EVERY;
    let change = "{\"event\":\"edit\",\"seq\":6,\"data\":{\"message\":{\"seq\":4}}}\n";
    fixture.hub.message(Channel::Room(room), change.as_bytes(), fixture.now, &mut fixture.effects);
    later(&mut fixture);
    assert_eq!(asked_for_marks(&mut fixture, room), 0, "a change moves no mark");
}
