mod kicked_behind;
mod log_ins;
mod marks;
mod subscriptions;
mod timeline;

use std::time::Duration;

use chat_protocol::{
    SessionId,
    push::{Notification, UserPush},
    redis_key::Channel,
};
use chat_store::Membership;

use super::*;
use crate::{
    hub::sink::Sink,
    ws::{
        outbox::{self, Item, Outbox, Push},
        request::{RoomRequest, Tag},
    },
};

const RINGS: RingBounds = RingBounds { room: RingLimits { events: 200, bytes: 1 << 18 }, total_bytes: 1 << 20 };

fn timing() -> Timing {
    Timing {
        gap_wait: Duration::from_millis(200),
        head_check: Duration::from_secs(2),
        idle_room: Duration::from_secs(10),
    }
}

struct Fixture {
    hub: Hub,
    now: Instant,
    effects: Vec<Effect>,
}

impl Fixture {
    fn new() -> Self {
        let now = Instant::now();
        Self { hub: Hub::new(timing(), RINGS, now), now, effects: Vec::new() }
    }

    fn session(&mut self) -> Arc<SessionHandle> {
        let outbox = Outbox::new(100_000);
        let handle = Arc::new(SessionHandle { id: SessionId::generate(), user_id: UserId::generate(), outbox });
        self.tell(Input::Attach(handle.clone()));
        handle
    }

    fn tell(&mut self, input: Input) {
        self.hub.handle(input, self.now, &mut self.effects);
    }

    fn subscribe(&mut self, session: &SessionHandle, rooms: &[RoomId]) -> u64 {
        let rooms = rooms.iter().map(|room_id| crate::ws::request::RoomRequest {
            room_id: *room_id,
            after: None,
            key: 0,
            sink: Sink::Native,
            feed: Feed::TIMELINE.and(Feed::READ),
        });
        self.tell(Input::Subscribe { session: session.id, tag: Tag::Native(1), rooms: rooms.collect() });
        let request = self.effects.iter().find_map(|effect| match effect {
            Effect::Open { request, .. } => Some(*request),
            _ => None,
        });
        self.effects.clear();
        request.unwrap()
    }

    fn admit(&mut self, request: u64, session: &SessionHandle, rooms: &[RoomId]) {
        let membership = Membership { head: 3, joined_seq: 1 };
        let memberships = rooms.iter().map(|room| ((*room, session.user_id), membership)).collect();
        self.tell(Input::Opened { request, memberships: Ok(memberships) });
    }

    fn message(&mut self, room_id: RoomId, seq: i64) {
        let payload = format!("{{\"event\":\"message\",\"seq\":{seq},\"data\":{{}}}}\n");
        self.hub.message(Channel::Room(room_id), payload.as_bytes(), self.now, &mut self.effects);
    }
}

async fn items(session: &SessionHandle) -> Vec<Item> {
    let mut items = Vec::new();
    session.outbox.push(Item::Push(Push::Ping(Vec::new())));
    session.outbox.take(&mut items).await;
    session.outbox.written(items.iter().map(outbox::size).sum());
    items.pop();
    items
}

