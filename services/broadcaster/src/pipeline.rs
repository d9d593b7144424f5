//! The loop: `chat-events` → decode → route → Redis → offsets.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use chat_kafka::{Batch, Consumer, DeadLetters, KafkaError};
use chat_protocol::{ErrorCode, redis_key::Channel};
use chat_redis::{Outdated, RedisPool};
use chat_service::{Backoff, Clock, Condition, fail_point, is_broken};

use crate::{
    metrics::Metrics,
    routing::{self, Routed},
};

/// What the loop works with.
pub struct Pipeline {
    pub redis: RedisPool,
    /// Whether Redis took the last batch.
    pub reachable: Condition,
    pub dead_letters: DeadLetters,
    pub metrics: Metrics,
    pub clock: Arc<dyn Clock>,
}

/// Runs until the consumer is stopped. Offsets are committed after Redis took the batch.
pub async fn run(mut consumer: Consumer, pipeline: &Pipeline) -> anyhow::Result<()> {
    while let Some(batch) = consumer.next_batch().await? {
        let Some(result) = consumer.hold(pipeline.process(&batch)).await else { break };
        result?;
        consumer.done(&batch);
    }
    consumer.close().await;
    Ok(())
}

impl Pipeline {
    async fn process(&self, batch: &Batch) -> anyhow::Result<()> {
        let events = self.decode(batch).await?;
        let count = events.len();
        let outdated = routing::outdated(&events);
        let mut payloads = routing::route(events)?;
        // Redis takes a publish and may deliver it to nobody; here it does so often.
        payloads.retain(|(channel, _)| !(matches!(channel, Channel::Room(_)) && is_broken("lossy-pub-sub")));
        fail_point("broadcaster.before-publish").await;
        self.publish(&outdated, &payloads).await;
        fail_point("broadcaster.published").await;

        self.metrics.events.with_label_values(&["published"]).inc_by(count as u64);
        self.metrics.publishes.inc_by(payloads.len() as u64);
        self.metrics.bytes.inc_by(payloads.iter().map(|(_, payload)| payload.len() as u64).sum());
        let oldest_ms = batch.records.iter().filter_map(|record| record.timestamp_ms).min();
        if let Some(delay_ms) = oldest_ms.map(|at| self.clock.now().as_millisecond().saturating_sub(at)) {
            let delay = Duration::from_millis(u64::try_from(delay_ms).unwrap_or(0));
            self.metrics.delay.observe(delay.as_secs_f64());
        }
        tracing::debug!(records = batch.records.len(), publishes = payloads.len(), "batch published");
        Ok(())
    }

    async fn decode(&self, batch: &Batch) -> Result<Vec<Routed>, KafkaError> {
        let mut events = Vec::with_capacity(batch.records.len());
        for record in &batch.records {
            match routing::decode(record) {
                Ok(event) => events.push(event),
                Err(reason) => {
                    self.metrics.events.with_label_values(&["poison"]).inc();
                    self.dead_letters.send(record, ErrorCode::Poison.as_str(), &reason).await?;
                }
            }
        }
        Ok(events)
    }

    /// Publishes all, for as long as it takes. What Redis took before it failed is published again; gateways drop it by its seq.
    /// Room lists that the events make wrong are dropped first: nobody who was told can be given one.
    async fn publish(&self, outdated: &Outdated, payloads: &[(Channel, Bytes)]) {
        let mut backoff = Backoff::default();
        while let Err(error) = self.redis.publish_after(outdated, payloads).await {
            let delay = backoff.next_delay();
            tracing::warn!(%error, ?delay, publishes = payloads.len(), "redis did not take the batch, repeating");
            self.metrics.retries.inc();
            self.reachable.set(false);
            tokio::time::sleep(delay).await;
        }
        self.reachable.set(true);
    }
}
