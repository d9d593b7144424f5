//! Subscriptions of rooms: how they are asked for, answered and ended, and how many there may be.

use chat_protocol::{ErrorCode, limits};

use super::*;

#[tokio::test]
async fn the_reply_to_a_subscribe_comes_before_the_rooms_first_event() {
    let mut fixture = Fixture::new();
    let alice = fixture.session();
    let (mine, foreign) = (RoomId::generate(), RoomId::generate());
    let request = fixture.subscribe(&alice, &[mine, foreign]);
    fixture.message(mine, 4);
    assert!(items(&alice).await.is_empty(), "nothing before the membership is checked");
    fixture.admit(request, &alice, &[mine]);
    fixture.message(mine, 5);
    let received = items(&alice).await;
    let Item::Subscribed(Tag::Native(1), rooms) = &received[0] else { panic!("{received:?}") };
    assert_eq!((rooms[0].seq, rooms[0].error.is_none()), (3, true));
    assert_eq!(rooms[1].error.as_ref().map(|error| error.code), Some(ErrorCode::RoomNotFound));
    assert!(matches!(received[1..], [Item::Frame(_), Item::Frame(_)]), "4 was held back, 5 follows: {received:?}");
}

#[tokio::test]
async fn rooms_and_users_are_subscribed_in_redis_while_somebody_wants_them() {
    let mut fixture = Fixture::new();
    let alice = fixture.session();
    let room = RoomId::generate();
    assert!(
        matches!(fixture.effects[..], [Effect::Channel { channel: Channel::User(user), wanted: true }, Effect::Online { online: true, .. }] if user == alice.user_id)
    );
    fixture.effects.clear();
    fixture.tell(Input::Subscribe {
        session: alice.id,
        tag: Tag::Native(1),
        rooms: vec![RoomRequest {
            room_id: room,
            after: None,
            key: 0,
            sink: Sink::Native,
            feed: Feed::TIMELINE.and(Feed::READ),
        }],
    });
    let wanted: Vec<_> = fixture.effects.drain(..).collect();
    assert!(
        matches!(wanted[..], [Effect::Channel { channel: Channel::Room(r), wanted: true }, Effect::Viewer { viewing: true, .. }, Effect::Open { .. }] if r == room),
        "{wanted:?}"
    );
    fixture.admit(0, &alice, &[room]);
    fixture.tell(Input::Detach(alice.id));
    let ended: Vec<_> = fixture.effects.drain(..).collect();
    assert!(
        matches!(
            ended[..],
            [
                Effect::Viewer { viewing: false, .. },
                Effect::Channel { channel: Channel::User(_), wanted: false },
                Effect::Online { online: false, .. }
            ]
        ),
        "{ended:?}"
    );
    fixture.hub.tick(fixture.now, &mut fixture.effects);
    let kept = std::mem::take(&mut fixture.effects);
    assert!(kept.is_empty(), "the room is kept for those who come back at once: {kept:?}");
    fixture.now += Duration::from_secs(10);
    fixture.hub.tick(fixture.now, &mut fixture.effects);
    assert!(matches!(fixture.effects[..], [Effect::Channel { channel: Channel::Room(_), wanted: false }]));
    assert_eq!(fixture.hub.sizes(), (0, 0));
}

#[tokio::test]
async fn a_session_has_a_thousand_subscriptions_and_no_more() {
    let mut fixture = Fixture::new();
    let alice = fixture.session();
    let mut rooms: Vec<RoomId> = (0..limits::ROOMS_PER_SESSION).map(|_| RoomId::generate()).collect();
    fixture.subscribe(&alice, &rooms);
    let one_more = |room_id| RoomRequest { room_id, after: None, key: 0, sink: Sink::Native, feed: Feed::TIMELINE };
    let surplus = RoomId::generate();
    fixture.tell(Input::Subscribe { session: alice.id, tag: Tag::Native(2), rooms: vec![one_more(surplus)] });
    let received = items(&alice).await;
    let Some(Item::Subscribed(Tag::Native(2), refused)) = received.last() else { panic!("{received:?}") };
    assert_eq!(refused[0].error.as_ref().map(|error| error.code), Some(ErrorCode::BadRequest));
    let left = rooms.pop().into_iter().map(|room_id| (room_id, 0)).collect();
    fixture.tell(Input::Unsubscribe { session: alice.id, rooms: left });
    fixture.subscribe(&alice, &[surplus]);
}

#[tokio::test]
async fn a_hundred_rooms_are_resumed_with_one_read_of_memberships_and_one_answer() {
    let mut fixture = Fixture::new();
    let alice = fixture.session();
    let rooms: Vec<RoomId> = (0..100).map(|_| RoomId::generate()).collect();
    let ask = |room_id: &RoomId| RoomRequest {
        room_id: *room_id,
        after: Some(2),
        key: 0,
        sink: Sink::Native,
        feed: Feed::TIMELINE,
    };
    fixture.effects.clear();
    fixture.tell(Input::Subscribe {
        session: alice.id,
        tag: Tag::NativeConnect(1),
        rooms: rooms.iter().map(ask).collect(),
    });
    let opens: Vec<usize> = fixture
        .effects
        .drain(..)
        .filter_map(|effect| if let Effect::Open { rooms, .. } = effect { Some(rooms.len()) } else { None })
        .collect();
    assert_eq!(opens, [100]);
    fixture.admit(0, &alice, &rooms);
    let received = items(&alice).await;
    let [Item::Subscribed(Tag::NativeConnect(1), answers)] = &received[..] else { panic!("{received:?}") };
    assert!(answers.len() == 100 && answers.iter().all(|room| room.error.is_none() && room.seq == 2));
    let pages = fixture.effects.iter().filter(|effect| matches!(effect, Effect::ReadPage { .. })).count();
    assert_eq!(pages, 100, "one for each room that moved");
}
