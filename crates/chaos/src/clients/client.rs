//! One client: connects, resumes where it was, talks, listens, and writes down everything.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chat_client::{Connection, Incoming, ws_url};
use chat_protocol::{
    ClientMessageId, RoomId,
    frame::{ClientCommand, RoomCursor},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::{sync::watch, time::MissedTickBehavior};

use super::{
    Person, Role,
    changes::Seen,
    listen::{Asked, Session},
    outbox::{Act, Draft, Outbox},
};
use crate::{history::History, world::PING_SECS};

const TICK: Duration = Duration::from_millis(50);
/// Silence for this long is a dead connection.
const SILENCE: Duration = Duration::from_secs(2 * PING_SECS);
/// One in so many acknowledged messages is said again by the impatient.
const REPEATS: u32 = 8;

/// What everybody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Talk and listen.
    Talk,
    /// Nothing new is said; what was not acknowledged is said again.
    Finish,
    /// Nobody says anything; whoever is cut off comes back.
    Listen,
    /// Go.
    Leave,
}

#[derive(Debug)]
pub struct Client {
    person: Person,
    addresses: Vec<String>,
    pause: Duration,
    rng: StdRng,
    history: Arc<History>,
    outbox: Outbox,
    /// What can be changed.
    seen: Seen,
    /// Where it talks.
    rooms: Vec<RoomId>,
    /// Per room, the last place received.
    cursors: HashMap<RoomId, i64>,
    connections: usize,
    said: usize,
    next_say: Instant,
    next_mark: Instant,
    next_break: Instant,
}

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// The client wanted it.
    Wanted,
    Lost,
}

