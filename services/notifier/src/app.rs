//! Builds the clients and starts the loop.

use std::{sync::Arc, time::Duration};

use chat_kafka::{Consumer, DeadLetters, KafkaMetrics, Producer, cluster_reachable};
use chat_outbound::{Outbound, OutboundConfig};
use chat_redis::{OnlineUsers, RedisPool, RoomListCache, Viewers};
use chat_service::{Backoff, Context, Patience, retry_forever};
use chat_store::Store;
use tokio::sync::Notify;

use crate::{
    config::Config,
    metrics::{Metrics, PushMetrics},
    pipeline::{self, Pipeline},
    web_push::{PushConfig, PushQueue, Sender, Workers},
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
    let workers = workers(&config.push, &config.outbound, &store, &ctx)?;
    let queue = workers.as_ref().map(|w| PushQueue::new(store.clone(), config.push.ttl(), Arc::clone(&w.wake)));
    // Marks matter only for what was pushed.
    let topics = match queue {
        Some(_) => vec![config.kafka.topics().events(), config.kafka.topics().read_events()],
        None => vec![config.kafka.topics().events()],
    };
    let webhooks = Webhooks::new(store.clone(), outbound, config.deliveries.clone(), &ctx)?;
    let sending = webhooks.clone();
    let pipeline = Pipeline {
        store: store.clone(),
        room_lists: RoomListCache::new(redis.clone()),
        redis: redis.clone(),
        viewers,
        online: OnlineUsers::new(redis),
        queue,
        read_events: config.kafka.topics().read_events(),
        webhooks,
        dead_letters,
        metrics,
        patience: Patience::new("redis", REDIS_PATIENCE),
        clock: ctx.clock.clone(),
        hard_stop: hard.clone(),
    };
    if let Some(workers) = workers {
        ctx.lifecycle.spawn("web-push", workers.run(soft.clone(), hard));
    }

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
        let consumer = Consumer::new(&config.kafka, &config.consumer, "notifier", &topics, &kafka_metrics, soft)?;
        pipeline::run(consumer, pipeline).await
    });
    Ok(())
}

/// Those that send pushes, if there is a key for it. They share nothing with other outgoing calls, so that neither waits for the other.
fn workers(
    config: &PushConfig,
    calls: &OutboundConfig,
    store: &Store,
    ctx: &Context,
) -> anyhow::Result<Option<Workers>> {
    let metrics = PushMetrics::register(&ctx.metrics)?;
    let Some(key) = config.key()? else { return Ok(None) };
    tracing::info!(public_key = key.public(), "web push is on");
    let (contact, clock) = (config.contact.as_str().into(), ctx.clock.clone());
    Ok(Some(Workers {
        store: store.clone(),
        sender: Sender { outbound: Outbound::new(calls)?, key, contact, clock },
        metrics,
        wake: Arc::new(Notify::new()),
        poll: config.poll(),
        call_within: Duration::from_millis(calls.within_ms),
        at_once: calls.calls_at_once,
        per_origin: config.at_once_per_service,
    }))
}
