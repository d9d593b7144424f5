use chat_protocol::{
    ClientMessageId, Entry, EntryType, MessageId, SessionId, TimelineKind, UserId,
    entry::{Change, Reaction},
    frame::ServerPush,
};
use jiff::Timestamp;

use super::{missing::RETRY_PAUSE, *};
use crate::ws::outbox::Outbox;

const RING: RingLimits = RingLimits { events: 200, bytes: 1 << 18 };
const GAP_WAIT: Duration = Duration::from_millis(200);

/// A room with subscribers whose outboxes can be read.
struct Fixture {
    room: Room,
    now: Instant,
}

fn session(outbox_bytes: usize) -> Arc<SessionHandle> {
    Arc::new(SessionHandle {
        id: SessionId::generate(),
        user_id: UserId::generate(),
        outbox: Outbox::new(outbox_bytes),
    })
}

fn event(seq: i64) -> TimelineEvent {
    TimelineEvent::new(seq, TimelineKind::Message, Vec::new(), format!("{{\"seq\":{seq}}}").into()).unwrap()
}

/// The seqs of the frames queued, and the other items by name.
async fn received(session: &SessionHandle) -> Vec<String> {
    let mut items = vec![Item::Push(Push::Ping(Vec::new()))];
    session.outbox.push(Item::Push(Push::Ping(Vec::new())));
    session.outbox.take(&mut items).await;
    let space: usize = items.iter().map(crate::ws::outbox::size).sum();
    session.outbox.written(space);
    let name = |item: Item| match item {
        Item::Frame(frame) => frame.split("\"seq\":").nth(1).map(|rest| rest.trim_end_matches('}').to_owned()),
        Item::Push(Push::Lagging { seq, .. }) => Some(format!("lagging after {seq}")),
        Item::Push(Push::Unsubscribed { .. }) => Some("unsubscribed".to_owned()),
        _ => None,
    };
    items.into_iter().filter_map(name).collect()
}

impl Fixture {
    fn new() -> Self {
        let now = Instant::now();
        Self { room: Room::new(RoomId::generate(), RING, now), now }
    }

    /// Subscribes as the hub does, in one go.
    fn subscribe(&mut self, session: &Arc<SessionHandle>, head: i64, after: Option<i64>) -> Result<i64, ErrorCode> {
        assert!(self.room.add(session.clone(), 0, Sink::Native, Feed::TIMELINE.and(Feed::READ)));
        let seq = self.room.admit(session, 0, head, 1, after).unwrap()?;
        self.room.activate(session, 0);
        Ok(seq)
    }

    fn push(&mut self, seqs: impl IntoIterator<Item = i64>) {
        for seq in seqs {
            assert!(self.room.push(event(seq), self.now).is_empty());
        }
    }

    fn wanted(&mut self) -> Vec<(i64, Purpose)> {
        self.room.wanted(self.now, GAP_WAIT).map(|page| (page.after, page.purpose)).collect()
    }

    fn page(&mut self, purpose: Purpose, seqs: impl IntoIterator<Item = i64>) -> Vec<Removed> {
        let events: Vec<TimelineEvent> = seqs.into_iter().map(event).collect();
        self.room.page(purpose, &events, self.now)
    }
}

#[tokio::test]
async fn events_reach_a_subscriber_once_and_in_order_however_they_arrive() {
    let (mut fixture, alice) = (Fixture::new(), session(100_000));
    assert_eq!(fixture.subscribe(&alice, 3, None), Ok(3));
    fixture.push([2, 3, 5, 4, 4, 7, 6, 5, 8]);
    assert_eq!(received(&alice).await, ["4", "5", "6", "7", "8"]);
    assert_eq!(fixture.wanted(), []);
}

#[tokio::test]
async fn a_gap_is_read_from_the_database_after_it_had_time_to_close() {
    let (mut fixture, alice) = (Fixture::new(), session(100_000));
    fixture.subscribe(&alice, 3, None).unwrap();
    fixture.push([6]);
    assert_eq!(fixture.wanted(), [], "it may close by itself");
    fixture.now += GAP_WAIT;
    assert_eq!(fixture.wanted(), [(3, Purpose::Gap)]);
    assert_eq!(fixture.wanted(), [], "asked for once");
    fixture.page(Purpose::Gap, [4, 5]);
    assert_eq!(received(&alice).await, ["4", "5", "6"]);
}

