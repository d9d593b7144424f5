//! Many people talking at once, and the proof that each saw everything exactly once, in the one order.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use chat_client::{Client, ClientOptions, Event, RestClient, SendState, StaticToken, ws_url};
use chat_protocol::{ClientMessageId, Entry, RoomId};
use chat_store::Store;
use chat_testkit::assert_eventually;
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::{Person, person::create_person, talk::assert_gapless};

/// Between two messages of a member while a disturbance lasts, when nothing else is heard.
const PAUSE: Duration = Duration::from_millis(50);

/// Clients that stay connected, each in one room.
#[derive(Debug)]
pub struct Crowd {
    members: Vec<Member>,
    per_room: usize,
    store: Store,
    heads: HashMap<RoomId, i64>,
}

#[derive(Debug)]
struct Member {
    name: String,
    room: RoomId,
    client: Client,
}

impl Crowd {
    /// `rooms` groups of `per_room` people each; the people of a room connect to the `addresses` in turn.
    pub async fn gather(store: &Store, addresses: &[String], rooms: usize, per_room: usize) -> Self {
        let mut members = Vec::new();
        let mut heads = HashMap::new();
        for number in 0..rooms {
            let names = (0..per_room).map(|index| format!("room {number} member {index}")).collect::<Vec<_>>();
            let people = join_all(names.iter().map(|name| create_person(store, name))).await;
            let others: Vec<_> = people[1..].iter().map(|person| person.id).collect();
            let rest = RestClient::new(&addresses[0]).expect("an address").with_token(&people[0].token);
            let room = rest.create_group_room("crowd", &others).await.expect("a room");
            heads.insert(room, 1);
            members.extend(people.iter().zip(addresses.iter().cycle()).map(|(person, address)| Member {
                name: person.nickname.clone(),
                room,
                client: start_client(address, room, person),
            }));
        }
        Self { members, per_room, store: store.clone(), heads }
    }

    /// Everybody sends at least `each` messages, one after the other, and goes on while `disturb` runs, which begins when a quarter has been
    /// heard. Returns when everybody has everything of their room, compared with each other and with the database.
    pub async fn talk(&mut self, round: &str, each: usize, within: Duration, disturb: impl Future<Output = ()>) {
        let turn = Turn::new(round, each, &self.heads, self.per_room);
        let a_quarter = self.members.len() * self.per_room * each / 4;
        let disturbing = async {
            let heard = || turn.heard.load(Ordering::Relaxed);
            assert_eventually!(heard() > a_quarter, within = within, "{round}: a quarter heard");
            disturb.await;
            turn.disturbed.store(true, Ordering::Release);
        };
        let talking = join_all(self.members.iter_mut().map(|member| member.talk(&turn)));
        let finished = timeout(within, async { tokio::join!(talking, disturbing) }).await;
        let Ok((seen, ())) = finished else { panic!("{round}: not within {within:?}: {}", self.standing(&turn).await) };

        for (room, room_turn) in &turn.rooms {
            let of_room: Vec<&Vec<Entry>> = self
                .members
                .iter()
                .zip(&seen)
                .filter(|(member, _)| member.room == *room)
                .map(|(_, seen)| seen)
                .collect();
            assert_gapless(of_room[0], room_turn.head + 1);
            assert!(of_room.iter().all(|seen| seen == &of_room[0]), "{round}: members of {room} saw different things");
            let texts: HashSet<_> = of_room[0].iter().map(|entry| &entry.content).collect();
            assert_eq!(texts.len(), room_turn.sent.load(Ordering::Relaxed), "{round}: messages of {room}");
            assert_eq!(texts.len(), of_room[0].len(), "{round}: a message twice in {room}");
            assert_eq!(&self.stored(*room, room_turn.head).await, of_room[0], "{round}: database of {room}");
            self.heads.insert(*room, room_turn.until());
        }
    }

    /// For the message of a failed test.
    async fn standing(&self, turn: &Turn<'_>) -> String {
        let mut standing = vec![format!("disturbance over: {}", turn.disturbed.load(Ordering::Acquire))];
        for (room, room_turn) in &turn.rooms {
            let (until, sending) = (room_turn.until(), room_turn.sending.load(Ordering::Acquire));
            let stored = self.store.heads(&[*room]).await;
            standing.push(format!("{room}: sent up to {until}, stored {stored:?}, {sending} not done"));
        }
        standing.join("; ")
    }

