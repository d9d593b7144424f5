//! The real hub against the simplest reference there is: a subscription shows `after + 1, after + 2, …`, without a gap, until the entry that ends
//! the membership, and in the end all of it. Whatever arrives twice, late, in any order, or never; whatever is read early and answered late.
//! `crates/model` proves the rules in small; this holds the code to them at random, with slow readers and memberships that begin again.

use chat_protocol::ErrorCode;
use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;
use crate::hub::{room::PageRequest, sink::TimelineEvent};

const USERS: usize = 3;
const PAGE: usize = 3;

/// What happens. A number picks one of those there are.
#[derive(Debug, Clone)]
enum Step {
    Say,
    Leave(usize),
    Join(usize),
    Arrive(usize),
    ArriveAndStay(usize),
    Lose(usize),
    Subscribe(usize, bool),
    Disconnect(usize),
    Read(usize),
    Check(usize),
    Open(usize),
    TakePage(usize),
    Page(usize),
    PageFails(usize),
    Heads,
    Time,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (user, nth) = (0..USERS, 0..8_usize);
    let step = prop_oneof![
        6 => Just(Step::Say),
        1 => user.clone().prop_map(Step::Leave),
        1 => user.clone().prop_map(Step::Join),
        8 => nth.clone().prop_map(Step::Arrive),
        1 => nth.clone().prop_map(Step::ArriveAndStay),
        1 => nth.clone().prop_map(Step::Lose),
        4 => (user.clone(), any::<bool>()).prop_map(|(user, resume)| Step::Subscribe(user, resume)),
        1 => user.clone().prop_map(Step::Disconnect),
        3 => user.prop_map(Step::Read),
        4 => nth.clone().prop_map(Step::Check),
        4 => nth.clone().prop_map(Step::Open),
        3 => nth.clone().prop_map(Step::TakePage),
        3 => nth.clone().prop_map(Step::Page),
        1 => nth.prop_map(Step::PageFails),
        1 => Just(Step::Heads),
        2 => Just(Step::Time),
    ];
    prop::collection::vec(step, 1..120)
}

/// An entry: nothing, or a membership that begins or ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stored {
    Text,
    Joined(usize),
    Left(usize),
}

/// What a subscription may show.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Standing {
    No,
    /// Asked for; `after` if it resumes.
    Asked(Option<i64>),
    /// Shown up to here; the membership it was admitted with began at `joined`.
    Shown {
        joined: i64,
        cursor: i64,
    },
}

struct Reader {
    user_id: UserId,
    session: Arc<SessionHandle>,
    standing: Standing,
    /// Where it had got to, over all connections.
    cursor: Option<i64>,
    /// What the check of the request that is answered next found.
    checked: Option<Membership>,
}

struct World {
    fixture: Fixture,
    room: RoomId,
    outbox_bytes: usize,
    /// `database[n]` has seq n + 1.
    database: Vec<Stored>,
    wire: Vec<i64>,
    unread: Vec<(u64, usize)>,
    checks: Vec<(u64, usize, Option<Membership>)>,
    pages_wanted: Vec<PageRequest>,
    pages: Vec<(PageRequest, Vec<i64>)>,
    heads_wanted: bool,
    readers: Vec<Reader>,
}

fn pick<T>(from: &mut Vec<T>, nth: usize) -> Option<T> {
    let length = from.len();
    (length > 0).then(|| from.remove(nth % length))
}

fn handle(user_id: UserId, outbox_bytes: usize) -> Arc<SessionHandle> {
    Arc::new(SessionHandle { id: SessionId::generate(), user_id, outbox: Outbox::new(outbox_bytes) })
}

impl World {
    fn new(outbox_bytes: usize) -> Self {
        let mut fixture = Fixture::new();
        let reader = |()| {
            let user_id = UserId::generate();
            let session = handle(user_id, outbox_bytes);
            Reader { user_id, session, standing: Standing::No, cursor: None, checked: None }
        };
        let readers: Vec<Reader> = std::iter::repeat_n((), USERS).map(reader).collect();
        for reader in &readers {
            fixture.tell(Input::Attach(reader.session.clone()));
        }
        Self {
            fixture,
            room: RoomId::generate(),
            outbox_bytes,
            database: (0..USERS).map(Stored::Joined).collect(),
            wire: Vec::new(),
            unread: Vec::new(),
            checks: Vec::new(),
            pages_wanted: Vec::new(),
            pages: Vec::new(),
            heads_wanted: false,
            readers,
        }
    }

    fn head(&self) -> i64 {
        i64::try_from(self.database.len()).unwrap()
    }

    /// The entry by which the user is a member now.
    fn joined_seq(&self, user: usize) -> Option<i64> {
        let last = self.database.iter().rposition(|it| [Stored::Joined(user), Stored::Left(user)].contains(it))?;
        (self.database[last] == Stored::Joined(user)).then(|| i64::try_from(last).unwrap() + 1)
    }

    /// The entry that ended a membership.
    fn left_seq(&self, user: usize, joined: i64) -> Option<i64> {
        let after = usize::try_from(joined).unwrap();
        let left = self.database[after..].iter().position(|it| *it == Stored::Left(user))?;
        Some(i64::try_from(after + left).unwrap() + 1)
    }

