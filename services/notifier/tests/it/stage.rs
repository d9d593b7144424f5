//! A room, a running service, and both ends of it.

use std::time::Duration;

use chat_kafka::{Consumer, ConsumerConfig, KafkaMetrics, OutRecord, Producer, ProducerConfig, Record, group_lag};
use chat_protocol::{
    ClientMessageId, Entry, EntryType, Event, GatewayId, MarkRead, MessageId, Origin, Outcome, OutcomeStatus, RoomId,
    SessionId, UserId,
    push::{Notification, UserPush, documents},
    redis_key::{Channel, ONLINE_RENEWAL},
    topic,
};
use chat_redis::{OnlineUsers, RedisPool, Subscriber, SubscriberEvent, SubscriberHandle, Viewers};
use chat_service::Context;
use chat_store::{Applied, Mark, MessageChange, NewMessage, RoomCommand, Store, User};
use chat_testkit::Isolation;
use jiff::Timestamp;
use notifier::{Config, DEFAULT_CONFIG};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

pub const WITHIN: Duration = Duration::from_secs(20);

pub struct Stage {
    pub isolation: Isolation,
    pub viewers: Viewers,
    pub room: RoomId,
    pub alice: UserId,
    pub bob: UserId,
    pub carol: UserId,
    pub store: Store,
    pub redis: RedisPool,
    producer: Producer,
    channels: SubscriberHandle,
    pushes: mpsc::Receiver<SubscriberEvent>,
    gateway: (GatewayId, JoinHandle<()>),
    _subscriber: DropGuard,
}

impl Stage {
    /// Alice, bob and carol in a room, told on their channels, but not online; somebody else is.
    pub async fn new() -> Self {
        let isolation = Isolation::new().await;
        let store = Store::new(&isolation.postgres()).unwrap();
        let metrics = KafkaMetrics::register(&prometheus::Registry::new()).unwrap();
        let producer = Producer::new(&isolation.kafka(), &ProducerConfig::default(), "test", &metrics).unwrap();
        let redis = config(&isolation, &[]).redis;
        let pool = RedisPool::new(&redis).unwrap();
        let viewers = Viewers::new(pool.clone());
        let (subscriber, channels, pushes) = Subscriber::new(&redis, pool.clone(), 10_000).unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(subscriber.run(stop.clone()));
        let (online, gateway_id) = (OnlineUsers::new(pool.clone()), GatewayId::generate());
        online.update(gateway_id, &[UserId::generate()], &[]).await.unwrap();
        let gateway = tokio::spawn(keep_alive(online, gateway_id));
        let nobody = UserId(Uuid::nil());
        let mut stage = Self {
            isolation,
            viewers,
            room: RoomId::generate(),
            alice: nobody,
            bob: nobody,
            carol: nobody,
            store,
            redis: pool,
            producer,
            channels,
            pushes,
            gateway: (gateway_id, gateway),
            _subscriber: stop.drop_guard(),
        };
        stage.alice = stage.user("alice").await;
        stage.bob = stage.user("bob").await;
        stage.carol = stage.user("carol").await;
        stage.create_room(stage.room, stage.alice, &[stage.bob, stage.carol]).await;
        stage
    }

    /// Redis loses the gateway, as in an outage that is longer than its lease.
    pub async fn lose_gateway(&mut self) {
        let (gateway_id, keeper) = &mut self.gateway;
        keeper.abort();
        assert!(keeper.await.is_err_and(|error| error.is_cancelled()));
        OnlineUsers::new(self.redis.clone()).remove_gateway(*gateway_id, &[]).await.unwrap();
    }

    /// Starts the service with further environment variables; stop it with [`stop`].
    pub async fn start(&self, variables: &[(&str, String)]) -> Context {
        let ctx = Context::for_test("notifier");
        notifier::run(config(&self.isolation, variables), ctx.clone()).await.unwrap();
        ctx
    }

    /// A user who is online: what is pushed to them arrives here.
    pub async fn user(&self, nickname: &str) -> UserId {
        let id = UserId::generate();
        let user =
            User { id, email: format!("{id}@example.com"), nickname: nickname.into(), password_hash: "x".into() };
        assert!(self.store.create_user(&user).await.unwrap());
        self.channels.subscribe(vec![Channel::User(id)]).await.unwrap();
        id
    }

    /// Creates a room and sends its event.
    pub async fn create_room(&self, room_id: RoomId, owner: UserId, others: &[UserId]) {
        let id = ClientMessageId::generate();
        let message_id = MessageId::generate();
        let command = RoomCommand { room_id, actor_id: owner, client_message_id: &id, message_id, digest: Uuid::nil() };
        let applied = self.store.create_group_room(&command, "team", others, false).await.unwrap();
        self.send_event(applied).await;
    }

    /// Stores a message and sends its event, as the persister does.
    pub async fn write(&self, room_id: RoomId, sender_id: UserId, content: &str) -> Entry {
        let (entry, bytes) = self.append(room_id, sender_id, content).await;
        self.send_raw(room_id, &bytes).await;
        entry
    }

    async fn append(&self, room_id: RoomId, sender_id: UserId, content: &str) -> (Entry, Vec<u8>) {
        let id = ClientMessageId::generate();
        let message = NewMessage {
            room_id,
            sender_id,
            client_message_id: &id,
            message_id: MessageId::generate(),
            entry_type: EntryType::Text,
            content,
            reply_to: None,
            digest: Uuid::nil(),
        };
        event(self.store.append_messages(&[message]).await.unwrap().remove(0))
    }

