#[path = "presence_crowd_tests.rs"]
mod crowd;

use PresenceStatus::{Offline, Online};
use chat_protocol::push::Presence;
use futures_util::FutureExt as _;

use super::{
    super::watched::{CHECK_EVERY, FULL_EVERY, Scope},
    *,
};
use crate::ws::outbox::{Item, Outbox};

const ROUND: Duration = Duration::from_millis(50);

struct Fixture {
    presences: Presences,
    room: RoomId,
    now: Instant,
    effects: Vec<Effect>,
}

fn session(outbox_bytes: usize) -> Arc<SessionHandle> {
    Arc::new(SessionHandle {
        id: SessionId::generate(),
        user_id: UserId::generate(),
        outbox: Outbox::new(outbox_bytes),
    })
}

/// What a session was told, without its room.
fn told(session: &SessionHandle) -> Vec<(UserId, PresenceStatus)> {
    let mut items = Vec::new();
    // Nothing there is nothing told.
    session.outbox.take(&mut items).now_or_never();
    session.outbox.written(items.iter().map(crate::ws::outbox::size).sum());
    let presence = |item: Item| {
        let Item::Frame(frame) = item else { panic!("{item:?}") };
        assert!(frame.starts_with(r#"{"push":"presence","#), "{frame}");
        let presence: Presence = serde_json::from_str(&frame).unwrap();
        (presence.user_id, presence.status)
    };
    items.into_iter().map(presence).collect()
}

impl Fixture {
    fn new() -> Self {
        let now = Instant::now();
        Self { presences: Presences::new(now), room: RoomId::generate(), now, effects: Vec::new() }
    }

    fn watch(&mut self, session: &Arc<SessionHandle>) {
        self.presences.watch(self.room, session, 0, Sink::Native, self.now, &mut self.effects);
    }

    /// The check that begins after some time, if one does.
    fn after(&mut self, time: Duration) -> Option<Scope> {
        self.now += time;
        self.effects.clear();
        self.presences.tick(self.now, &mut self.effects);
        match &self.effects[..] {
            [] => None,
            [Effect::CheckPresence(rooms)] if rooms.len() == 1 && rooms[0].0 == self.room => {
                Some(rooms[0].1.scope.clone())
            }
            other => panic!("{other:?}"),
        }
    }

    fn found(&mut self, all: bool, online: &[(UserId, bool)]) {
        let found = |(user, here): &(UserId, bool)| (*user, if *here { Found::Here } else { Found::Away(None) });
        let found = Ok(online.iter().map(found).collect());
        self.presences.checked(Checked { room_id: self.room, all, found }, self.now);
        assert_eq!(self.after(ROUND), None, "nothing to check just after a check");
    }

    fn failed(&mut self, unread: Unread) {
        self.presences.checked(Checked { room_id: self.room, all: true, found: Err(unread) }, self.now);
    }

    /// A room that is watched, and known after its first check.
    fn known(session: &Arc<SessionHandle>, members: &[(UserId, bool)]) -> Self {
        let mut fixture = Self::new();
        fixture.watch(session);
        assert_eq!(fixture.after(ROUND), Some(Scope::All));
        fixture.found(true, members);
        fixture
    }
}

#[test]
fn a_new_watcher_is_told_who_is_online_and_the_next_one_without_another_check() {
    let [ann, bob] = std::array::from_fn(|_| UserId::generate());
    let (first, second) = (session(10_000), session(10_000));
    let mut fixture = Fixture::known(&first, &[(ann, true), (bob, false)]);
    assert_eq!(told(&first), [(ann, Online)]);
    fixture.watch(&second);
    assert_eq!(fixture.after(ROUND), None);
    assert_eq!(told(&second), [(ann, Online)]);
    assert!(told(&first).is_empty());
}

#[test]
fn the_channel_of_hints_is_wanted_while_somebody_watches() {
    let mut fixture = Fixture::new();
    let (alice, bob) = (session(10_000), session(10_000));
    fixture.watch(&alice);
    assert!(matches!(fixture.effects[..], [Effect::Channel { channel: Channel::Presence, wanted: true }]));
    fixture.watch(&bob);
    let room = fixture.room;
    fixture.presences.unwatch(room, alice.id, 0, &mut fixture.effects);
    fixture.presences.unwatch(room, alice.id, 0, &mut fixture.effects);
    assert_eq!((fixture.effects.len(), fixture.presences.rooms()), (1, 1));
    fixture.presences.unwatch(room, bob.id, 0, &mut fixture.effects);
    assert!(matches!(fixture.effects[1..], [Effect::Channel { channel: Channel::Presence, wanted: false }]));
    assert!(fixture.presences.rooms.is_empty() && fixture.presences.rooms_of.is_empty());
}

#[test]
fn a_hint_is_checked_at_once_and_many_hints_once_a_second() {
    let [ann, bob, stranger] = std::array::from_fn(|_| UserId::generate());
    let alice = session(10_000);
    let mut fixture = Fixture::known(&alice, &[(ann, false), (bob, false)]);
    fixture.presences.hint(&[stranger], fixture.now);
    assert_eq!(fixture.after(CHECK_EVERY), None, "concerns nobody here");
    fixture.presences.hint(&[ann, stranger], fixture.now);
    assert_eq!(fixture.after(ROUND), Some(Scope::Users(vec![ann])));
    fixture.presences.hint(&[bob], fixture.now);
    fixture.presences.hint(&[bob], fixture.now);
    fixture.found(false, &[(ann, true)]);
    assert_eq!(told(&alice), [(ann, Online)]);
    assert_eq!(fixture.after(CHECK_EVERY), Some(Scope::Users(vec![bob])));
    fixture.found(false, &[(bob, true)]);
    assert_eq!(told(&alice), [(bob, Online)]);
}

#[test]
fn a_hint_that_comes_while_the_members_are_first_read_is_not_lost() {
    let mut fixture = Fixture::new();
    let (alice, ann) = (session(10_000), UserId::generate());
    fixture.watch(&alice);
    assert_eq!(fixture.after(ROUND), Some(Scope::All));
    fixture.presences.hint(&[ann], fixture.now);
    fixture.found(true, &[(ann, false)]);
    assert_eq!(fixture.after(CHECK_EVERY), Some(Scope::All));
}

#[test]
fn whoever_reconnects_in_time_never_went() {
    let ann = UserId::generate();
    let alice = session(10_000);
    let mut fixture = Fixture::known(&alice, &[(ann, true)]);
    told(&alice);
    fixture.presences.hint(&[ann], fixture.now);
    assert!(fixture.after(CHECK_EVERY).is_some());
    fixture.found(false, &[(ann, false)]);
    fixture.presences.hint(&[ann], fixture.now);
    assert!(fixture.after(CHECK_EVERY).is_some());
    fixture.found(false, &[(ann, true)]);
    assert_eq!(fixture.after(OFFLINE_AFTER), None, "nobody seems to go any more");
    assert!(told(&alice).is_empty());
}

#[test]
fn whoever_is_not_found_twice_three_seconds_apart_went() {
    let ann = UserId::generate();
    let alice = session(10_000);
    let mut fixture = Fixture::known(&alice, &[(ann, true)]);
    told(&alice);
    fixture.presences.hint(&[ann], fixture.now);
    assert!(fixture.after(CHECK_EVERY).is_some());
    fixture.found(false, &[(ann, false)]);
    assert_eq!(fixture.after(Duration::from_millis(2_900)), None);
    assert_eq!(fixture.after(ROUND), Some(Scope::Users(vec![ann])));
    fixture.found(false, &[(ann, false)]);
    assert_eq!(told(&alice), [(ann, Offline)]);
}

#[test]
fn a_lost_hint_is_made_good_by_the_full_check_and_a_former_member_is_forgotten() {
    let [ann, bob, cem] = std::array::from_fn(|_| UserId::generate());
    let alice = session(10_000);
    let mut fixture = Fixture::known(&alice, &[(ann, false), (bob, true)]);
    told(&alice);
    assert_eq!(fixture.after(FULL_EVERY), Some(Scope::All));
    fixture.found(true, &[(ann, true), (cem, true)]);
    let mut heard = told(&alice);
    heard.sort_by_key(|(user, _)| *user);
    assert_eq!(heard, [(ann, Online), (cem, Online)], "bob is no member any more, cem is one now");
    fixture.presences.hint(&[bob], fixture.now);
    assert_eq!(fixture.after(CHECK_EVERY), None);
}

#[test]
fn while_the_truth_cannot_be_read_nobody_is_told_as_offline() {
    let ann = UserId::generate();
    let (alice, late) = (session(10_000), session(10_000));
    let mut fixture = Fixture::known(&alice, &[(ann, true)]);
    told(&alice);
    for _ in 0..5 {
        assert_eq!(fixture.after(FULL_EVERY), Some(Scope::All));
        fixture.failed(Unread::Online);
    }
    fixture.watch(&late);
    fixture.presences.resync(fixture.now);
    assert_eq!(fixture.after(CHECK_EVERY), Some(Scope::All), "asked again soon");
    fixture.found(true, &[(ann, false)]);
    assert_eq!(told(&late), [(ann, Online)], "as the others see her");
    assert_eq!(fixture.after(OFFLINE_AFTER), None, "her gateway may not have said so yet");
    assert_eq!(fixture.after(ONLINE_RENEWAL), Some(Scope::Users(vec![ann])));
    assert!(told(&alice).is_empty());
    fixture.found(false, &[(ann, false)]);
    assert_eq!(told(&alice), [(ann, Offline)]);
}

#[test]
fn what_a_full_queue_missed_is_told_later_as_it_is_then() {
    let users: Vec<UserId> = (0..20).map(|_| UserId::generate()).collect();
    // Half of it is for presence: about five pushes.
    let slow = session(1_500);
    let online: Vec<_> = users.iter().map(|user| (*user, true)).collect();
    let mut fixture = Fixture::known(&slow, &online);
    let mut heard = told(&slow);
    assert!((1..10).contains(&heard.len()), "{heard:?}");
    // One goes whose coming was never told: their turn comes last, and the queue is full until then.
    let last = *fixture.presences.rooms[&fixture.room].changes.values().next_back().unwrap();
    for pause in [CHECK_EVERY, OFFLINE_AFTER] {
        fixture.presences.hint(&[last], fixture.now);
        assert!(fixture.after(pause).is_some());
        fixture.found(false, &[(last, false)]);
    }
    for _ in 0..users.len() {
        heard.extend(told(&slow));
        fixture.after(ROUND);
    }
    let expected: Vec<_> = users.iter().map(|user| (*user, if *user == last { Offline } else { Online })).collect();
    heard.sort_by_key(|(user, _)| *user);
    assert_eq!(heard, expected);
    assert!(fixture.presences.owing.is_empty());
}

#[test]
fn whoever_went_is_told_with_the_time_they_were_last_seen_and_it_is_read_at_the_second_look() {
    let [ann, bob] = std::array::from_fn(|_| UserId::generate());
    let alice = session(10_000);
    let mut fixture = Fixture::known(&alice, &[(ann, true), (bob, true)]);
    told(&alice);
    let seen = jiff::Timestamp::from_second(1_700_000_000).unwrap();
    for (pause, going) in [(CHECK_EVERY, vec![]), (OFFLINE_AFTER, vec![ann])] {
        fixture.presences.hint(&[ann], fixture.now);
        assert!(fixture.after(pause).is_some());
        let [Effect::CheckPresence(rooms)] = &fixture.effects[..] else { panic!("{:?}", fixture.effects) };
        assert_eq!(rooms[0].1.going, going);
        let found = Ok(HashMap::from([(ann, Found::Away(Some(seen)))]));
        fixture.presences.checked(Checked { room_id: fixture.room, all: false, found }, fixture.now);
    }
    fixture.after(ROUND);
    let mut items = Vec::new();
    alice.outbox.take(&mut items).now_or_never().unwrap();
    let [Item::Frame(frame)] = &items[..] else { panic!("{items:?}") };
    let expected = Presence { room_id: fixture.room, user_id: ann, status: Offline, last_seen: Some(seen) };
    assert_eq!(serde_json::from_str::<Presence>(frame).unwrap(), expected);
}

#[test]
fn of_a_former_member_nothing_more_is_told() {
    let [ann, bob] = std::array::from_fn(|_| UserId::generate());
    let alice = session(10_000);
    let mut fixture = Fixture::known(&alice, &[(ann, false), (bob, true)]);
    told(&alice);
    let room = fixture.room;
    fixture.presences.left(room, ann);
    fixture.presences.left(room, bob);
    fixture.presences.hint(&[ann, bob], fixture.now);
    assert_eq!(fixture.after(CHECK_EVERY), None);
    // What was being read when they left.
    fixture
        .presences
        .checked(Checked { room_id: room, all: false, found: Ok(HashMap::from([(ann, Found::Here)])) }, fixture.now);
    fixture.after(ROUND);
    assert!(told(&alice).is_empty());
    assert!(fixture.presences.rooms_of.is_empty());
}

#[test]
fn a_check_under_way_does_not_bring_back_who_leaves_meanwhile() {
    let [ann, bob] = std::array::from_fn(|_| UserId::generate());
    let alice = session(10_000);
    // While the members are first read, and when they are known.
    for known in [false, true] {
        let mut fixture = if known { Fixture::known(&alice, &[(ann, true), (bob, true)]) } else { Fixture::new() };
        if known {
            told(&alice);
        } else {
            fixture.watch(&alice);
        }
        assert_eq!(fixture.after(FULL_EVERY), Some(Scope::All));
        fixture.presences.left(fixture.room, bob);
        fixture.found(true, &[(ann, true), (bob, true)]);
        assert_eq!(told(&alice), if known { vec![] } else { vec![(ann, Online)] });
        // He may have been invited again.
        assert_eq!(fixture.after(CHECK_EVERY), Some(Scope::All));
        fixture.found(true, &[(ann, true), (bob, true)]);
        assert_eq!(told(&alice), [(bob, Online)]);
    }
}

#[test]
fn while_the_members_cannot_be_read_those_known_come_and_go_as_redis_says() {
    let [ann, bob] = std::array::from_fn(|_| UserId::generate());
    let (alice, late) = (session(10_000), session(10_000));
    let mut fixture = Fixture::known(&alice, &[(ann, true), (bob, false)]);
    told(&alice);
    for _ in 0..3 {
        assert_eq!(fixture.after(FULL_EVERY), Some(Scope::All));
        fixture.failed(Unread::Members);
        let Some(Scope::Users(mut users)) = fixture.after(CHECK_EVERY) else { panic!("{:?}", fixture.effects) };
        users.sort();
        let mut both = vec![ann, bob];
        both.sort();
        assert_eq!(users, both, "nobody's hint is lost with the check that failed");
        fixture.found(false, &[(ann, true), (bob, false)]);
    }
    fixture.presences.hint(&[ann, bob], fixture.now);
    assert!(fixture.after(CHECK_EVERY).is_some());
    fixture.found(false, &[(ann, false), (bob, true)]);
    assert_eq!(told(&alice), [(bob, Online)]);
    assert_eq!(fixture.after(OFFLINE_AFTER), Some(Scope::Users(vec![ann])));
    fixture.found(false, &[(ann, false)]);
    assert_eq!(told(&alice), [(ann, Offline)]);
    fixture.watch(&late);
    assert_eq!(fixture.after(CHECK_EVERY), None);
    assert_eq!(told(&late), [(bob, Online)]);
}

#[test]
fn a_room_whose_members_were_never_read_is_asked_for_until_they_are() {
    let mut fixture = Fixture::new();
    let (alice, ann) = (session(10_000), UserId::generate());
    fixture.watch(&alice);
    for _ in 0..3 {
        assert_eq!(fixture.after(CHECK_EVERY), Some(Scope::All));
        fixture.failed(Unread::Members);
    }
    assert_eq!(fixture.after(CHECK_EVERY), Some(Scope::All));
    fixture.found(true, &[(ann, true)]);
    assert_eq!(told(&alice), [(ann, Online)]);
}