    async fn stored(&self, room: RoomId, mut after: i64) -> Vec<Entry> {
        let mut entries = Vec::new();
        loop {
            let page = self.store.page_after(room, after, 200).await.expect("the database");
            entries.extend(page.entries);
            after = entries.last().map_or(after, |entry: &Entry| entry.seq);
            if !page.more {
                return entries;
            }
        }
    }
}

fn start_client(address: &str, room: RoomId, person: &Person) -> Client {
    let options = ClientOptions {
        rooms: vec![(room, Some(1))],
        reconnect: (Duration::from_millis(100), Duration::from_secs(1)),
        ..ClientOptions::new(ws_url(address))
    };
    Client::start(options, Arc::new(StaticToken(person.token.clone())))
}

/// What the members share while they talk.
struct Turn<'a> {
    name: &'a str,
    each: usize,
    rooms: HashMap<RoomId, RoomTurn>,
    heard: AtomicUsize,
    /// The disturbance is over.
    disturbed: AtomicBool,
}

struct RoomTurn {
    /// Before the first message.
    head: i64,
    sent: AtomicUsize,
    /// Members that may still send.
    sending: AtomicUsize,
}

impl<'a> Turn<'a> {
    fn new(name: &'a str, each: usize, heads: &HashMap<RoomId, i64>, per_room: usize) -> Self {
        let room = |head| RoomTurn { head, sent: AtomicUsize::new(0), sending: AtomicUsize::new(per_room) };
        let rooms = heads.iter().map(|(id, head)| (*id, room(*head))).collect();
        Self { name, each, rooms, heard: AtomicUsize::new(0), disturbed: AtomicBool::new(false) }
    }
}

impl RoomTurn {
    /// The seq after which nothing comes; known when nobody is sending.
    fn until(&self) -> i64 {
        self.head + i64::try_from(self.sent.load(Ordering::Acquire)).expect("a small number")
    }

    fn is_complete(&self, entries: &[Entry]) -> bool {
        let seq = entries.last().map_or(self.head, |entry| entry.seq);
        self.sending.load(Ordering::Acquire) == 0 && seq >= self.until()
    }
}

impl Member {
    /// Sends, each message after the one before is stored; hears everything.
    async fn talk(&mut self, turn: &Turn<'_>) -> Vec<Entry> {
        let Self { name, room, client } = self;
        let room_turn = &turn.rooms[room];
        let handle = client.handle();
        let mut entries: Vec<Entry> = Vec::new();
        let (mut sent, mut sending) = (0, true);
        let mut waiting: Option<ClientMessageId> = None;
        loop {
            let enough = sent >= turn.each && turn.disturbed.load(Ordering::Acquire);
            if sending && enough && waiting.is_none() {
                sending = false;
                room_turn.sending.fetch_sub(1, Ordering::AcqRel);
            }
            if !sending && room_turn.is_complete(&entries) {
                return entries;
            }
            let event = timeout(PAUSE, client.next_event()).await;
            // In a hurry first, then slowly for as long as the disturbance takes.
            if sending && !enough && waiting.is_none() && (sent < turn.each || event.is_err()) {
                let text = format!("{}: {sent} of {name}", turn.name);
                waiting = Some(handle.send(*room, text).await.expect("a running client"));
                room_turn.sent.fetch_add(1, Ordering::AcqRel);
                sent += 1;
            }
            let Ok(event) = event else { continue };
            match event.expect("a running client") {
                Event::Entry(entry) => {
                    turn.heard.fetch_add(1, Ordering::Relaxed);
                    entries.push(entry);
                }
                Event::Send { client_message_id, state, .. } if waiting.as_ref() == Some(&client_message_id) => {
                    match state {
                        SendState::Persisted { .. } => waiting = None,
                        SendState::Rejected(error) => panic!("{name}: rejected: {error:?}"),
                        SendState::Accepted | SendState::Unknown => {}
                    }
                }
                wrong @ (Event::Gap { .. } | Event::Failed(_) | Event::RoomEnded { .. }) => panic!("{name}: {wrong:?}"),
                _ => {}
            }
        }
    }
}
