//! What the ring shows is what the database would show.

use chat_protocol::{ClientMessageId, Entry, EntryType, MessageId, SessionId, TimelineKind, UserId, entry::Change};
use futures_util::FutureExt;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::ws::outbox::{Outbox, size};

const GAP_WAIT: Duration = Duration::from_millis(200);
const OFF: RingLimits = RingLimits { events: 0, bytes: 0 };

/// A room's timeline in the database.
struct Database {
    room_id: RoomId,
    items: Vec<Stored>,
    messages: Vec<Entry>,
}

enum Stored {
    Entry(usize),
    Change(TimelineKind, Box<Change>, usize),
}

impl Database {
    fn new(room_id: RoomId) -> Self {
        Self { room_id, items: Vec::new(), messages: Vec::new() }
    }

    fn head(&self) -> i64 {
        i64::try_from(self.items.len()).unwrap()
    }

    /// A message, or a change of the `of`-th message. `number` says after which seq the message is shown.
    fn commit(&mut self, kind: TimelineKind, of: usize) -> TimelineEvent {
        let seq = self.head() + 1;
        if kind.is_message() || self.messages.is_empty() {
            self.messages.push(Entry {
                message_id: MessageId::generate(),
                room_id: self.room_id,
                seq,
                number: seq,
                sender_id: UserId::generate(),
                sender_nickname: "ann".into(),
                client_message_id: ClientMessageId::generate(),
                entry_type: EntryType::Text,
                content: format!("text {seq}"),
                members: Vec::new(),
                sent_at: Timestamp::UNIX_EPOCH,
                reply_to: None,
                edited_at: None,
                deleted_at: None,
                reactions: Vec::new(),
            });
            self.items.push(Stored::Entry(self.messages.len() - 1));
        } else {
            let of = of % self.messages.len();
            let message = &mut self.messages[of];
            message.number = seq;
            match kind {
                TimelineKind::Delete => {
                    message.content.clear();
                    message.deleted_at = Some(Timestamp::UNIX_EPOCH);
                }
                _ if message.deleted_at.is_none() => message.content = format!("text {seq}"),
                _ => {}
            }
            let change = Change {
                room_id: self.room_id,
                seq,
                actor_id: UserId::generate(),
                actor_nickname: "ann".into(),
                client_message_id: ClientMessageId::generate(),
                changed_at: Timestamp::UNIX_EPOCH,
                emoji: None,
                removed: false,
                message: message.clone(),
            };
            self.items.push(Stored::Change(kind, Box::new(change), of));
        }
        self.read(self.items.len() - 1)
    }

    /// An item as it is now.
    fn read(&self, index: usize) -> TimelineEvent {
        let (kind, json) = match &self.items[index] {
            Stored::Entry(message) => (TimelineKind::Message, serde_json::to_string(&self.messages[*message])),
            Stored::Change(kind, change, of) => {
                let now = Change { message: self.messages[*of].clone(), ..(**change).clone() };
                (*kind, serde_json::to_string(&now))
            }
        };
        let seq = i64::try_from(index + 1).unwrap();
        TimelineEvent::new(seq, kind, Vec::new(), json.unwrap().into()).unwrap()
    }