#[tokio::test]
async fn each_kind_of_a_sequenced_event_arrives_under_its_name() {
    let mut fixture = Fixture::new();
    let alice = fixture.session();
    let room = RoomId::generate();
    let request = fixture.subscribe(&alice, &[room]);
    fixture.admit(request, &alice, &[room]);
    items(&alice).await;
    let push = |event: &str, seq: i64, data: &str| format!("{{\"event\":\"{event}\",\"seq\":{seq},\"data\":{data}}}\n");
    let shown = r#"{"message":{"seq":2}}"#;
    let payload = [
        push("message", 4, "{}"),
        push("edit", 5, shown),
        push("delete", 6, shown),
        push("react", 7, shown),
        // Not what it says it is: read from the database instead.
        push("edit", 8, "{}"),
        push("message", 9, "{}"),
    ];
    fixture.hub.message(Channel::Room(room), payload.concat().as_bytes(), fixture.now, &mut fixture.effects);
    let names: Vec<String> = items(&alice)
        .await
        .iter()
        .map(|item| match item {
            Item::Frame(frame) => frame.split('"').nth(3).unwrap().to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["message", "edit", "delete", "react"]);
    fixture.effects.clear();
    fixture.hub.tick(fixture.now + Duration::from_millis(300), &mut fixture.effects);
    assert!(
        fixture.effects.iter().any(|effect| matches!(effect, Effect::ReadPage { request, .. } if request.after == 7)),
        "{:?}",
        fixture.effects
    );
}

#[tokio::test]
async fn heads_are_checked_every_few_seconds_and_after_a_reconnect_at_once() {
    let mut fixture = Fixture::new();
    let alice = fixture.session();
    let room = RoomId::generate();
    let request = fixture.subscribe(&alice, &[room]);
    fixture.admit(request, &alice, &[room]);
    let checks = |fixture: &mut Fixture| {
        let checks = fixture
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::ReadHeads(rooms) if *rooms == [room]))
            .count();
        fixture.effects.clear();
        checks
    };
    fixture.hub.tick(fixture.now, &mut fixture.effects);
    assert_eq!(checks(&mut fixture), 1);
    fixture.now += Duration::from_secs(2);
    fixture.hub.tick(fixture.now, &mut fixture.effects);
    assert_eq!(checks(&mut fixture), 0, "one at a time");
    fixture.tell(Input::Heads(vec![(room, 3)]));
    fixture.hub.tick(fixture.now, &mut fixture.effects);
    assert_eq!(checks(&mut fixture), 1);
    fixture.hub.resync(fixture.now, &mut fixture.effects);
    assert_eq!(checks(&mut fixture), 1, "a reconnect does not wait for its turn");
}

#[tokio::test]
async fn an_outcome_goes_to_its_session_or_to_the_call_that_waits() {
    let mut fixture = Fixture::new();
    let alice = fixture.session();
    let outcome = |session_id: SessionId| {
        let (room, gateway) = (RoomId::generate(), chat_protocol::GatewayId::generate());
        format!(
            r#"{{"push":"outcome","gatewayId":"{gateway}","sessionId":"{session_id}","roomId":"{room}","clientMessageId":"x","status":"PERSISTED"}}"#
        )
    };
    fixture.effects.clear();
    let payload = format!("{}\n{}\n", outcome(alice.id), outcome(SessionId::generate()));
    let channel = Channel::Gateway(chat_protocol::GatewayId::generate());
    fixture.hub.message(channel, payload.as_bytes(), fixture.now, &mut fixture.effects);
    assert!(matches!(items(&alice).await[..], [Item::Push(Push::Outcome(_))]));
    assert!(matches!(fixture.effects[..], [Effect::Outcome(_)]));
}

#[tokio::test]
async fn a_notification_goes_to_the_sessions_that_do_not_have_the_room_open() {
    let mut fixture = Fixture::new();
    let (looking, elsewhere) = (fixture.session(), fixture.session());
    let room = RoomId::generate();
    let request = fixture.subscribe(&looking, &[room]);
    fixture.admit(request, &looking, &[room]);
    items(&looking).await;
    let notification = Notification {
        id: format!("{room}:4"),
        room_id: room,
        seq: 4,
        sender_id: UserId::generate(),
        sender_nickname: "bob".into(),
        preview: "hi".into(),
        count: 1,
        mention: false,
        direct: false,
        at: jiff::Timestamp::UNIX_EPOCH,
    };
    let payload = serde_json::to_vec(&UserPush::Notification(notification)).unwrap();
    for user in [looking.user_id, elsewhere.user_id] {
        fixture.hub.message(Channel::User(user), &payload, fixture.now, &mut fixture.effects);
    }
    assert!(items(&looking).await.is_empty());
    assert!(matches!(items(&elsewhere).await[..], [Item::Push(Push::Notification(_))]));
}

#[tokio::test]
async fn a_ping_tells_the_heads_that_moved_since_the_last_one() {
    let mut fixture = Fixture::new();
    let alice = fixture.session();
    let (a, b) = (RoomId::generate(), RoomId::generate());
    let request = fixture.subscribe(&alice, &[a, b]);
    fixture.admit(request, &alice, &[a, b]);
    let mut told = Vec::new();
    for _ in 0..2 {
        fixture.tell(Input::Ping(alice.id));
        let pinged = items(&alice).await.into_iter().find_map(|item| match item {
            Item::Push(Push::Ping(heads)) => Some(heads),
            _ => None,
        });
        told.push(pinged.unwrap().len());
        fixture.message(b, 4);
    }
    assert_eq!(told, [2, 1]);
}

