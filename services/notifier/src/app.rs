//! Builds the clients and starts the loop.

use std::time::Duration;

use chat_kafka::{Consumer, DeadLetters, KafkaMetrics, Producer, cluster_reachable};
use chat_outbound::Outbound;
use chat_redis::{RedisPool, RoomListCache, Viewers};
use chat_service::{Backoff, Context, Patience, retry_forever};
use chat_store::Store;

use crate::{
    config::Config,
    metrics::Metrics,
    pipeline::{self, Pipeline},
    webhooks::Webhooks,
};

/// How long a live push is worth waiting for.
const REDIS_PATIENCE: Duration = Duration::from_secs(2);

/// Starts the service; its task goes on after this returns.
///
/// Nothing needs to be up: it becomes ready, and takes its first record, once PostgreSQL and Kafka have answered. Redis may be away.
pub async fn run(config: Config, ctx: Context) -> anyhow::Result<()> {
    let outbound = Outbound::new(&config.outbound)?;
    run_with(config, ctx, outbound).await
}

/// The same with a client of one's own for what is called, for tests.
pub async fn run_with(config: Config, ctx: Context, outbound: Outbound) -> anyhow::Result<()> {
    let ready = (ctx.readiness.latch("postgres"), ctx.readiness.latch("kafka"));
    let (soft, hard) = (ctx.lifecycle.soft(), ctx.lifecycle.hard());
    let kafka_metrics = KafkaMetrics::register(&ctx.metrics)?;
    let metrics = Metrics::register(&ctx.metrics)?;
    let store = Store::new(&config.postgres)?;
    let redis = RedisPool::new(&config.redis)?;
    let viewers = Viewers::new(redis.clone());
    let producer = Producer::new(&config.kafka, &config.producer, ctx.name, &kafka_metrics)?;
    let group = config.kafka.topics().group("notifier");
    let dead_letters = DeadLetters::new(producer, group, config.consumer.dead_letters_per_minute);
    let webhooks = Webhooks::new(store.clone(), outbound, config.deliveries.clone(), &ctx)?;
    let sending = webhooks.clone();
    let pipeline = Pipeline {
        store: store.clone(),
        room_lists: RoomListCache::new(redis.clone()),
        redis,
        viewers,
        webhooks,
        dead_letters,
        metrics,
        patience: Patience::new("redis", REDIS_PATIENCE),
        hard_stop: hard,
    };

    sending.start(&ctx);
    ctx.lifecycle.spawn("pipeline", async move {
        let reach_kafka = || cluster_reachable(&config.kafka, Duration::from_secs(3));
        if retry_forever("postgres", &soft, Backoff::default(), || store.ping()).await.is_none()
            || retry_forever("postgres", &soft, Backoff::default(), || sending.load()).await.is_none()
            || retry_forever("kafka", &soft, Backoff::default(), reach_kafka).await.is_none()
        {
            return Ok(());
        }
        drop(ready);
        let topics = [config.kafka.topics().events()];
        let consumer = Consumer::new(&config.kafka, &config.consumer, "notifier", &topics, &kafka_metrics, soft)?;
        pipeline::run(consumer, pipeline).await
    });
    Ok(())
}