    fn page(&self, after: i64, limit: usize) -> Vec<TimelineEvent> {
        let after = usize::try_from(after).unwrap();
        (after..self.items.len()).take(limit).map(|index| self.read(index)).collect()
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Something is committed.
    Commit(TimelineKind, usize),
    /// One of the live events that are on their way arrives, or is lost.
    Arrive(usize),
    Lose(usize),
    /// Somebody comes back with a part of the timeline; their queue has little space or much.
    Resume {
        seen: usize,
        tight: bool,
    },
    /// Pages that were asked for arrive.
    Pages,
    /// Everybody reads what is in their queue.
    Read,
    /// Heads are compared, and time goes by.
    Heads,
    /// Some memory is taken away.
    Limit(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        4 => Just(TimelineKind::Message),
        2 => Just(TimelineKind::Edit),
        1 => Just(TimelineKind::Delete),
        1 => Just(TimelineKind::React),
    ];
    let step = prop_oneof![
        8 => (kind, 0..64_usize).prop_map(|(kind, of)| Step::Commit(kind, of)),
        8 => (0..3_usize).prop_map(Step::Arrive),
        1 => (0..3_usize).prop_map(Step::Lose),
        3 => (0..1_000_usize, any::<bool>()).prop_map(|(seen, tight)| Step::Resume { seen, tight }),
        3 => Just(Step::Pages),
        2 => Just(Step::Read),
        1 => Just(Step::Heads),
        1 => (0..12_usize).prop_map(Step::Limit),
    ];
    prop::collection::vec(step, 1..150)
}

struct Reader {
    session: Arc<SessionHandle>,
    after: i64,
    /// The head when it came, and the room's position.
    known: i64,
    position: i64,
    got: Vec<Value>,
}

/// A room of a gateway, and the database behind it.
struct World {
    room: Room,
    now: Instant,
    database: Database,
    wire: Vec<TimelineEvent>,
    wanted: Vec<PageRequest>,
    readers: Vec<Reader>,
    page_entries: usize,
}

impl World {
    fn new(ring: RingLimits, page_entries: usize) -> Self {
        let (id, now) = (RoomId::generate(), Instant::now());
        let (room, database) = (Room::new(id, ring, now), Database::new(id));
        Self { room, now, database, wire: Vec::new(), wanted: Vec::new(), readers: Vec::new(), page_entries }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Commit(kind, of) => {
                let event = self.database.commit(kind, of);
                self.wire.push(event);
            }
            Step::Arrive(nth) if nth < self.wire.len() => {
                let event = self.wire.remove(nth);
                assert!(self.room.push(event, self.now).is_empty());
            }
            Step::Lose(nth) if nth < self.wire.len() => drop(self.wire.remove(nth)),
            Step::Arrive(_) | Step::Lose(_) => {}
            Step::Resume { seen, tight } => {
                let head = self.database.head();
                let seen = i64::try_from(seen).unwrap() * head / 1_000;
                self.resume(seen, if tight { 3_000 } else { 10_000_000 });
            }
            Step::Pages => self.pages(),
            Step::Read => self.read(),
            Step::Heads => {
                self.room.heard_head(self.database.head(), self.now);
                self.now += GAP_WAIT * 3;
            }
            Step::Limit(events) => self.room.limit_ring(RingLimits { events, bytes: 5_000 }),
        }
        self.settle();
    }

    fn settle(&mut self) {
        assert!(self.room.serve_from_ring(self.now).is_empty());
        self.wanted.extend(self.room.wanted(self.now, GAP_WAIT));
    }

    fn resume(&mut self, after: i64, outbox_bytes: usize) {
        let (id, user_id) = (SessionId::generate(), UserId::generate());
        let session = Arc::new(SessionHandle { id, user_id, outbox: Outbox::new(outbox_bytes) });
        let known = self.database.head();
        assert!(self.room.add(session.clone(), 0, Sink::Native, Feed::TIMELINE));
        assert_eq!(self.room.admit(&session, 0, known, 1, Some(after)), Some(Ok(after)));
        self.room.activate(&session, 0);
        assert!(self.room.go_on(self.now).is_empty());
        let position = self.room.position().unwrap();
        self.readers.push(Reader { session, after, known, position, got: Vec::new() });
    }

    fn pages(&mut self) {
        for request in std::mem::take(&mut self.wanted) {
            let page = self.database.page(request.after, self.page_entries);
            assert!(self.room.page(request.purpose, &page, self.now).is_empty());
        }
    }

    fn read(&mut self) {
        for reader in &mut self.readers {
            let mut items = Vec::new();
            reader.session.outbox.take(&mut items).now_or_never();
            reader.session.outbox.written(items.iter().map(size).sum());
            let frames = items.iter().filter_map(|item| if let Item::Frame(frame) = item { Some(frame) } else { None });
            reader.got.extend(frames.map(|frame| serde_json::from_str::<Value>(frame).unwrap()));
            self.room.unpark(&reader.session);
        }
    }

    /// Until everybody has everything.
    fn finish(&mut self) {
        self.wire.clear();
        for _ in 0..10_000 {
            self.step(&Step::Heads);
            self.step(&Step::Pages);
            self.step(&Step::Read);
            let head = self.database.head();
            if self.readers.iter().all(|reader| reader.after + i64::try_from(reader.got.len()).unwrap() >= head) {
                return;
            }
        }
        panic!("somebody never got everything");
    }
}

