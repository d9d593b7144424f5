//! The persister against the real Kafka and PostgreSQL.

#![expect(clippy::unwrap_used, reason = "tests")]

mod changes;
mod failures;
mod ordering;
mod roles;

use std::time::Duration;

use chat_kafka::{Consumer, ConsumerConfig, KafkaMetrics, OutRecord, Producer, ProducerConfig, Record};
use chat_protocol::{
    Change, ClientMessageId, Command, CommandBody, Entry, EntryType, Event, GatewayId, Origin, Outcome, RoomId,
    SessionId, UserId, header,
};
use chat_service::Context;
use chat_store::{PostgresConfig, Store, User};
use chat_testkit::Isolation;
use jiff::Timestamp;
use persister::Config;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(40);
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// One test's stack, and a client of its topics.
struct Setup {
    isolation: Isolation,
    store: Store,
    producer: Producer,
    events: Consumer,
}

/// A persister in this process.
struct Running {
    context: Context,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    async fn stop(self) {
        self.context.lifecycle.trigger();
        tokio::time::timeout(DEADLINE, self.task).await.expect("stops in time").unwrap().unwrap();
    }
}

impl Setup {
    async fn new() -> Self {
        let isolation = Isolation::new().await;
        let metrics = KafkaMetrics::register(&prometheus::Registry::new()).unwrap();
        let store = Store::new(&isolation.postgres()).unwrap();
        let producer = Producer::new(&isolation.kafka(), &ProducerConfig::default(), "test", &metrics).unwrap();
        let (topics, config) = ([isolation.topics().events()], ConsumerConfig::default());
        let events =
            Consumer::new(&isolation.kafka(), &config, "observer", &topics, &metrics, CancellationToken::new())
                .unwrap();
        Self { isolation, store, producer, events }
    }

    fn start(&self) -> Running {
        self.start_with(self.isolation.postgres())
    }

    fn start_with(&self, postgres: PostgresConfig) -> Running {
        let config = Config {
            kafka: self.isolation.kafka(),
            consumer: ConsumerConfig::default(),
            producer: ProducerConfig::default(),
            postgres,
        };
        let context = Context::for_test("persister");
        let task = tokio::spawn(persister::run(config, context.clone()));
        Running { context, task }
    }

    async fn user(&self, nickname: &str) -> UserId {
        let id = UserId::generate();
        let user =
            User { id, email: format!("{id}@example.org"), nickname: nickname.into(), password_hash: "x".into() };
        assert!(self.store.create_user(&user).await.unwrap());
        id
    }

    /// Enqueues a command as a gateway does.
    async fn command(&self, command: &Command) {
        self.raw(&command.room_id.to_string(), &serde_json::to_vec(command).unwrap()).await;
    }

    async fn raw(&self, key: &str, payload: &[u8]) {
        let topic = self.isolation.topics().messages();
        let headers = [(header::TRACEPARENT, TRACEPARENT)];
        self.producer.send(&OutRecord { topic: &topic, key, payload, headers: &headers }).unwrap().await.unwrap();
    }

    /// A group of its owner, created and told.
    async fn group(&mut self, owner: UserId) -> RoomId {
        let room = RoomId::generate();
        self.command(&command(
            room,
            owner,
            CommandBody::CreateGroupRoom { name: "g".into(), user_ids: Vec::new(), open: false },
        ))
        .await;
        assert_eq!(self.events(1).await[0].seq(), 1);
        room
    }

    /// The next events, with the records that carried them.
    async fn events(&mut self, count: usize) -> Vec<Told> {
        let mut told = Vec::new();
        let reading = async {
            while told.len() < count {
                told.extend(self.some_events().await);
            }
        };
        tokio::time::timeout(DEADLINE, reading).await.expect("events in time");
        assert_eq!(told.len(), count, "no more events than expected");
        told
    }

    /// The events that are there, waiting for the first.
    async fn some_events(&mut self) -> Vec<Told> {
        let batch = self.events.next_batch().await.unwrap().unwrap();
        self.events.done(&batch);
        batch.records.into_iter().map(Told::new).collect()
    }

    /// What the service's group has not committed.
    async fn lag(&self) -> i64 {
        let topics = [self.isolation.topics().messages()];
        chat_kafka::group_lag(&self.isolation.kafka(), "persister", &topics).await.unwrap()
    }

    async fn stored(&self, room: RoomId) -> Vec<Entry> {
        self.store.page_after(room, 0, 10_000).await.unwrap().entries
    }
}

/// An event read back.
#[derive(Debug)]
struct Told {
    record: Record,
    event: Event,
    entry: Option<Entry>,
    change: Option<Change>,
    outcome: Outcome,
}

impl Told {
    fn new(record: Record) -> Self {
        let event: Event = serde_json::from_slice(record.value()).unwrap();
        let json = |wanted: bool| event.entry.as_ref().filter(|_| wanted).map(|entry| entry.get());
        let entry = json(event.kind.is_message()).map(|entry| serde_json::from_str(entry).unwrap());
        let change = json(!event.kind.is_message()).map(|change| serde_json::from_str(change).unwrap());
        let outcome = serde_json::from_str(event.outcome.get()).unwrap();
        Self { record, event, entry, change, outcome }
    }

    fn seq(&self) -> i64 {
        self.event.seq
    }
}

fn command(room: RoomId, actor: UserId, body: CommandBody) -> Command {
    let origin = Origin { gateway_id: GatewayId::generate(), session_id: SessionId::generate() };
    Command::new(room, actor, ClientMessageId::generate(), Timestamp::now(), origin, body)
}

fn send(room: RoomId, actor: UserId, content: &str) -> Command {
    command(
        room,
        actor,
        CommandBody::SendMessage { content: content.into(), message_type: EntryType::Text, reply_to: None },
    )
}
