//! Tests against a real Redis, given by `CHAT_TEST_REDIS_URL`; every test has a key prefix of its own.

#![expect(clippy::unwrap_used, reason = "tests")]

mod online;
mod proxy;
mod pubsub;
mod read_marks;
mod room_lists;
mod room_lists_model;
mod sessions;
mod viewers;

use std::time::Duration;

use chat_redis::{RedisConfig, RedisPool, Subscriber, SubscriberEvent, SubscriberHandle};
use chat_service::Secret;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Longest wait for anything that must happen.
const DEADLINE: Duration = Duration::from_secs(20);

fn url() -> String {
    std::env::var("CHAT_TEST_REDIS_URL").expect("CHAT_TEST_REDIS_URL names the Redis to test with")
}

fn config(url: &str) -> RedisConfig {
    let key_prefix = format!("t{}:", uuid::Uuid::now_v7().simple());
    RedisConfig { url: Secret::new(url), key_prefix, pool_size: 4 }
}

/// A subscriber that runs until it is dropped.
struct Subscribed {
    pool: RedisPool,
    handle: SubscriberHandle,
    events: mpsc::Receiver<SubscriberEvent>,
    _stop: tokio_util::sync::DropGuard,
}

impl Subscribed {
    fn start(config: &RedisConfig, capacity: usize) -> Self {
        Self::start_with(config, RedisPool::new(config).unwrap(), capacity)
    }

    /// With a pool of another way to the same Redis.
    fn start_with(config: &RedisConfig, pool: RedisPool, capacity: usize) -> Self {
        let (subscriber, handle, events) = Subscriber::new(config, pool.clone(), capacity).unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(subscriber.run(stop.clone()));
        Self { pool, handle, events, _stop: stop.drop_guard() }
    }

    async fn event(&mut self) -> SubscriberEvent {
        tokio::time::timeout(DEADLINE, self.events.recv()).await.expect("an event in time").unwrap()
    }
}
