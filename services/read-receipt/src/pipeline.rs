//! The loop: `chat-read-events` → decode → coalesce → PostgreSQL → room channels → offsets.

use std::collections::BTreeMap;

use bytes::Bytes;
use chat_kafka::{Consumer, DeadLetters, Record};
use chat_protocol::{
    ErrorCode, MarkRead, ReadReceipt, RoomId,
    push::{RoomPush, RoomPushKind},
    redis_key::Channel,
};
use chat_redis::{Outdated, RedisPool, RoomListCache};
use chat_service::{Backoff, Patience, fail_point, retry_forever};
use chat_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{coalesce, decode, error::Error, metrics::Metrics};

/// What the loop works with.
pub struct Pipeline {
    pub store: Store,
    pub redis: RedisPool,
    pub room_lists: RoomListCache,
    pub dead_letters: DeadLetters,
    pub metrics: Metrics,
    pub patience: Patience,
    /// Ends the wait for PostgreSQL.
    pub hard_stop: CancellationToken,
}

/// Runs until the consumer is told to stop. An error ends the process.
pub async fn run(mut consumer: Consumer, mut pipeline: Pipeline) -> Result<(), Error> {
    let ended = pipeline.consume(&mut consumer).await;
    consumer.close().await;
    ended
}

impl Pipeline {
    async fn consume(&mut self, consumer: &mut Consumer) -> Result<(), Error> {
        while let Some(batch) = consumer.next_batch().await? {
            let span = tracing::debug_span!("read_receipt.batch", records = batch.records.len());
            // Boxed, because the database client's futures are large.
            let work = Box::pin(self.process(&batch.records).instrument(span));
            let Some(processed) = consumer.hold(work).await else { break };
            processed?;
            consumer.done(&batch);
        }
        Ok(())
    }

    async fn process(&mut self, records: &[Record]) -> Result<(), Error> {
        let timer = self.metrics.batch_seconds.start_timer();
        let marks = self.decode(records).await?;
        fail_point("read-receipt.before-flush").await;
        let moved = self.store(&marks).await?;
        fail_point("read-receipt.flushed").await;
        self.tell(&moved).await?;
        fail_point("read-receipt.told").await;
        self.metrics.received.inc_by(records.len() as u64);
        self.metrics.moved.inc_by(moved.len() as u64);
        timer.observe_duration();
        Ok(())
    }

    async fn decode<'a>(&self, records: &'a [Record]) -> Result<Vec<(&'a Record, MarkRead)>, Error> {
        let mut marks = Vec::with_capacity(records.len());
        for record in records {
            match decode::mark(record) {
                Ok(mark) => marks.push((record, mark)),
                Err(reason) => self.dead_letters.send(record, ErrorCode::Poison.as_str(), &reason).await?,
            }
        }
        Ok(marks)
    }

    /// One call for the batch. If PostgreSQL refuses it for good, halves find the record at fault, and the others are stored.
    async fn store(&self, marks: &[(&Record, MarkRead)]) -> Result<Vec<ReadReceipt>, Error> {
        let mut moved = Vec::new();
        let mut parts = vec![marks];
        while let Some(part) = parts.pop() {
            match (self.apply(part).await?, part) {
                (Ok(receipts), _) => moved.extend(receipts),
                (Err(error), [(record, _)]) => {
                    self.dead_letters.send(record, ErrorCode::Poison.as_str(), &error.to_string()).await?;
                }
                (Err(_), _) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
            }
        }
        Ok(moved)
    }

    /// What moved, or the error that no repetition heals; everything else is repeated for as long as it takes.
    async fn apply(&self, marks: &[(&Record, MarkRead)]) -> Result<Result<Vec<ReadReceipt>, StoreError>, Error> {
        let marks = coalesce::farthest(marks.iter().map(|(_, mark)| mark));
        if marks.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let attempt = || async {
            match self.store.apply_read_marks(&marks).await {
                Err(error) if !error.is_permanent() => Err(error),
                settled => Ok(settled),
            }
        };
        retry_forever("postgres", &self.hard_stop, Backoff::default(), attempt).await.ok_or(Error::Stopped)
    }

    /// One payload per room, all in one pipeline, after the room lists that show the marks where they were are dropped. Given up when Redis stays away: the marks are stored, and clients load them.
    async fn tell(&mut self, moved: &[ReadReceipt]) -> Result<(), Error> {
        if moved.is_empty() {
            return Ok(());
        }
        let pushes = pushes(moved)?;
        let mut outdated = Outdated::default();
        outdated.add_users(moved.iter().map(|receipt| receipt.user_id));
        if self.patience.attempt(|| self.redis.publish_after(&outdated, &pushes)).await.is_none() {
            // Nobody was told, but the lists are wrong for as long as they are kept.
            self.room_lists.owe(outdated);
            self.metrics.untold.inc_by(moved.len() as u64);
        }
        Ok(())
    }
}

fn pushes(moved: &[ReadReceipt]) -> Result<Vec<(Channel, Bytes)>, serde_json::Error> {
    let mut rooms: BTreeMap<RoomId, Vec<u8>> = BTreeMap::new();
    for receipt in moved {
        let push = RoomPush {
            event: RoomPushKind::Read,
            seq: 0,
            removed: Vec::new(),
            traceparent: None,
            data: serde_json::value::to_raw_value(receipt)?,
        };
        let payload = rooms.entry(receipt.room_id).or_default();
        serde_json::to_writer(&mut *payload, &push)?;
        payload.push(b'\n');
    }
    Ok(rooms.into_iter().map(|(room, payload)| (Channel::Room(room), Bytes::from(payload))).collect())
}
