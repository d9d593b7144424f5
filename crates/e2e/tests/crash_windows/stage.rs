//! One room, three people, and one service twice: the first instance is hit in the window, the second takes over.

use std::{collections::HashMap, time::Duration};

use chat_client::rest::PageQuery;
use chat_e2e::{PATIENCE, Person, Processes, System};
use chat_protocol::{ClientMessageId, Entry, RoomId, frame::ServerPush};
use chat_service::break_here;
use chat_testkit::assert_eventually;

use crate::{
    Ending, Window,
    wire::{Screen, Wire, events},
};

/// Longer than Kafka waits for a dead member, and shares out its partitions, with many such tests side by side.
const HANDED_OVER: Duration = Duration::from_mins(1);
/// Place of the first message: the room's creation is 1.
const FIRST: i64 = 2;

pub struct Stage {
    window: Window,
    ending: Ending,
    room: RoomId,
    ann: Person,
    bob: Person,
    /// Talks.
    at_ann: Screen,
    /// Reads.
    at_bob: Screen,
    /// Is a member, and looks elsewhere.
    at_eve: Screen,
    wire: Wire,
    said: Vec<ClientMessageId>,
    processes: Processes,
    // Last: it takes schema and topics with it.
    system: System,
}

impl Stage {
    pub async fn set(window: Window, ending: Ending) -> Self {
        // The first batch is to be that of the people.
        break_here("no-canary");
        let system = System::without(window.service).await;
        let [ann, bob, eve] = [system.person("ann").await, system.person("bob").await, system.person("eve").await];
        let room = system.group_by_hand(&[&ann, &bob, &eve]).await;
        let at_ann = Screen::of(system.connect(0, &ann, &[(room, Some(0))]).await);
        let at_bob = Screen::of(system.connect(0, &bob, &[(room, Some(0))]).await);
        let at_eve = Screen::of(system.connect(0, &eve, &[]).await);
        let wire = Wire::tap(&system, room).await;
        let processes = Processes::on(system.isolation.clone());
        Self { window, ending, room, ann, bob, at_ann, at_bob, at_eve, wire, said: Vec::new(), processes, system }
    }

    /// Work for the service, there before it is.
    pub async fn fill_the_first_batch(&mut self) {
        // Notifications of one batch are one: a single message makes them countable.
        let messages = if self.window.service == "notifier" { 1 } else { 3 };
        for number in 0..messages {
            self.say(&format!("first batch, {number}")).await;
        }
        if self.window.service == "read-receipt" {
            self.bob_reads(4).await;
        }
    }

    pub async fn enter_the_window(&mut self) {
        let (signal, state) = if self.ending == Ending::Dies { ("KILL", 'Z') } else { ("STOP", 'T') };
        let actions = format!("{}=1*return({signal})", self.window.point);
        self.processes.start("first", self.window.service, &[("FAILPOINTS", &actions)]);
        assert_eventually!(self.processes.state("first") == state, within = HANDED_OVER, "{}", self.log("first"));
        let log = self.log("first");
        assert!(log.contains("fail point reached") && log.contains(self.window.point), "{log}");
        assert!(self.lag().await > 0, "committed before the work was done");
    }

    pub async fn let_another_take_over(&mut self) {
        self.processes.start("second", self.window.service, &[]);
        self.processes.await_ready("second").await;
        assert_eventually!(self.lag().await == 0, within = HANDED_OVER, "taken over; {}", self.log("second"));
        // The sleeper's news will be old by then.
        self.say("after the takeover").await;
        let head = self.head();
        self.bob_reads(head).await;
        assert_eventually!(self.lag().await == 0, within = HANDED_OVER, "goes on; {}", self.log("second"));
    }

    pub async fn wake_the_sleeper(&mut self) {
        let committed = self.committed().await;
        self.processes.signal("first", "CONT");
        self.await_told().await;
        // It finishes what it has in hand, tells it, and commits what it believes to own.
        let exit = self.processes.terminate("first", Duration::from_secs(20)).await;
        assert_eq!(exit.code(), Some(0), "{}", self.log("first"));
        assert_eq!(self.committed().await, committed, "a sleeper moves no offset");
    }