    /// Stores a message in the stage's room and sends its event; the bytes of that.
    pub async fn write_raw(&self, sender_id: UserId, content: &str) -> Vec<u8> {
        let (_, bytes) = self.append(self.room, sender_id, content).await;
        self.send_raw(self.room, &bytes).await;
        bytes
    }

    /// Deletes a message of the stage's room and sends the event.
    pub async fn delete(&self, actor_id: UserId, message: &Entry) {
        let id = ClientMessageId::generate();
        let (room_id, message_id) = (self.room, MessageId::generate());
        let command = RoomCommand { room_id, actor_id, client_message_id: &id, message_id, digest: Uuid::nil() };
        let deleted = self.store.change_message(&command, message.message_id, MessageChange::Delete).await.unwrap();
        self.send_event(deleted).await;
    }

    /// A member's mark, as the gateway sends it and read-receipt stores it.
    pub async fn read(&self, room_id: RoomId, user_id: UserId, seq: i64) {
        let mark = MarkRead::new(room_id, user_id, seq, Timestamp::now());
        let stored = Mark { room_id, user_id, seq, at: mark.at };
        self.store.apply_read_marks(&[stored]).await.unwrap();
        let (topic, key) = (self.isolation.topics().read_events(), room_id.to_string());
        let payload = serde_json::to_vec(&mark).unwrap();
        let record = OutRecord { topic: &topic, key: &key, payload: &payload, headers: &[] };
        self.producer.send(&record).unwrap().await.unwrap();
    }

    async fn send_event(&self, applied: Applied) -> Entry {
        let (entry, bytes) = event(applied);
        self.send_raw(entry.room_id, &bytes).await;
        entry
    }

    pub async fn send_raw(&self, room_id: RoomId, payload: &[u8]) {
        let (topic, key) = (self.isolation.topics().events(), room_id.to_string());
        let record = OutRecord { topic: &topic, key: &key, payload, headers: &[] };
        self.producer.send(&record).unwrap().await.unwrap();
    }

    /// The next notification and whose it is.
    pub async fn next_notification(&mut self) -> (UserId, Notification) {
        loop {
            let event = timeout(WITHIN, self.pushes.recv()).await.expect("a push in time").unwrap();
            if let SubscriberEvent::Message { channel: Channel::User(user), payload } = event {
                let push = documents::<UserPush>(&payload).map(Result::unwrap).next().unwrap();
                let UserPush::Notification(notification) = push else { continue };
                return (user, notification);
            }
        }
    }

    /// The next `count` notifications in short, sorted: whose, seq, count.
    pub async fn next_notifications(&mut self, count: usize) -> Vec<(UserId, i64, u32)> {
        let mut told = Vec::new();
        while told.len() < count {
            let (user, notification) = self.next_notification().await;
            told.push((user, notification.seq, notification.count));
        }
        told.sort_unstable();
        told
    }

    /// Events whose offset is not committed.
    pub async fn lag(&self) -> i64 {
        group_lag(&self.isolation.kafka(), "notifier", &[self.isolation.topics().events()]).await.unwrap()
    }

    /// The next dead letter.
    pub async fn next_dead_letter(&self) -> Record {
        let metrics = KafkaMetrics::register(&prometheus::Registry::new()).unwrap();
        let topics = [topic::dead_letter(&self.isolation.topics().events())];
        let (kafka, config) = (self.isolation.kafka(), ConsumerConfig::default());
        let stop = CancellationToken::new();
        let mut consumer = Consumer::new(&kafka, &config, "dead-letter-reader", &topics, &metrics, stop).unwrap();
        let batch = timeout(WITHIN, consumer.next_batch()).await.expect("a dead letter in time").unwrap().unwrap();
        consumer.close().await;
        let [record] = &batch.records[..] else { panic!("{} dead letters", batch.records.len()) };
        record.clone()
    }
}

async fn keep_alive(online: OnlineUsers, gateway_id: GatewayId) {
    let mut renewal = tokio::time::interval(ONLINE_RENEWAL);
    loop {
        renewal.tick().await;
        online.renew(gateway_id).await.unwrap();
    }
}

/// The event of something committed, as the persister sends it, and the entry it is about.
fn event(applied: Applied) -> (Entry, Vec<u8>) {
    let (entry, event) = match applied {
        Applied::Committed { entry, .. } => {
            let outcome = persisted(&entry, &entry.client_message_id, entry.seq, entry.sent_at);
            let event = Event::committed(&entry, &outcome);
            (entry, event)
        }
        Applied::Changed { kind, change, .. } => {
            let outcome = persisted(&change.message, &change.client_message_id, change.seq, change.changed_at);
            let event = Event::changed(kind, &change, &outcome);
            (change.message, event)
        }
        other => panic!("not committed: {other:?}"),
    };
    (entry, serde_json::to_vec(&event.unwrap()).unwrap())
}

fn persisted(entry: &Entry, id: &ClientMessageId, seq: i64, at: Timestamp) -> Outcome {
    Outcome {
        origin: Origin { gateway_id: GatewayId::generate(), session_id: SessionId::generate() },
        room_id: entry.room_id,
        client_message_id: id.clone(),
        status: OutcomeStatus::Persisted,
        message_id: Some(entry.message_id),
        seq: Some(seq),
        duplicate: false,
        persisted_at: Some(at),
        code: None,
        reason: None,
    }
}

pub async fn stop(ctx: Context) {
    ctx.lifecycle.trigger();
    ctx.lifecycle.shutdown_complete().await.unwrap();
}

pub fn config(isolation: &Isolation, variables: &[(&str, String)]) -> Config {
    let mut env = [isolation.kafka_env(), isolation.postgres_env(), isolation.redis_env()].concat();
    env.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    chat_service::config::load_from(DEFAULT_CONFIG, None, env).unwrap().service
}
