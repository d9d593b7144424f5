//! Read marks go forward only, on every screen, whatever Redis brings late.

use super::*;

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
    }
    assert_eq!(items(&alice).await.len(), 4, "2 and 3 of bob, 1 of carol, 4 of bob");
}
