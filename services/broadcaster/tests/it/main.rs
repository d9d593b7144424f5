//! The broadcaster against the real Kafka and Redis.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use broadcaster::Config;
use bytes::Bytes;
use chat_kafka::{ConsumerConfig, KafkaMetrics, OutRecord, Producer, ProducerConfig, group_lag};
use chat_protocol::{
    ClientMessageId, Entry, EntryType, Event, GatewayId, MessageId, Origin, Outcome, OutcomeStatus, RoomId, SessionId,
    UserId, header,
    push::{self, GatewayPush, RoomPush},
    redis_key::Channel,
};
use chat_redis::{RedisConfig, RedisPool, Subscriber, SubscriberEvent, SubscriberHandle};
use chat_service::{Context, Secret};
use chat_testkit::{Isolation, TcpProxy, assert_eventually};
use jiff::Timestamp;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

const DEADLINE: Duration = Duration::from_secs(40);

struct Setup {
    isolation: Isolation,
    producer: Producer,
    handle: SubscriberHandle,
    pushes: mpsc::Receiver<SubscriberEvent>,
    _stop: DropGuard,
}

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
        let producer = Producer::new(&isolation.kafka(), &ProducerConfig::default(), "test", &metrics).unwrap();
        let config = redis(&isolation, isolation.redis_url());
        let pool = RedisPool::new(&config).unwrap();
        let (subscriber, handle, pushes) = Subscriber::new(&config, pool, 1_000).unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(subscriber.run(stop.clone()));
        let mut setup = Self { isolation, producer, handle, pushes, _stop: stop.drop_guard() };
        assert_eq!(setup.next().await, SubscriberEvent::Connected);
        setup
    }

    fn start(&self, redis_url: &str) -> Running {
        let config = Config {
            kafka: self.isolation.kafka(),
            consumer: ConsumerConfig::default(),
            producer: ProducerConfig::default(),
            redis: redis(&self.isolation, redis_url),
        };
        let context = Context::for_test("broadcaster");
        let task = tokio::spawn(broadcaster::run(config, context.clone()));
        Running { context, task }
    }

    async fn next(&mut self) -> SubscriberEvent {
        tokio::time::timeout(DEADLINE, self.pushes.recv()).await.expect("a push in time").unwrap()
    }

    async fn message(&mut self) -> (Channel, Bytes) {
        match self.next().await {
            SubscriberEvent::Message { channel, payload } => (channel, payload),
            other => panic!("{other:?}"),
        }
    }

    /// The seqs on a room's channel until `last` came.
    async fn seqs_until(&mut self, room: RoomId, last: i64) -> Vec<i64> {
        let mut seqs = Vec::new();
        while seqs.last() != Some(&last) {
            let (channel, payload) = self.message().await;
            if channel == Channel::Room(room) {
                seqs.extend(push::documents::<RoomPush>(&payload).map(|push| push.unwrap().seq));
            }
        }
        seqs
    }

    async fn raw(&self, key: &str, payload: &[u8]) {
        let topic = self.isolation.topics().events();
        let headers = [(header::TRACEPARENT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")];
        self.producer.send(&OutRecord { topic: &topic, key, payload, headers: &headers }).unwrap().await.unwrap();
    }

    async fn event(&self, room: RoomId, seq: i64, gateway: GatewayId) -> Entry {
        let entry = entry(room, seq);
        let event = Event::committed(&entry, &outcome(&entry, gateway)).unwrap();
        self.raw(&room.to_string(), &serde_json::to_vec(&event).unwrap()).await;
        entry
    }

    async fn lag(&self) -> i64 {
        group_lag(&self.isolation.kafka(), "broadcaster", &[self.isolation.topics().events()]).await.unwrap()
    }
}

fn redis(isolation: &Isolation, url: &str) -> RedisConfig {
    RedisConfig { url: Secret::new(url), key_prefix: isolation.redis_prefix(), pool_size: 2 }
}

fn entry(room_id: RoomId, seq: i64) -> Entry {
    Entry {
        message_id: MessageId::generate(),
        room_id,
        seq,
        number: seq,
        sender_id: UserId::generate(),
        sender_nickname: "ann".into(),
        client_message_id: ClientMessageId::generate(),
        entry_type: EntryType::Text,
        content: format!("message {seq}"),
        members: Vec::new(),
        sent_at: Timestamp::now(),
        reply_to: None,
        edited_at: None,
        deleted_at: None,
        reactions: Vec::new(),
    }
}

fn outcome(entry: &Entry, gateway_id: GatewayId) -> Outcome {
    Outcome {
        origin: Origin { gateway_id, session_id: SessionId::generate() },
        room_id: entry.room_id,
        client_message_id: entry.client_message_id.clone(),
        status: OutcomeStatus::Persisted,
        message_id: Some(entry.message_id),
        seq: Some(entry.seq),
        duplicate: false,
        persisted_at: Some(entry.sent_at),
        code: None,
        reason: None,
    }
}

#[tokio::test]
async fn an_entry_reaches_its_room_and_its_outcome_the_gateway_that_waits() {
    let mut setup = Setup::new().await;
    let (room, gateway) = (RoomId::generate(), GatewayId::generate());
    setup.handle.subscribe(vec![Channel::Room(room), Channel::Gateway(gateway)]).await.unwrap();
    let broadcaster = setup.start(setup.isolation.redis_url());
    let entry = setup.event(room, 1, gateway).await;

    let (channel, payload) = setup.message().await;
    assert_eq!(channel, Channel::Room(room));
    let push = push::documents::<RoomPush>(&payload).next().unwrap().unwrap();
    assert_eq!(serde_json::from_str::<Entry>(push.data.get()).unwrap(), entry);
    assert!(push.traceparent.unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    let (channel, payload) = setup.message().await;
    assert_eq!(channel, Channel::Gateway(gateway));
    let Some(Ok(GatewayPush::Outcome(told))) = push::documents::<GatewayPush>(&payload).next() else {
        panic!("no outcome")
    };
    assert_eq!((told.seq, told.client_message_id), (Some(1), entry.client_message_id));
    broadcaster.stop().await;
    assert_eq!(setup.lag().await, 0);
}

#[tokio::test]
async fn a_backlog_is_published_in_order_and_together() {
    let mut setup = Setup::new().await;
    let (room, gateway) = (RoomId::generate(), GatewayId::generate());
    for seq in 1..=200 {
        setup.event(room, seq, gateway).await;
    }
    setup.handle.subscribe(vec![Channel::Room(room)]).await.unwrap();
    let broadcaster = setup.start(setup.isolation.redis_url());
    assert_eq!(setup.seqs_until(room, 200).await, (1..=200).collect::<Vec<_>>());
    let families = broadcaster.context.metrics.gather();
    let publishes = families.iter().find(|family| family.name() == "chat_broadcaster_publishes_total").unwrap();
    let publishes = publishes.get_metric()[0].get_counter().get_value();
    assert!(publishes < 100.0, "batched: {publishes} publishes for 400 documents");
    broadcaster.stop().await;
}

#[tokio::test]
async fn a_poison_event_goes_to_the_dead_letter_topic_and_its_neighbours_are_published() {
    let mut setup = Setup::new().await;
    let (room, gateway) = (RoomId::generate(), GatewayId::generate());
    setup.handle.subscribe(vec![Channel::Room(room)]).await.unwrap();
    setup.event(room, 1, gateway).await;
    setup.raw(&room.to_string(), b"{broken").await;
    setup.event(room, 2, gateway).await;
    let broadcaster = setup.start(setup.isolation.redis_url());
    assert_eq!(setup.seqs_until(room, 2).await, [1, 2]);
    broadcaster.stop().await;
    assert_eq!(setup.lag().await, 0);
    let dead = chat_protocol::topic::dead_letter(&setup.isolation.topics().events());
    assert_eq!(group_lag(&setup.isolation.kafka(), "nobody", &[dead]).await.unwrap(), 1);
}

#[tokio::test]
async fn nothing_is_committed_or_skipped_while_redis_is_away() {
    let mut setup = Setup::new().await;
    let (room, gateway) = (RoomId::generate(), GatewayId::generate());
    setup.handle.subscribe(vec![Channel::Room(room)]).await.unwrap();
    let (proxy, through_proxy) = TcpProxy::before(setup.isolation.redis_url()).await;
    let broadcaster = setup.start(&through_proxy);
    setup.event(room, 1, gateway).await;
    assert_eq!(setup.seqs_until(room, 1).await, [1]);
    assert_eventually!(setup.lag().await == 0, within = DEADLINE, "the first event is committed");

    proxy.blackhole();
    for seq in 2..=50 {
        setup.event(room, seq, gateway).await;
    }
    assert_eventually!(!broadcaster.context.readiness.is_ready(), within = DEADLINE, "it says that it is not ready");
    assert_eq!(setup.lag().await, 49);
    proxy.heal();
    // What hung in the black hole may come late and once more; each batch is in order, and nothing is missing.
    let mut seqs = setup.seqs_until(room, 50).await;
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs, (2..=50).collect::<Vec<_>>());
    assert_eventually!(setup.lag().await == 0, within = DEADLINE, "committed after Redis came back");
    broadcaster.stop().await;
}