#[tokio::test]
async fn the_last_message_of_a_quiet_room_is_found_by_its_head() {
    let (mut fixture, alice) = (Fixture::new(), session(100_000));
    fixture.subscribe(&alice, 3, None).unwrap();
    fixture.room.heard_head(4, fixture.now);
    fixture.now += GAP_WAIT;
    assert_eq!(fixture.wanted(), [(3, Purpose::Gap)]);
    fixture.page(Purpose::Gap, [4]);
    assert_eq!(received(&alice).await, ["4"]);
    fixture.now += GAP_WAIT;
    assert_eq!(fixture.wanted(), []);
}

#[tokio::test]
async fn a_page_that_fails_is_asked_for_again_later() {
    let (mut fixture, alice) = (Fixture::new(), session(100_000));
    fixture.subscribe(&alice, 3, None).unwrap();
    fixture.room.heard_head(4, fixture.now);
    fixture.now += GAP_WAIT;
    assert_eq!(fixture.wanted().len(), 1);
    fixture.room.page_failed(Purpose::Gap, fixture.now);
    assert_eq!(fixture.wanted(), [], "not in a tight loop");
    fixture.now += RETRY_PAUSE;
    assert_eq!(fixture.wanted(), [(3, Purpose::Gap)]);
}

#[tokio::test]
async fn a_resumed_subscriber_catches_up_while_the_room_goes_on() {
    let (mut fixture, alice, bob) = (Fixture::new(), session(100_000), session(100_000));
    fixture.subscribe(&bob, 10, None).unwrap();
    assert_eq!(fixture.subscribe(&alice, 10, Some(7)), Ok(7));
    assert_eq!(fixture.wanted(), [(7, Purpose::CatchUp)]);
    fixture.push([11, 12]);
    fixture.page(Purpose::CatchUp, [8, 9, 10]);
    assert_eq!(received(&alice).await, ["8", "9", "10"]);
    assert_eq!(fixture.wanted(), [], "what came meanwhile is here");
    assert!(fixture.room.serve_from_ring(fixture.now).is_empty());
    fixture.push([13]);
    assert_eq!(received(&alice).await, ["11", "12", "13"]);
    assert_eq!(received(&bob).await, ["11", "12", "13"]);
}

#[tokio::test]
async fn a_client_that_is_ahead_of_this_gateway_gets_nothing_twice() {
    let (mut fixture, alice, bob) = (Fixture::new(), session(100_000), session(100_000));
    fixture.subscribe(&bob, 10, None).unwrap();
    assert_eq!(fixture.subscribe(&alice, 12, Some(12)), Ok(12));
    fixture.push([11, 12, 13]);
    assert_eq!(received(&alice).await, ["13"]);
    assert_eq!(fixture.subscribe(&session(1), 13, Some(14)), Err(ErrorCode::InvalidSeq));
}

#[tokio::test]
async fn a_slow_subscriber_pauses_and_goes_on_without_loss_and_holds_up_nobody() {
    let frame = r#"{"push":"message","message":{"seq":4}}"#.len();
    let (mut fixture, slow, fast) = (Fixture::new(), session(2 * frame), session(100_000));
    fixture.subscribe(&slow, 3, None).unwrap();
    fixture.subscribe(&fast, 3, None).unwrap();
    fixture.push([4, 5, 6, 7]);
    assert_eq!(received(&fast).await, ["4", "5", "6", "7"]);
    assert_eq!(received(&slow).await, ["4", "5", "lagging after 5"]);
    assert_eq!(fixture.wanted(), [], "a full queue is not filled from the database");
    fixture.room.unpark(&slow);
    assert!(fixture.room.serve_from_ring(fixture.now).is_empty());
    assert_eq!(fixture.wanted(), [], "what it missed is kept");
    assert_eq!(received(&slow).await, ["6", "7"]);
}

