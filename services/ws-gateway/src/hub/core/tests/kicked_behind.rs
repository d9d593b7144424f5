//! Whoever is kicked while behind the room hears nothing more beside the timeline, and of that only what led up to the kick.

use bytestring::ByteString;
use chat_protocol::TimelineKind;

use super::*;
use crate::hub::{
    room::{PageRequest, Purpose},
    sink::TimelineEvent,
};

fn tell(fixture: &mut Fixture, room: RoomId, payload: &str) {
    fixture.hub.message(Channel::Room(room), payload.as_bytes(), fixture.now, &mut fixture.effects);
}

/// Typing and a read mark of somebody else.
fn others_go_on(fixture: &mut Fixture, room: RoomId, seq: i64) {
    let bob = UserId::generate();
    let data = format!(r#"{{"roomId":"{room}","userId":"{bob}","typing":true}}"#);
    tell(fixture, room, &format!("{{\"event\":\"typing\",\"seq\":0,\"data\":{data}}}\n"));
    let data = format!(r#"{{"roomId":"{room}","userId":"{bob}","lastReadSeq":{seq},"readAt":"2026-01-01T00:00:00Z"}}"#);
    tell(fixture, room, &format!("{{\"event\":\"read\",\"seq\":0,\"data\":{data}}}\n"));
}

#[tokio::test]
async fn whoever_is_kicked_while_behind_hears_no_typing_no_marks_and_no_presence_any_more() {
    let mut fixture = Fixture::new();
    let alice = fixture.session();
    let room = RoomId::generate();
    let feed = Feed::TIMELINE.and(Feed::READ).and(Feed::TYPING).and(Feed::PRESENCE);
    let asked = RoomRequest { room_id: room, after: Some(0), key: 0, sink: Sink::Native, feed };
    fixture.tell(Input::Subscribe { session: alice.id, tag: Tag::Native(1), rooms: vec![asked] });
    fixture.admit(0, &alice, &[room]);
    items(&alice).await;
    others_go_on(&mut fixture, room, 1);
    assert_eq!(items(&alice).await.len(), 2, "typing and a mark, although no page has come yet");
    assert_eq!(fixture.hub.presence_rooms(), 1);

    let kick = format!(r#"{{"event":"message","seq":4,"removed":["{}"],"data":{{}}}}"#, alice.user_id);
    tell(&mut fixture, room, &kick);
    others_go_on(&mut fixture, room, 3);
    assert!(items(&alice).await.is_empty());
    assert_eq!(fixture.hub.presence_rooms(), 0);

    // The page that brings her forward ends with the kick.
    let event = |seq: i64| {
        let removed = if seq == 4 { vec![alice.user_id] } else { Vec::new() };
        TimelineEvent::new(seq, TimelineKind::Message, removed, ByteString::from_static("{}")).unwrap()
    };
    let request = PageRequest { after: 0, purpose: Purpose::CatchUp };
    fixture.tell(Input::Page { room_id: room, request, events: Some((1..=4).map(event).collect()) });
    let heard = items(&alice).await;
    assert_eq!(heard.len(), 5, "{heard:?}");
    assert!(matches!(heard[4], Item::Push(Push::Unsubscribed { .. })), "{heard:?}");
}
