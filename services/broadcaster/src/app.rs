//! Puts the broadcaster together.

use std::time::Duration;

use chat_kafka::{Consumer, DeadLetters, KafkaMetrics, Producer, cluster_reachable};
use chat_redis::RedisPool;
use chat_service::{Backoff, Context, retry_forever};

use crate::{
    config::Config,
    metrics::Metrics,
    pipeline::{self, Pipeline},
};

const SERVICE: &str = "broadcaster";
const METADATA_WITHIN: Duration = Duration::from_secs(3);

/// Runs until the process is told to stop.
pub async fn run(config: Config, ctx: Context) -> anyhow::Result<()> {
    let (reachable, kafka_found) = (ctx.readiness.condition("redis"), ctx.readiness.latch("kafka"));
    let (metrics, kafka_metrics) = (Metrics::register(&ctx.metrics)?, KafkaMetrics::register(&ctx.metrics)?);
    let redis = RedisPool::new(&config.redis)?;
    let producer = Producer::new(&config.kafka, &config.producer, SERVICE, &kafka_metrics)?;
    let stop = ctx.lifecycle.soft();

    // Without Redis this instance could only hold partitions that another one may be able to work on.
    if retry_forever("redis", &stop, Backoff::default(), || redis.ping()).await.is_none() {
        return Ok(());
    }
    reachable.set(true);
    let ask_kafka = || cluster_reachable(&config.kafka, METADATA_WITHIN);
    if retry_forever("kafka", &stop, Backoff::default(), ask_kafka).await.is_none() {
        return Ok(());
    }
    drop(kafka_found);

    let topics = config.kafka.topics();
    let group = topics.group(SERVICE);
    let consumer = Consumer::new(&config.kafka, &config.consumer, SERVICE, &[topics.events()], &kafka_metrics, stop)?;
    let dead_letters = DeadLetters::new(producer, group, config.consumer.dead_letters_per_minute);
    let pipeline = Pipeline { redis, reachable, dead_letters, metrics, clock: ctx.clock.clone() };
    // Boxed: it holds everything that a batch goes through.
    Box::pin(pipeline::run(consumer, &pipeline)).await?;
    Ok(())
}