#[tokio::test]
async fn nothing_after_the_leave_reaches_whoever_left() {
    let (mut fixture, alice, bob, late) = (Fixture::new(), session(100_000), session(100_000), session(100_000));
    fixture.subscribe(&alice, 3, None).unwrap();
    fixture.subscribe(&bob, 3, None).unwrap();
    // A third session of bob's user is behind, and a fourth still waits for its membership check.
    let behind =
        Arc::new(SessionHandle { id: SessionId::generate(), user_id: bob.user_id, outbox: Outbox::new(100_000) });
    let waiting =
        Arc::new(SessionHandle { id: SessionId::generate(), user_id: bob.user_id, outbox: Outbox::new(100_000) });
    fixture.subscribe(&behind, 3, Some(2)).unwrap();
    assert!(fixture.room.add(waiting.clone(), 0, Sink::Native, Feed::TIMELINE.and(Feed::READ)));
    let leave = TimelineEvent { removed: vec![bob.user_id], ..event(4) };
    let removed = fixture.room.push(leave.clone(), fixture.now);
    assert_eq!(removed.len(), 2, "the live and the waiting one");
    fixture.push([5]);
    assert_eq!(received(&bob).await, ["4", "unsubscribed"]);
    assert!(fixture.room.admit(&waiting, 0, 5, 1, None).is_none(), "a check that came too late lets nobody in");
    let removed = fixture.room.page(Purpose::CatchUp, &[event(3), leave, event(5)], fixture.now);
    assert_eq!(removed.len(), 1);
    assert_eq!(received(&behind).await, ["3", "4", "unsubscribed"]);
    assert_eq!(received(&alice).await, ["4", "5"]);
    fixture.subscribe(&late, 5, None).unwrap();
}

#[tokio::test]
async fn a_leave_that_is_told_again_ends_no_later_membership() {
    let (mut fixture, alice, behind) = (Fixture::new(), session(100_000), session(100_000));
    let user_id = UserId::generate();
    let device = || Arc::new(SessionHandle { id: SessionId::generate(), user_id, outbox: Outbox::new(100_000) });
    fixture.subscribe(&alice, 3, None).unwrap();
    let leave = TimelineEvent { removed: vec![user_id], ..event(4) };
    fixture.room.push(leave, fixture.now);
    fixture.push([5, 6]);
    // The user is a member again with entry 5: one device is there, one waits for its membership check.
    let (back, waiting) = (device(), device());
    assert!(fixture.room.add(back.clone(), 0, Sink::Native, Feed::TIMELINE));
    assert_eq!(fixture.room.admit(&back, 0, 6, 5, Some(2)), Some(Ok(4)));
    fixture.room.activate(&back, 0);
    assert!(fixture.room.add(waiting.clone(), 0, Sink::Native, Feed::TIMELINE));
    fixture.subscribe(&behind, 6, Some(3)).unwrap();
    assert!(fixture.room.serve_from_ring(fixture.now).is_empty());
    assert_eq!(received(&behind).await, ["4", "5", "6"]);
    assert_eq!(received(&back).await, ["5", "6"]);
    assert_eq!(fixture.room.admit(&waiting, 0, 6, 5, None), Some(Ok(6)));
}

#[tokio::test]
async fn events_held_back_are_bounded_and_the_rest_is_read_again() {
    let (mut fixture, alice) = (Fixture::new(), session(10_000_000));
    fixture.subscribe(&alice, 0, None).unwrap();
    fixture.push(2..=1_000);
    assert_eq!(fixture.room.ahead.len(), AHEAD_MAX);
    assert_eq!(fixture.wanted(), [(0, Purpose::Gap)], "at once: waiting would not help");
    fixture.page(Purpose::Gap, 1..=200);
    assert_eq!(fixture.room.position(), Some(1 + i64::try_from(AHEAD_MAX).unwrap()));
    fixture.now += GAP_WAIT;
    assert_eq!(fixture.wanted(), [(257, Purpose::Gap)]);
}

