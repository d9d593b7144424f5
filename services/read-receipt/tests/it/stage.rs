//! A room, a running service, and both ends of it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chat_kafka::{Consumer, ConsumerConfig, KafkaMetrics, OutRecord, Producer, ProducerConfig, Record, group_lag};
use chat_protocol::{
    ClientMessageId, EntryType, MarkRead, MessageId, ReadReceipt, RoomId, UserId,
    push::{RoomPush, RoomPushKind, documents},
    redis_key::Channel,
    topic,
};
use chat_redis::{RedisPool, Subscriber, SubscriberEvent};
use chat_service::Context;
use chat_store::{NewMessage, RoomCommand, Store, User};
use chat_testkit::Isolation;
use jiff::Timestamp;
use read_receipt::{Config, DEFAULT_CONFIG};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

pub const WITHIN: Duration = Duration::from_secs(20);

pub struct Stage {
    pub isolation: Isolation,
    pub store: Store,
    pub room: RoomId,
    pub alice: UserId,
    pub bob: UserId,
    producer: Producer,
    pushes: mpsc::Receiver<SubscriberEvent>,
    told: VecDeque<ReadReceipt>,
    _subscriber: DropGuard,
}

impl Stage {
    /// Alice and bob in a room with five messages (seq 2 to 6) of alice's.
    pub async fn new() -> Self {
        let isolation = Isolation::new().await;
        let store = Store::new(&isolation.postgres()).unwrap();
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let room = RoomId::generate();
        let id = ClientMessageId::generate();
        let command = RoomCommand {
            room_id: room,
            actor_id: alice,
            client_message_id: &id,
            message_id: MessageId::generate(),
            digest: Uuid::nil(),
        };
        store.create_group_room(&command, "team", &[bob], false).await.unwrap();
        for _ in 0..5 {
            let id = ClientMessageId::generate();
            let message = NewMessage {
                room_id: room,
                sender_id: alice,
                client_message_id: &id,
                message_id: MessageId::generate(),
                entry_type: EntryType::Text,
                content: "hi",
                reply_to: None,
                digest: Uuid::nil(),
            };
            store.append_messages(&[message]).await.unwrap();
        }
        let metrics = KafkaMetrics::register(&prometheus::Registry::new()).unwrap();
        let producer = Producer::new(&isolation.kafka(), &ProducerConfig::default(), "test", &metrics).unwrap();
        let redis = config(&isolation, &[]).redis;
        let (subscriber, channels, pushes) = Subscriber::new(&redis, RedisPool::new(&redis).unwrap(), 1_000).unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(subscriber.run(stop.clone()));
        channels.subscribe(vec![Channel::Room(room)]).await.unwrap();
        Self {
            isolation,
            store,
            room,
            alice,
            bob,
            producer,
            pushes,
            told: VecDeque::new(),
            _subscriber: stop.drop_guard(),
        }
    }

    /// Starts the service with further environment variables; stop it with [`stop`].
    pub async fn start(&self, variables: &[(&str, String)]) -> Context {
        let ctx = Context::for_test("read-receipt");
        read_receipt::run(config(&self.isolation, variables), ctx.clone()).await.unwrap();
        ctx
    }

    pub fn mark(&self, user: UserId, seq: i64) -> MarkRead {
        MarkRead::new(self.room, user, seq, Timestamp::from_second(seq).unwrap())
    }

    pub async fn send(&self, mark: &MarkRead) {
        self.send_raw(&serde_json::to_vec(mark).unwrap()).await;
    }

    pub async fn send_raw(&self, payload: &[u8]) {
        let (topic, key) = (self.isolation.topics().read_events(), self.room.to_string());
        let record = OutRecord { topic: &topic, key: &key, payload, headers: &[] };
        self.producer.send(&record).unwrap().await.unwrap();
    }

    /// The next receipt that the room is told.
    pub async fn next_receipt(&mut self) -> (UserId, i64) {
        while self.told.is_empty() {
            let event = timeout(WITHIN, self.pushes.recv()).await.expect("a push in time").unwrap();
            if let SubscriberEvent::Message { channel, payload } = event {
                assert_eq!(channel, Channel::Room(self.room));
                for push in documents::<RoomPush>(&payload).map(Result::unwrap) {
                    assert_eq!((push.event, push.seq), (RoomPushKind::Read, 0));
                    self.told.push_back(serde_json::from_str(push.data.get()).unwrap());
                }
            }
        }
        let receipt = self.told.pop_front().unwrap();
        assert_eq!((receipt.room_id, receipt.read_at.as_second() > 0), (self.room, true));
        (receipt.user_id, receipt.last_read_seq)
    }

    pub async fn read_seq(&self, user: UserId) -> i64 {
        let members = self.store.list_members(self.room).await.unwrap();
        let marks: HashMap<UserId, i64> = members.iter().map(|member| (member.user_id, member.read_seq)).collect();
        marks[&user]
    }

    /// Marks whose offset is not committed.
    pub async fn lag(&self) -> i64 {
        group_lag(&self.isolation.kafka(), "read-receipt", &[self.isolation.topics().read_events()]).await.unwrap()
    }

    /// The next dead letter.
    pub async fn next_dead_letter(&self) -> Record {
        let metrics = KafkaMetrics::register(&prometheus::Registry::new()).unwrap();
        let topics = [topic::dead_letter(&self.isolation.topics().read_events())];
        let stop = CancellationToken::new();
        let (kafka, config) = (self.isolation.kafka(), ConsumerConfig::default());
        let mut consumer = Consumer::new(&kafka, &config, "dead-letter-reader", &topics, &metrics, stop).unwrap();
        let batch = timeout(WITHIN, consumer.next_batch()).await.expect("a dead letter in time").unwrap().unwrap();
        consumer.close().await;
        let [record] = &batch.records[..] else { panic!("{} dead letters", batch.records.len()) };
        record.clone()
    }
}

pub async fn stop(ctx: Context) {
    ctx.lifecycle.trigger();
    ctx.lifecycle.shutdown_complete().await.unwrap();
}

async fn user(store: &Store, nickname: &str) -> UserId {
    let id = UserId::generate();
    let user = User { id, email: format!("{id}@example.com"), nickname: nickname.into(), password_hash: "x".into() };
    assert!(store.create_user(&user).await.unwrap());
    id
}

fn config(isolation: &Isolation, variables: &[(&str, String)]) -> Config {
    let mut env = [isolation.kafka_env(), isolation.postgres_env(), isolation.redis_env()].concat();
    env.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    chat_service::config::load_from(DEFAULT_CONFIG, None, env).unwrap().service
}
