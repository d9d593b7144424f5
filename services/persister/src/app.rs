//! Puts the persister together.

use std::{sync::Arc, time::Duration};

use chat_kafka::{Consumer, DeadLetters, KafkaMetrics, Producer, cluster_reachable};
use chat_service::{Backoff, Context, retry_forever};
use chat_store::Store;

use crate::{
    config::Config,
    metrics::Metrics,
    pipeline::{self, Pipeline},
    writer::Writer,
};

const SERVICE: &str = "persister";
const METADATA_WITHIN: Duration = Duration::from_secs(3);

/// Runs until the process is told to stop.
pub async fn run(config: Config, ctx: Context) -> anyhow::Result<()> {
    let (reachable, kafka_found) = (ctx.readiness.condition("postgres"), ctx.readiness.latch("kafka"));
    let (metrics, kafka_metrics) = (Metrics::register(&ctx.metrics)?, KafkaMetrics::register(&ctx.metrics)?);
    let store = Store::new(&config.postgres)?;
    let producer = Producer::new(&config.kafka, &config.producer, SERVICE, &kafka_metrics)?;
    let stop = ctx.lifecycle.soft();

    // Without a database this instance could only hold partitions that another one may be able to work on.
    if retry_forever("postgres", &stop, Backoff::default(), || store.ping()).await.is_none() {
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
    let consumer = Consumer::new(&config.kafka, &config.consumer, SERVICE, &[topics.messages()], &kafka_metrics, stop)?;
    let pipeline = Pipeline {
        writer: Writer { store, metrics: metrics.clone(), reachable },
        dead_letters: DeadLetters::new(producer.clone(), group, config.consumer.dead_letters_per_minute),
        producer,
        events: Arc::from(topics.events()),
        metrics,
        clock: ctx.clock.clone(),
    };
    // No flush at the end: a batch is done only when all its events are acknowledged.
    pipeline::run(consumer, &pipeline).await?;
    Ok(())
}
