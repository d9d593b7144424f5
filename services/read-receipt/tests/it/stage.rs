//! A room, a running service, and both ends of it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chat_kafka::{Consumer, ConsumerConfig, KafkaMetrics, OutRecord, Producer, ProducerConfig, Record, group_lag};
use chat_protocol::{
    ClientMessageId, EntryType, MarkPlace, MarkRead, MessageId, ReadReceipt, RoomId, UserId,
    push::{RoomPush, RoomPushKind, UserPush, documents},
    redis_key::Channel,
    topic,
};
use chat_redis::{ReadMarks, RedisConfig, RedisPool, Subscriber, SubscriberEvent};
use chat_service::Context;
use chat_store::{NewMessage, RoomCommand, Store, User};
use chat_testkit::Isolation;
use jiff::Timestamp;
use read_receipt::{Config, DEFAULT_CONFIG};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};
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
    /// Publishes on the room's channel so far.
    pub publishes: usize,
    /// What bob's own sessions were told.
    pub own: VecDeque<ReadReceipt>,
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
        store.create_group_room(&command(room, alice, &id), "team", &[bob], false).await.unwrap();
        for _ in 0..5 {
            say(&store, room, alice).await;
        }
        let metrics = KafkaMetrics::register(&prometheus::Registry::new()).unwrap();
        let producer = Producer::new(&isolation.kafka(), &ProducerConfig::default(), "test", &metrics).unwrap();
        let redis = config(&isolation, &[]).redis;
        let (subscriber, channels, pushes) = Subscriber::new(&redis, RedisPool::new(&redis).unwrap(), 1_000).unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(subscriber.run(stop.clone()));
        channels.subscribe(vec![Channel::Room(room), Channel::User(bob)]).await.unwrap();
        Self {
            isolation,
            store,
            room,
            alice,
            bob,
            producer,
            pushes,
            told: VecDeque::new(),
            publishes: 0,
            own: VecDeque::new(),
            _subscriber: stop.drop_guard(),
        }
    }

    /// Starts the service with further environment variables; stop it with [`stop`].
    pub async fn start(&self, variables: &[(&str, String)]) -> Context {
        let ctx = Context::for_test("read-receipt");
        read_receipt::run(config(&self.isolation, variables), ctx.clone()).await.unwrap();
        ctx
    }

    /// As a gateway sends it that knows the place.
    pub fn mark(&self, user: UserId, seq: i64) -> MarkRead {
        self.unplaced(user, seq).at_place(MarkPlace { number: seq - 1, message_id: None })
    }

    /// As a gateway sends it that does not.
    pub fn unplaced(&self, user: UserId, seq: i64) -> MarkRead {
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
            self.hear().await;
        }
        let receipt = self.told.pop_front().unwrap();
        assert_eq!((receipt.room_id, receipt.read_at.as_second() > 0), (self.room, true));
        // One entry is no message in the first six.
        assert!(receipt.last_read_seq > 6 || receipt.last_read_number == Some(receipt.last_read_seq - 1));
        (receipt.user_id, receipt.last_read_seq)
    }

    /// Everything that was told before the next mark, and that.
    pub async fn told_until(&mut self, last: (UserId, i64)) -> Vec<(UserId, i64)> {
        let mut told = vec![self.next_receipt().await];
        while told.last() != Some(&last) {
            told.push(self.next_receipt().await);
        }
        told
    }

    /// The next event of the channels.
    pub async fn hear(&mut self) {
        let event = timeout(WITHIN, self.pushes.recv()).await.expect("a push in time").unwrap();
        let SubscriberEvent::Message { channel, payload } = event else { return };
        if channel == Channel::User(self.bob) {
            for push in documents::<UserPush>(&payload).map(Result::unwrap) {
                let UserPush::Read(receipt) = push else { panic!("{push:?}") };
                self.own.push_back(receipt);
            }
            return;
        }
        assert_eq!(channel, Channel::Room(self.room));
        self.publishes += 1;
        for push in documents::<RoomPush>(&payload).map(Result::unwrap) {
            assert_eq!((push.event, push.seq), (RoomPushKind::Read, 0));
            self.told.push_back(serde_json::from_str(push.data.get()).unwrap());
        }
    }

    /// The marks in Redis.
    pub fn marks_in_redis(&self) -> ReadMarks {
        ReadMarks::new(RedisPool::new(&self.redis()).unwrap())
    }

    pub fn redis(&self) -> RedisConfig {
        config(&self.isolation, &[]).redis
    }

    /// What a Redis that was flushed has of the room and of bob.
    pub async fn lose_marks(&self) {
        let keys = self.redis().keys();
        self.tell_redis(&format!("UNLINK {} {}", keys.room_marks(self.room), keys.user_marks(self.bob))).await;
    }

    /// A command for which there is no client here.
    pub async fn tell_redis(&self, command: &str) {
        let (_, address) = self.isolation.redis_url().split_once("://").unwrap();
        let mut redis = BufReader::new(TcpStream::connect(address).await.unwrap());
        redis.get_mut().write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        redis.read_line(&mut answer).await.unwrap();
        assert!(!answer.starts_with('-'), "{command}: {answer}");
    }

    pub async fn read_seq(&self, user: UserId) -> i64 {
        let members = self.store.list_members(self.room).await.unwrap();
        let marks: HashMap<UserId, i64> = members.iter().map(|member| (member.user_id, member.read_seq)).collect();
        marks[&user]
    }

    /// Marks whose offset is not committed.
    pub async fn lag(&self) -> i64 {
        Self::lag_of(&self.isolation).await
    }

    pub async fn lag_of(isolation: &Isolation) -> i64 {
        group_lag(&isolation.kafka(), "read-receipt", &[isolation.topics().read_events()]).await.unwrap()
    }

    /// What alice does to the room.
    pub fn by_alice<'a>(&self, id: &'a ClientMessageId) -> RoomCommand<'a> {
        command(self.room, self.alice, id)
    }

    /// One more message of alice's.
    pub async fn say(&self) {
        say(&self.store, self.room, self.alice).await;
    }

    /// Sends marks one after the other to the topic of `isolation`, without a wait between them.
    pub async fn send_all(&self, isolation: &Isolation, marks: &[MarkRead]) {
        let (topic, key) = (isolation.topics().read_events(), self.room.to_string());
        let send = |mark: &MarkRead| {
            let payload = serde_json::to_vec(mark).unwrap();
            self.producer.send(&OutRecord { topic: &topic, key: &key, payload: &payload, headers: &[] }).unwrap()
        };
        for delivery in marks.iter().map(send).collect::<Vec<_>>() {
            delivery.await.unwrap();
        }
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

fn command(room_id: RoomId, actor_id: UserId, id: &ClientMessageId) -> RoomCommand<'_> {
    RoomCommand { room_id, actor_id, client_message_id: id, message_id: MessageId::generate(), digest: Uuid::nil() }
}

async fn say(store: &Store, room_id: RoomId, sender_id: UserId) {
    let id = ClientMessageId::generate();
    let message = NewMessage {
        room_id,
        sender_id,
        client_message_id: &id,
        message_id: MessageId::generate(),
        entry_type: EntryType::Text,
        content: "hi",
        reply_to: None,
        digest: Uuid::nil(),
    };
    store.append_messages(&[message]).await.unwrap();
}

pub async fn user(store: &Store, nickname: &str) -> UserId {
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
