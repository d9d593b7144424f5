//! Builds the clients and starts the loop.

use std::{sync::Arc, time::Duration};

use chat_kafka::{Consumer, DeadLetters, KafkaMetrics, Producer, cluster_reachable};
use chat_redis::{ReadMarks, RedisPool, RoomListCache};
use chat_service::{Backoff, Context, Patience, retry_forever};
use chat_store::Store;

use crate::{
    config::Config,
    dirty::Dirty,
    flush::Flusher,
    metrics::Metrics,
    pipeline::{self, Pipeline},
    raise::Raiser,
};

/// How long a live push is worth waiting for.
const REDIS_PATIENCE: Duration = Duration::from_secs(2);
/// How long a batch waits for what Redis does not know. What is not told then is told when it is stored.
const FLOORS_PATIENCE: Duration = Duration::from_secs(1);
/// What Redis could not drop while it was away is dropped this soon after it is back.
const SETTLE_EVERY: Duration = Duration::from_secs(1);

/// Starts the service; its task goes on after this returns.
///
/// Nothing needs to be up: it becomes ready, and takes its first record, once PostgreSQL and Kafka have answered. Redis may be away.
pub async fn run(config: Config, ctx: Context) -> anyhow::Result<()> {
    let ready = (ctx.readiness.latch("postgres"), ctx.readiness.latch("kafka"));
    let (soft, hard) = (ctx.lifecycle.soft(), ctx.lifecycle.hard());
    let kafka_metrics = KafkaMetrics::register(&ctx.metrics)?;
    let metrics = Metrics::register(&ctx.metrics)?;
    let store = Store::new(&config.postgres)?;
    let redis = RedisPool::new(&config.redis)?;
    let producer = Producer::new(&config.kafka, &config.producer, ctx.name, &kafka_metrics)?;
    let group = config.kafka.topics().group("read-receipt");
    let dead_letters = Arc::new(DeadLetters::new(producer, group, config.consumer.dead_letters_per_minute));
    let room_lists = RoomListCache::new(redis.clone());
    let pipeline = Pipeline {
        raiser: Raiser {
            marks: ReadMarks::new(redis.clone()),
            store: store.clone(),
            redis: Patience::new("redis", REDIS_PATIENCE),
            postgres: Patience::new("postgres", FLOORS_PATIENCE),
        },
        flusher: Arc::new(Flusher {
            store: store.clone(),
            dead_letters: Arc::clone(&dead_letters),
            seconds: metrics.flush_seconds.clone(),
            hard_stop: hard,
        }),
        dirty: Dirty::new(Duration::from_millis(config.read_marks.flush_ms), config.read_marks.dirty_max),
        room_lists: room_lists.clone(),
        redis,
        dead_letters,
        metrics,
        soft_stop: soft.clone(),
    };

    let stop = soft.clone();
    ctx.lifecycle.spawn_detached("outdated-room-lists", async move {
        while tokio::time::timeout(SETTLE_EVERY, stop.cancelled()).await.is_err() {
            if let Err(error) = room_lists.settle().await {
                tracing::debug!(%error, "outdated room lists not dropped yet");
            }
        }
    });
    ctx.lifecycle.spawn("pipeline", async move {
        let reach_kafka = || cluster_reachable(&config.kafka, Duration::from_secs(3));
        if retry_forever("postgres", &soft, Backoff::default(), || store.ping()).await.is_none()
            || retry_forever("kafka", &soft, Backoff::default(), reach_kafka).await.is_none()
        {
            return Ok(());
        }
        drop(ready);
        let topics = [config.kafka.topics().read_events()];
        let consumer = Consumer::new(&config.kafka, &config.consumer, "read-receipt", &topics, &kafka_metrics, soft)?;
        pipeline::run(consumer, pipeline).await
    });
    Ok(())
}