#[tokio::test]
async fn a_read_receipt_is_shown_to_those_who_asked_for_it() {
    let (mut fixture, all, timeline) = (Fixture::new(), session(100_000), session(100_000));
    fixture.subscribe(&all, 3, None).unwrap();
    assert!(fixture.room.add(timeline.clone(), 0, Sink::Native, Feed::TIMELINE));
    fixture.room.admit(&timeline, 0, 3, 1, None).unwrap().unwrap();
    fixture.room.activate(&timeline, 0);
    fixture.room.push_aside(Feed::READ, "read", r#"{"seq":9}"#);
    assert_eq!(received(&all).await, ["9"]);
    assert_eq!(received(&timeline).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_queue_that_is_half_full_gets_messages_and_no_typing() {
    let (mut fixture, alice) = (Fixture::new(), session(100));
    assert!(fixture.room.add(alice.clone(), 0, Sink::Native, Feed::TIMELINE.and(Feed::TYPING)));
    fixture.room.admit(&alice, 0, 0, 1, None).unwrap().unwrap();
    fixture.room.activate(&alice, 0);
    // A message takes 38 bytes, typing 25: together more than half.
    fixture.push([1]);
    fixture.room.push_aside(Feed::TYPING, "typing", r#"{"seq":9}"#);
    fixture.push([2]);
    assert_eq!(received(&alice).await, ["1", "2"]);
    fixture.room.push_aside(Feed::TYPING, "typing", r#"{"seq":9}"#);
    assert_eq!(received(&alice).await, ["9"]);
}

fn change(seq: i64, of: i64) -> TimelineEvent {
    let change = Change {
        room_id: RoomId::generate(),
        seq,
        actor_id: UserId::generate(),
        actor_nickname: "ann".into(),
        client_message_id: ClientMessageId::generate(),
        changed_at: Timestamp::UNIX_EPOCH,
        emoji: None,
        removed: false,
        message: Entry {
            message_id: MessageId::generate(),
            room_id: RoomId::generate(),
            seq: of,
            number: of,
            sender_id: UserId::generate(),
            sender_nickname: "ann".into(),
            client_message_id: ClientMessageId::generate(),
            entry_type: EntryType::Text,
            content: "the text".into(),
            members: Vec::new(),
            sent_at: Timestamp::UNIX_EPOCH,
            reply_to: Some(MessageId::generate()),
            edited_at: Some(Timestamp::UNIX_EPOCH),
            deleted_at: None,
            reactions: vec![Reaction { emoji: "👍".into(), count: 1, user_ids: vec![UserId::generate()] }],
        },
    };
    TimelineEvent::new(seq, TimelineKind::Edit, Vec::new(), serde_json::to_string(&change).unwrap().into()).unwrap()
}

async fn frames(session: &SessionHandle) -> Vec<String> {
    let mut items = Vec::new();
    session.outbox.take(&mut items).await;
    let frame = |item: Item| match item {
        Item::Frame(frame) => Some(frame.to_string()),
        _ => None,
    };
    items.into_iter().filter_map(frame).collect()
}

#[tokio::test]
async fn a_change_takes_its_place_among_the_messages() {
    let (mut fixture, alice) = (Fixture::new(), session(100_000));
    assert_eq!(fixture.subscribe(&alice, 3, None), Ok(3));
    fixture.push([4, 6]);
    assert!(fixture.room.push(change(5, 2), fixture.now).is_empty());
    let frames = frames(&alice).await;
    let kinds: Vec<&str> = frames.iter().map(|frame| frame.split('"').nth(3).unwrap()).collect();
    assert_eq!(kinds, ["message", "edit", "message"]);
    assert!(frames[1].contains("the text"));
}

#[tokio::test]
async fn a_change_of_a_message_from_before_the_membership_keeps_its_place_and_shows_nothing() {
    let (mut fixture, old, new) = (Fixture::new(), session(100_000), session(100_000));
    assert_eq!(fixture.subscribe(&old, 5, None), Ok(5));
    assert!(fixture.room.add(new.clone(), 0, Sink::Native, Feed::TIMELINE));
    assert_eq!(fixture.room.admit(&new, 0, 5, 4, None).unwrap(), Ok(5));
    fixture.room.activate(&new, 0);
    for event in [change(6, 3), change(7, 5)] {
        assert!(fixture.room.push(event, fixture.now).is_empty());
    }
    let (seen, kept) = (frames(&old).await, frames(&new).await);
    assert_eq!((seen.len(), kept.len()), (2, 2));
    assert!(seen.iter().all(|frame| frame.contains("the text") && frame.contains("reactions")));
    let blank: ServerPush = serde_json::from_str(&kept[0]).unwrap();
    let ServerPush::Edit(blank) = blank else { panic!("{blank:?}") };
    assert_eq!((blank.seq, blank.message.seq, blank.message.content.as_str()), (6, 3, ""));
    assert_eq!((blank.message.reply_to, blank.message.reactions.len()), (None, 0));
    assert_eq!(kept[1], seen[1], "what was written since is shown");
}