    pub async fn check(mut self) {
        self.await_told().await;
        self.say("the end").await;
        let head = self.head();
        self.bob_reads(head).await;
        assert_eventually!(self.lag().await == 0, within = HANDED_OVER, "at the end; {}", self.log("second"));
        assert_eq!(self.told().await, self.window.told[usize::from(self.ending == Ending::Sleeps)], "told");
        self.check_places().await;

        let marks = self.at_ann.marks();
        assert!(marks.is_sorted(), "marks went back: {marks:?}");
        let bob = self.system.rest(0, &self.bob);
        assert_eventually!(
            bob.room(self.room).await.unwrap().read_seq == head,
            within = PATIENCE,
            "mark {head} stored"
        );
        let exit = self.processes.terminate("second", Duration::from_secs(20)).await;
        assert_eq!(exit.code(), Some(0), "{}", self.log("second"));
    }

    /// Screens, answers, events and history agree, and have everything that was said, once and in order.
    async fn check_places(&self) {
        let mut history =
            self.system.rest(0, &self.ann).messages(self.room, PageQuery::default()).await.unwrap().messages;
        history.reverse();
        let seqs: Vec<i64> = history.iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, (1..=self.head()).collect::<Vec<_>>(), "history");
        let said: Vec<_> = history[1..].iter().map(|entry| entry.client_message_id.clone()).collect();
        assert_eq!(said, self.said, "each once, in the order in which it was said");
        for screen in [&self.at_ann, &self.at_bob] {
            assert_eventually!(screen.entries().len() >= history.len(), within = PATIENCE, "everything on a screen");
            assert_eq!(screen.entries(), history, "a screen");
        }
        let answers = || {
            self.at_ann.all(|push| match push {
                ServerPush::Persisted { client_message_id, seq, .. } => Some((client_message_id.clone(), *seq)),
                ServerPush::Rejected { error, .. } => panic!("{error:?}"),
                _ => None,
            })
        };
        for (id, seq) in self.said.iter().zip(FIRST..) {
            let answered = || answers().into_iter().filter(|(it, _)| it == id).map(|(_, seq)| seq).collect::<Vec<_>>();
            assert_eventually!(!answered().is_empty(), within = PATIENCE, "an answer to {id}");
            assert!(answered().iter().all(|it| *it == seq), "places of {id}: {:?}", answered());
        }
        let mut told: HashMap<i64, Entry> = HashMap::new();
        for event in events(&self.system, self.room).await {
            let Some(entry) = event.entry else { continue };
            let entry: Entry = serde_json::from_str(entry.get()).unwrap();
            assert_eq!(told.entry(event.seq).or_insert_with(|| entry.clone()), &entry, "the same place, another entry");
        }
        assert_eq!(told.len(), self.said.len(), "every place is told");
    }

    async fn say(&mut self, text: &str) {
        self.said.push(self.at_ann.say(self.room, text).await);
    }

    /// Bob reads what he sees, which is everything.
    async fn bob_reads(&self, seq: i64) {
        let sees = || self.at_bob.entries().last().is_some_and(|entry| entry.seq == seq);
        assert_eventually!(sees(), within = HANDED_OVER, "bob sees {seq}; {:?}", self.at_bob.entries());
        self.at_bob.mark(self.room, seq).await;
    }

    fn head(&self) -> i64 {
        1 + i64::try_from(self.said.len()).unwrap()
    }

    /// How often the news of the first batch was told so far.
    async fn told(&self) -> usize {
        match self.window.service {
            "persister" => events(&self.system, self.room).await.iter().filter(|event| event.seq == FIRST).count(),
            "broadcaster" => self.wire.events(FIRST),
            "notifier" => {
                let id = format!("{}:{FIRST}", self.room);
                let notified =
                    |push: &ServerPush| matches!(push, ServerPush::Notification(it) if it.id == id).then_some(());
                self.at_eve.all(notified).len()
            }
            _ => self.wire.marks(4),
        }
    }

    async fn await_told(&self) {
        let expected = self.window.told[usize::from(self.ending == Ending::Sleeps)];
        assert_eventually!(self.told().await >= expected, within = PATIENCE, "told {} times", self.told().await);
    }

    fn topic(&self) -> String {
        let topics = self.system.isolation.topics();
        match self.window.service {
            "persister" => topics.messages(),
            "read-receipt" => topics.read_events(),
            _ => topics.events(),
        }
    }

    async fn lag(&self) -> i64 {
        chat_kafka::group_lag(&self.system.isolation.kafka(), self.window.service, &[self.topic()]).await.unwrap()
    }

    async fn committed(&self) -> std::collections::BTreeMap<i32, i64> {
        let kafka = self.system.isolation.kafka();
        let group = kafka.topics().group(self.window.service);
        chat_kafka::committed(&kafka, &group, &self.topic()).await.unwrap()
    }

    fn log(&self, name: &str) -> String {
        format!("{} {:?}: {}", self.window.point, self.ending, self.processes.log(name))
    }
}