fn seq(frame: &Value) -> i64 {
    let item = if frame["push"] == "message" { &frame["message"] } else { frame };
    item["seq"].as_i64().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whoever_comes_back_gets_from_the_ring_what_the_database_would_show(
        steps in steps(), events in 0..40_usize, page_entries in 1..20_usize,
    ) {
        let mut world = World::new(RingLimits { events, bytes: 8_000 }, page_entries);
        for step in &steps {
            world.step(step);
            prop_assert!(world.room.ring_bytes() <= 8_000 + 4_000, "bounded, up to what bringing up to date adds");
        }
        world.finish();
        let head = world.database.head();
        for reader in &world.readers {
            let seqs: Vec<i64> = reader.got.iter().map(seq).collect();
            prop_assert_eq!(seqs, (reader.after + 1..=head).collect::<Vec<_>>());
            // What was there is shown as it was when they came, or later: `number` says after which change it is shown. (What was still on
            // its way to the gateway is shown as it was sent, and the change follows.)
            for frame in reader.got.iter().filter(|frame| seq(frame) <= reader.position) {
                let (place, shown) = (frame["message"]["seq"].as_i64().unwrap(), frame["message"]["number"].as_i64().unwrap());
                let changes = world.database.items.iter().filter_map(|item| match item {
                    Stored::Change(_, change, _) if change.message.seq == place => Some(change.seq),
                    _ => None,
                });
                let before = changes.filter(|change| *change <= reader.known).max().unwrap_or(place);
                prop_assert!(shown >= before, "{} of a reader that knew {}", frame, reader.known);
            }
        }
        // From every cursor, once all is quiet: exactly the page, and the same as a gateway without a ring.
        let mut without = World::new(OFF, page_entries);
        std::mem::swap(&mut without.database, &mut world.database);
        let everything = without.database.page(0, usize::MAX);
        for after in 0..=head {
            std::mem::swap(&mut without.database, &mut world.database);
            world.resume(after, 10_000_000);
            world.finish();
            std::mem::swap(&mut without.database, &mut world.database);
            without.resume(after, 10_000_000);
            without.finish();
            let got = &world.readers.last().unwrap().got;
            prop_assert_eq!(got, &without.readers.last().unwrap().got);
            prop_assert_eq!(got.len(), everything.len() - usize::try_from(after).unwrap());
            world.readers.clear();
            without.readers.clear();
        }
        prop_assert_eq!(without.room.take_tally().ring_catch_ups, 0);
    }
}

#[test]
fn a_wave_of_those_who_come_back_costs_one_page() {
    let mut world = World::new(RingLimits { events: 200, bytes: 1 << 18 }, 200);
    for of in 0..150 {
        world.database.commit(if of % 5 == 4 { TimelineKind::Edit } else { TimelineKind::Message }, of);
    }
    let mut pages = 0;
    for seen in 0..200 {
        world.resume(50 + seen % 100, 10_000_000);
        world.settle();
        pages += world.wanted.len();
        world.pages();
        world.settle();
    }
    world.read();
    for reader in &world.readers {
        assert_eq!(reader.got.iter().map(seq).collect::<Vec<_>>(), (reader.after + 1..=150).collect::<Vec<_>>());
    }
    assert_eq!(pages, 1);
    assert_eq!(world.room.take_tally().ring_catch_ups, 199, "the first by the page");
}

#[test]
fn the_oldest_goes_when_the_ring_is_full_and_an_event_that_is_too_large_is_not_kept() {
    let mut database = Database::new(RoomId::generate());
    let mut ring = Ring::new(RingLimits { events: 3, bytes: 2_500 });
    for _ in 0..5 {
        ring.push(database.commit(TimelineKind::Message, 0));
    }
    assert!(ring.covers(2) && !ring.covers(1), "three events");
    ring.limit(RingLimits { events: 3, bytes: 1_000 });
    assert!(ring.bytes() <= 1_000 && ring.covers(4) && !ring.covers(2));
    let large = database.commit(TimelineKind::Message, 0);
    ring.push(TimelineEvent { json: "x".repeat(2_000).into(), ..large });
    assert!(!ring.covers(5) && ring.bytes() == 0);
    ring.push(database.commit(TimelineKind::Message, 0));
    assert!(ring.covers(6) && !ring.covers(5));
    database.commit(TimelineKind::Message, 0);
    ring.push(database.commit(TimelineKind::Message, 0));
    assert!(ring.covers(8) && !ring.covers(7), "begins again after what it does not have");
}

#[test]
fn a_text_that_was_deleted_is_not_told_again() {
    let mut database = Database::new(RoomId::generate());
    let mut ring = Ring::new(RingLimits { events: 10, bytes: 1 << 16 });
    for (kind, of) in
        [(TimelineKind::Message, 0), (TimelineKind::Message, 0), (TimelineKind::Edit, 0), (TimelineKind::Delete, 0)]
    {
        ring.push(database.commit(kind, of));
    }
    let told: Vec<TimelineEvent> = (1..=4).map(|seq| ring.get(seq).unwrap()).collect();
    for (event, page) in told.iter().zip(database.page(0, 10)) {
        assert_eq!((event.seq, event.kind, event.shows), (page.seq, page.kind, page.shows));
        let value = |event: &TimelineEvent| serde_json::from_str::<Value>(&event.json).unwrap();
        assert_eq!(value(event), value(&page));
    }
    assert!(!told[0].json.contains("text 1") && !told[2].json.contains("text 3"));
    assert_eq!(told[0].json.as_ptr(), ring.get(1).unwrap().json.as_ptr(), "put into words once");
}