#[tokio::test]
async fn a_user_is_online_from_the_first_session_to_the_end_of_the_last() {
    let mut fixture = Fixture::new();
    let phone = fixture.session();
    let outbox = Outbox::new(100_000);
    let laptop = Arc::new(SessionHandle { id: SessionId::generate(), user_id: phone.user_id, outbox });
    fixture.tell(Input::Attach(laptop.clone()));
    fixture.tell(Input::Detach(phone.id));
    let changes = |fixture: &mut Fixture| {
        let online = |effect| if let Effect::Online { online, .. } = effect { Some(online) } else { None };
        fixture.effects.drain(..).filter_map(online).collect::<Vec<bool>>()
    };
    assert_eq!(changes(&mut fixture), [true]);
    fixture.tell(Input::Detach(laptop.id));
    assert_eq!(changes(&mut fixture), [false]);
}

#[tokio::test]
async fn whoever_watches_presence_alone_is_a_member_but_no_viewer() {
    let mut fixture = Fixture::new();
    let (member, stranger) = (fixture.session(), fixture.session());
    let room = RoomId::generate();
    let ask = |session: &SessionHandle| Input::Subscribe {
        session: session.id,
        tag: Tag::Native(1),
        rooms: vec![RoomRequest { room_id: room, after: None, key: 7, sink: Sink::Native, feed: Feed::PRESENCE }],
    };
    fixture.effects.clear();
    fixture.tell(ask(&member));
    fixture.tell(ask(&stranger));
    assert_eq!(fixture.hub.presence_rooms(), 0, "not before the membership is checked");
    fixture.admit(1, &stranger, &[]);
    assert_eq!(fixture.hub.presence_rooms(), 0);
    fixture.admit(0, &member, &[room]);
    assert_eq!(fixture.hub.presence_rooms(), 1);
    let viewers = fixture.effects.iter().filter(|effect| matches!(effect, Effect::Viewer { .. })).count();
    assert_eq!(viewers, 0);

    items(&member).await;
    let notification = Notification {
        id: format!("{room}:4"),
        room_id: room,
        seq: 4,
        sender_id: UserId::generate(),
        sender_nickname: "bob".into(),
        preview: "hi".into(),
        count: 1,
        mention: false,
        direct: false,
        at: jiff::Timestamp::UNIX_EPOCH,
    };
    let payload = serde_json::to_vec(&UserPush::Notification(notification)).unwrap();
    fixture.hub.message(Channel::User(member.user_id), &payload, fixture.now, &mut fixture.effects);
    assert!(matches!(items(&member).await[..], [Item::Push(Push::Notification(_))]), "the room is not open here");

    let leave = format!(r#"{{"event":"message","seq":4,"removed":["{}"],"data":{{}}}}"#, member.user_id);
    fixture.hub.message(Channel::Room(room), leave.as_bytes(), fixture.now, &mut fixture.effects);
    assert_eq!(fixture.hub.presence_rooms(), 0, "it ends with the membership");
}

#[tokio::test]
async fn all_rooms_together_keep_no_more_than_their_total() {
    let mut fixture = Fixture::new();
    let alice = fixture.session();
    let rooms: Vec<RoomId> = (0..50).map(|_| RoomId::generate()).collect();
    let request = fixture.subscribe(&alice, &rooms);
    fixture.admit(request, &alice, &rooms);
    for (room, seq) in rooms.iter().flat_map(|room| (4..204).map(move |seq| (*room, seq))) {
        fixture.message(room, seq);
    }
    let total = RINGS.total_bytes;
    assert!((total / 2..=total).contains(&fixture.hub.ring_bytes()), "{}", fixture.hub.ring_bytes());
    // With more rooms, each has less.
    let more: Vec<RoomId> = (0..100).map(|_| RoomId::generate()).collect();
    fixture.subscribe(&alice, &more);
    fixture.hub.tick(fixture.now, &mut fixture.effects);
    assert!(fixture.hub.ring_bytes() <= total / 3, "{}", fixture.hub.ring_bytes());
}