    fn removed(&self, seq: i64) -> Vec<UserId> {
        match self.database[usize::try_from(seq).unwrap() - 1] {
            Stored::Left(user) => vec![self.readers[user].user_id],
            Stored::Text | Stored::Joined(_) => Vec::new(),
        }
    }

    fn commit(&mut self, entry: Stored) {
        self.database.push(entry);
        self.wire.push(self.head());
    }

    fn arrive(&mut self, seq: i64) {
        let removed = serde_json::to_string(&self.removed(seq)).unwrap();
        let data = format!("{{\"seq\":{seq}}}");
        let payload = format!("{{\"event\":\"message\",\"seq\":{seq},\"removed\":{removed},\"data\":{data}}}\n");
        let Fixture { hub, now, effects } = &mut self.fixture;
        hub.message(Channel::Room(self.room), payload.as_bytes(), *now, effects);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Say => self.commit(Stored::Text),
            Step::Leave(user) if self.joined_seq(user).is_some() => self.commit(Stored::Left(user)),
            Step::Join(user) if self.joined_seq(user).is_none() => self.commit(Stored::Joined(user)),
            Step::Leave(_) | Step::Join(_) => {}
            Step::Arrive(nth) => {
                if let Some(seq) = pick(&mut self.wire, nth) {
                    self.arrive(seq);
                }
            }
            Step::ArriveAndStay(nth) => {
                if let Some(seq) = pick(&mut self.wire, nth) {
                    self.wire.push(seq);
                    self.arrive(seq);
                }
            }
            Step::Lose(nth) => drop(pick(&mut self.wire, nth)),
            Step::Subscribe(user, resume) => self.subscribe(user, resume),
            Step::Disconnect(user) => self.disconnect(user),
            Step::Read(user) => self.read(user),
            Step::Check(nth) => {
                if let Some((request, user)) = pick(&mut self.unread, nth) {
                    let head = self.head();
                    let membership = self.joined_seq(user).map(|joined_seq| Membership { head, joined_seq });
                    self.checks.push((request, user, membership));
                }
            }
            Step::Open(nth) => {
                if let Some((request, user, membership)) = pick(&mut self.checks, nth) {
                    let reader = &mut self.readers[user];
                    reader.checked = membership;
                    let found = membership.map(|membership| ((self.room, reader.user_id), membership));
                    self.fixture.tell(Input::Opened { request, memberships: Ok(found.into_iter().collect()) });
                    // The answer is read at once: only that tells what the subscription may show.
                    self.read(user);
                }
            }
            Step::TakePage(nth) => {
                if let Some(request) = pick(&mut self.pages_wanted, nth) {
                    let rows = (request.after + 1..=self.head()).take(PAGE).collect();
                    self.pages.push((request, rows));
                }
            }
            Step::Page(nth) => {
                if let Some((request, rows)) = pick(&mut self.pages, nth) {
                    let event = |seq: i64| {
                        let json = format!("{{\"seq\":{seq}}}").into();
                        TimelineEvent::new(seq, chat_protocol::TimelineKind::Message, self.removed(seq), json).unwrap()
                    };
                    let events = Some(rows.into_iter().map(event).collect());
                    self.fixture.tell(Input::Page { room_id: self.room, request, events });
                }
            }
            Step::PageFails(nth) => {
                if let Some((request, _)) = pick(&mut self.pages, nth) {
                    self.fixture.tell(Input::Page { room_id: self.room, request, events: None });
                }
            }
            Step::Heads => {
                if std::mem::take(&mut self.heads_wanted) {
                    self.fixture.tell(Input::Heads(vec![(self.room, self.head())]));
                }
            }
            Step::Time => {
                self.fixture.now += Duration::from_millis(700);
                let Fixture { hub, now, effects } = &mut self.fixture;
                hub.tick(*now, effects);
            }
        }
        for effect in std::mem::take(&mut self.fixture.effects) {
            match effect {
                Effect::ReadPage { request, .. } => self.pages_wanted.push(request),
                Effect::ReadHeads(_) => self.heads_wanted = true,
                Effect::Open { request, user_id, .. } => {
                    let user = self.readers.iter().position(|reader| reader.user_id == user_id).unwrap();
                    self.unread.push((request, user));
                }
                // A room that nobody wanted for a while begins anew; answers for the old one do not come so late.
                Effect::Channel { channel: Channel::Room(_), wanted: false } => {
                    self.pages_wanted.clear();
                    self.pages.clear();
                    self.heads_wanted = false;
                }
                _ => {}
            }
        }
    }

    fn subscribe(&mut self, user: usize, resume: bool) {
        let reader = &mut self.readers[user];
        if reader.standing != Standing::No {
            return;
        }
        let after = reader.cursor.filter(|_| resume);
        reader.standing = Standing::Asked(after);
        let feed = Feed::TIMELINE;
        let request = RoomRequest { room_id: self.room, after, key: 0, sink: Sink::Native, feed };
        let session = reader.session.id;
        self.fixture.tell(Input::Subscribe { session, tag: Tag::Native(1), rooms: vec![request] });
    }

    fn disconnect(&mut self, user: usize) {
        let reader = &mut self.readers[user];
        self.fixture.tell(Input::Detach(reader.session.id));
        // Requests of the old session are answered to it; nobody reads that any more.
        self.unread.retain(|(_, of)| *of != user);
        self.checks.retain(|(_, of, _)| *of != user);
        reader.standing = Standing::No;
        reader.session = handle(reader.user_id, self.outbox_bytes);
        self.fixture.tell(Input::Attach(reader.session.clone()));
    }

    /// Reads all that was queued, and holds it against the reference.
    fn read(&mut self, user: usize) {
        let session = self.readers[user].session.clone();
        let mut items = Vec::new();
        session.outbox.take(&mut items).now_or_never();
        let space = session.outbox.written(items.iter().map(outbox::size).sum());
        for item in &items {
            self.check(user, item);
        }
        if space {
            self.fixture.tell(Input::Drained(session.id));
        }
    }

    fn check(&mut self, user: usize, item: &Item) {
        let standing = self.readers[user].standing;
        let next = match (item, standing) {
            (Item::Subscribed(_, rooms), Standing::Asked(after)) => {
                let checked = self.readers[user].checked;
                match (&rooms[0].error, checked) {
                    (None, Some(Membership { joined_seq: joined, .. })) => {
                        let cursor = rooms[0].seq;
                        if let Some(after) = after {
                            assert_eq!(cursor, after.max(joined - 1), "goes on where it was");
                        }
                        Standing::Shown { joined, cursor }
                    }
                    (Some(_), None) => Standing::No,
                    (Some(error), Some(checked)) => {
                        assert_eq!(error.code, ErrorCode::RoomNotFound);
                        let left = self.database.contains(&Stored::Left(user));
                        assert!(left, "{checked:?} refused without having left");
                        Standing::No
                    }
                    (None, None) => panic!("let in without a membership"),
                }
            }
            (Item::Frame(frame), Standing::Shown { joined, cursor }) => {
                let frame: serde_json::Value = serde_json::from_str(frame).unwrap();
                let seq = frame["message"]["seq"].as_i64().unwrap();
                assert_eq!(seq, cursor + 1, "one after the other");
                assert!(self.left_seq(user, joined).is_none_or(|left| seq <= left), "{seq} is after the leave");
                Standing::Shown { joined, cursor: seq }
            }
            (Item::Push(Push::Unsubscribed { .. }), Standing::Shown { joined, cursor }) => {
                assert_eq!(self.left_seq(user, joined), Some(cursor), "ends with the leave, and has it");
                Standing::No
            }
            (Item::Push(Push::Lagging { seq, .. }), Standing::Shown { cursor, .. }) => {
                assert_eq!(*seq, cursor);
                standing
            }
            other => panic!("not expected: {other:?}"),
        };
        let reader = &mut self.readers[user];
        reader.standing = next;
        if let Standing::Shown { cursor, .. } = next {
            reader.cursor = Some(cursor);
        }
    }

    /// Redis lost what is still under way; everything else is answered. In the end everybody has everything.
    fn finish(&mut self) {
        self.wire.clear();
        for _ in 0..200 + self.database.len() {
            for step in [Step::Time, Step::Heads, Step::Check(0), Step::Open(0), Step::TakePage(0), Step::Page(0)] {
                self.step(&step);
            }
            (0..USERS).for_each(|user| self.step(&Step::Read(user)));
        }
        for reader in &self.readers {
            match reader.standing {
                Standing::No => {}
                Standing::Asked(_) => panic!("never answered"),
                Standing::Shown { cursor, .. } => assert_eq!(cursor, self.head(), "complete, and only for members"),
            }
        }
        let members = self.readers.iter().enumerate().filter(|(_, reader)| reader.standing != Standing::No);
        for (user, _) in members {
            assert!(self.joined_seq(user).is_some(), "whoever left has no subscription");
        }
    }
}

proptest! {
    #[test]
    fn a_subscription_shows_every_seq_once_in_order_until_its_membership_ends(steps in steps(), slow in any::<bool>()) {
        let mut world = World::new(if slow { 900 } else { 1_000_000 });
        for step in &steps {
            world.step(step);
        }
        world.finish();
    }
}

/// The counter-example that `crates/model` gives when a subscription may start beyond the head with which its membership was checked.
#[test]
fn a_kick_between_two_membership_checks_of_a_new_room_is_not_passed_over() {
    let (mut world, alice, bob) = (World::new(1_000_000), 0, 1);
    for step in [Step::Subscribe(alice, false), Step::Subscribe(bob, false), Step::Check(1), Step::Leave(bob)] {
        world.step(&step);
    }
    // Alice's check knows of the leave, comes back first, and opens the room at it.
    for step in [Step::Check(0), Step::Open(1), Step::Open(0), Step::Arrive(0), Step::Say, Step::Arrive(0)] {
        world.step(&step);
    }
    world.finish();
    assert_eq!(world.readers[bob].standing, Standing::No);
    assert_eq!(world.readers[bob].cursor, Some(4), "the leave, and nothing after it");
}