impl Client {
    pub fn new(person: Person, addresses: Vec<String>, pause: Duration, seed: u64, history: Arc<History>) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut cursors = HashMap::new();
        // Half begin at the beginning, half with what comes.
        if rng.random_bool(0.5) {
            cursors.extend(person.watched().iter().map(|room| (*room, 0)));
        }
        let now = Instant::now();
        Self {
            seen: Seen::new(person.id),
            rooms: person.watched(),
            person,
            addresses,
            pause,
            rng,
            history,
            outbox: Outbox::default(),
            cursors,
            connections: 0,
            said: 0,
            next_say: now,
            next_mark: now + Duration::from_secs(1),
            next_break: now + Duration::from_secs(4),
        }
    }

    /// Until it is time to leave.
    pub async fn run(mut self, mut stage: watch::Receiver<Stage>) {
        while *stage.borrow() < Stage::Leave {
            let address = self.addresses[self.connections % self.addresses.len()].clone();
            self.connections += 1;
            let name = format!("{}-{}", self.person.process, self.connections);
            let mut session = Session::new(name, self.person.clone(), Arc::clone(&self.history));
            session.invoke_connect(&self.cursors, self.connections > 1);
            let over = tokio::select! {
                over = self.converse(&address, &mut session, stage.clone()) => over,
                _ = stage.wait_for(|stage| *stage == Stage::Leave) => Over::Wanted,
            };
            session.over(over == Over::Lost, &mut self.outbox);
            let wait = session.retry_after.unwrap_or_default()
                + self.rng.random_range(Duration::from_millis(100)..Duration::from_secs(1));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stage.wait_for(|stage| *stage == Stage::Leave) => {}
            }
        }
    }

    /// One connection, to its end.
    async fn converse(&mut self, address: &str, session: &mut Session, stage: watch::Receiver<Stage>) -> Over {
        let Ok(mut connection) = Connection::open(&ws_url(address)).await else { return Over::Lost };
        let rooms = self.rooms.iter().map(|room| self.cursor(*room)).collect();
        let connect = ClientCommand::Connect { token: Some(self.person.token.clone()), rooms };
        let Ok(id) = connection.caller().post(connect).await else { return Over::Lost };
        session.asked.insert(id, Asked::Connect);
        let mut heard = Instant::now();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                incoming = connection.next() => {
                    let Some(incoming) = incoming else {
                        session.closed = Some(connection.closed().await);
                        return Over::Lost;
                    };
                    heard = Instant::now();
                    self.listen(session, incoming);
                    if self.person.role == Role::Slow {
                        let pause = self.rng.random_range(0..40);
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                    }
                }
                _ = tick.tick() => {
                    if heard.elapsed() > SILENCE || session.refused {
                        return Over::Lost;
                    }
                    let now = *stage.borrow();
                    if !session.connected {
                        continue;
                    }
                    if self.person.role == Role::Restless && now == Stage::Talk && Instant::now() > self.next_break {
                        self.next_break = Instant::now() + self.rng.random_range(Duration::from_secs(3)..Duration::from_secs(7));
                        // A goodbye, or simply gone.
                        if self.rng.random_bool(0.5) {
                            self.drain(session, connection).await;
                        }
                        return Over::Wanted;
                    }
                    if self.speak(session, &connection, now).await.is_none() {
                        session.closed = Some(connection.closed().await);
                        return Over::Lost;
                    }
                }
            }
        }
    }

    /// Says goodbye; what still arrives counts.
    async fn drain(&mut self, session: &mut Session, mut connection: Connection) {
        while let Ok(Some(incoming)) = tokio::time::timeout(Duration::from_millis(20), connection.next()).await {
            self.listen(session, incoming);
        }
        connection.close().await;
    }

    fn listen(&mut self, session: &mut Session, incoming: Incoming) {
        if let Incoming::Push(push) = &incoming {
            self.seen.note(push);
        }
        let Some(acknowledged) = session.heard(incoming, &mut self.cursors, &mut self.outbox) else { return };
        if self.person.role == Role::Impatient && self.rng.random_ratio(1, REPEATS) {
            let number = self.outbox.push(Draft { repeat: true, ..acknowledged });
            self.outbox.postpone(number, Some(Duration::from_millis(self.rng.random_range(0..2000))), Instant::now());
        }
    }

    /// What is due now: subscriptions that were refused, repeats, a message, a mark. None: the connection is gone.
    async fn speak(&mut self, session: &mut Session, connection: &Connection, stage: Stage) -> Option<()> {
        let (caller, now) = (connection.caller(), Instant::now());
        for room in session.rooms_due(now) {
            let cursor = self.cursor(room);
            session.invoke_subscribe(cursor);
            let id = caller.post(ClientCommand::Subscribe { rooms: vec![cursor] }).await.ok()?;
            session.asked.insert(id, Asked::Subscribe(room));
        }
        let mut numbers = if stage <= Stage::Finish { self.outbox.due(now) } else { Vec::new() };
        let talks = stage == Stage::Talk && self.person.role != Role::Slow && !self.outbox.is_full();
        if talks && now >= self.next_say {
            self.next_say = now + self.pause.mul_f64(self.rng.random_range(0.4..1.6));
            self.said += 1;
            let draft = self.seen.change(&mut self.rng, self.said).unwrap_or_else(|| self.message());
            numbers.push(self.outbox.push(draft));
        }
        for number in numbers {
            let Some(draft) = self.outbox.get(number) else { continue };
            session.invoke_send(draft);
            let id = caller.post(draft.command()).await.ok()?;
            session.asked.insert(id, Asked::Send(number));
        }
        if stage <= Stage::Finish && now >= self.next_mark {
            self.next_mark = now + self.rng.random_range(Duration::from_secs(1)..Duration::from_secs(3));
            let room = self.rooms[self.rng.random_range(0..self.rooms.len())];
            if let Some(seq) = self.cursors.get(&room).copied().filter(|seq| *seq > 0) {
                session.invoke_mark(room, seq);
                let id = caller.post(ClientCommand::Read { room_id: room, seq }).await.ok()?;
                session.asked.insert(id, Asked::Mark(room, seq));
            }
        }
        Some(())
    }

    fn message(&mut self) -> Draft {
        let room = self.rooms[self.rng.random_range(0..self.rooms.len())];
        let filling = "x".repeat(self.rng.random_range(0..200));
        let content = format!("{} of {} {filling}", self.said, self.person.process);
        Draft { room, id: ClientMessageId::generate(), content, act: Act::Say, repeat: false }
    }

    fn cursor(&self, room: RoomId) -> RoomCursor {
        RoomCursor { room_id: room, after: self.cursors.get(&room).copied(), presence: false }
    }
}
