//! The loop: `chat-read-events` → decode → Redis maximum → room and user channels → collect; and beside it, for what is collected:
//! PostgreSQL → room lists → offsets.

use std::time::Instant;

use bytes::Bytes;
use chat_kafka::{Batch, Consumer, DeadLetters, Record};
use chat_protocol::{ErrorCode, MarkRead, PlacedMark, redis_key::Channel};
use chat_redis::{Outdated, Raise, RedisPool, RoomListCache};
use chat_service::fail_point;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::Instrument as _;

use crate::{
    coalesce, decode,
    dirty::{Dirty, Raised, Taken},
    error::Error,
    flush::{Flushed, Flusher},
    metrics::Metrics,
    pushes::pushes,
    raise::{Outcome, Raiser},
};

/// What the loop works with.
pub struct Pipeline {
    pub redis: RedisPool,
    pub room_lists: RoomListCache,
    pub dead_letters: std::sync::Arc<DeadLetters>,
    pub raiser: Raiser,
    pub flusher: std::sync::Arc<Flusher>,
    pub dirty: Dirty<Batch>,
    pub metrics: Metrics,
    /// Ends the wait for a flush that makes room.
    pub soft_stop: CancellationToken,
}

/// A flush under way, which goes on while batches are taken.
type Flush = AbortOnDropHandle<Result<Flushed, Error>>;

/// What comes next.
enum Step {
    Take(Batch),
    Flush,
    Flushed(Flushed),
    Stop,
}

/// Runs until the consumer is told to stop. An error ends the process.
pub async fn run(mut consumer: Consumer, mut pipeline: Pipeline) -> Result<(), Error> {
    let ended = pipeline.consume(&mut consumer).await;
    consumer.close().await;
    ended
}

impl Pipeline {
    async fn consume(&mut self, consumer: &mut Consumer) -> Result<(), Error> {
        let mut flush = None;
        loop {
            match self.next(consumer, &mut flush).await? {
                Step::Take(batch) => {
                    let span = tracing::debug_span!("read_receipt.batch", records = batch.records.len());
                    // Boxed, because the database client's futures are large.
                    let work = Box::pin(self.take(batch).instrument(span));
                    let Some(taken) = consumer.hold(work).await else { return Ok(()) };
                    taken?;
                }
                Step::Flush => flush = self.flush(),
                Step::Flushed(flushed) => {
                    let Some(done) = consumer.hold(Box::pin(self.settle(flushed))).await else { return Ok(()) };
                    done?.iter().for_each(|batch| consumer.done(batch));
                }
                Step::Stop => break,
            }
        }
        let Some(drained) = consumer.hold(Box::pin(self.drain(flush))).await else { return Ok(()) };
        drained?.iter().for_each(|batch| consumer.done(batch));
        Ok(())
    }

    async fn next(&self, consumer: &mut Consumer, flush: &mut Option<Flush>) -> Result<Step, Error> {
        let due = self.dirty.due();
        if due.is_some_and(|due| due <= Instant::now()) {
            // A timer would be a moment late, and more would be taken than may wait.
            return Ok(Step::Flush);
        }
        let flushed = async {
            match flush.as_mut() {
                Some(under_way) => joined(under_way).await,
                None => std::future::pending().await,
            }
        };
        let step = if self.dirty.has_room() {
            tokio::select! {
                biased;
                flushed = flushed => Step::Flushed(flushed?),
                () = sleep_until(due) => Step::Flush,
                batch = consumer.next_batch() => batch?.map_or(Step::Stop, Step::Take),
            }
        } else {
            // Nothing more is taken before something is stored. The group is told all the while that this member lives.
            let room = consumer.hold(self.soft_stop.run_until_cancelled(flushed)).await.flatten();
            room.transpose()?.map_or(Step::Stop, Step::Flushed)
        };
        if matches!(step, Step::Flushed(_)) {
            *flush = None;
        }
        Ok(step)
    }

    /// Takes a batch, and tells of what moved at once, where Redis knows.
    async fn take(&mut self, mut batch: Batch) -> Result<(), Error> {
        let timer = self.metrics.batch_seconds.start_timer();
        let records = std::mem::take(&mut batch.records);
        let received = records.len();
        let marks = self.decode(records).await?;
        let Outcome { moved, behind } = self.raise(&marks).await;
        let told = self.tell(&Outdated::default(), &pushes(&moved)?).await;
        fail_point("read-receipt.told").await;
        let raised: Vec<Raised> = moved.into_iter().map(|mark| Raised { mark, told }).collect();
        self.dirty.collect(batch, received, marks, &raised, Instant::now());
        self.metrics.taken(received, raised.len(), behind, self.dirty.records());
        timer.observe_duration();
        Ok(())
    }

    async fn decode(&self, records: Vec<Record>) -> Result<Vec<Taken>, Error> {
        let mut marks = Vec::with_capacity(records.len());
        for record in records {
            match decode::mark(&record) {
                Ok(mark) => marks.push(Taken { record, mark }),
                Err(reason) => self.dead_letters.send(&record, ErrorCode::Poison.as_str(), &reason).await?,
            }
        }
        Ok(marks)
    }

    /// A mark whose place is not known is stored first: the database knows it.
    async fn raise(&mut self, marks: &[Taken]) -> Outcome {
        let with_place = marks.iter().map(|taken| &taken.mark).filter(|mark| mark.place.is_some());
        let raises: Vec<Raise> = coalesce::farthest(with_place)
            .into_iter()
            .filter_map(MarkRead::placed)
            .map(|mark| Raise { mark, floor: self.dirty.floor((mark.room_id, mark.user_id)) })
            .collect();
        self.raiser.raise(&raises).await
    }

    /// Starts to store what is collected.
    fn flush(&mut self) -> Option<Flush> {
        let (load, flusher) = (self.dirty.take()?, self.flusher.clone());
        let span = tracing::debug_span!("read_receipt.flush", records = load.marks.len());
        Some(AbortOnDropHandle::new(tokio::spawn(async move { flusher.flush(load).await }.instrument(span))))
    }

    /// Drops the room lists that show marks where they were, and tells of what could only be told now. Returns the batches that are done.
    async fn settle(&mut self, flushed: Flushed) -> Result<Vec<Batch>, Error> {
        let untold = self.dirty.stored(&flushed.moved);
        let late: Vec<PlacedMark> = self.raiser.catch_up(&untold).await;
        let mut outdated = Outdated::default();
        outdated.add_users(flushed.moved.iter().map(|mark| mark.user_id));
        let told = self.tell(&outdated, &pushes(&late)?).await;
        if !told {
            // The lists are wrong for as long as they are kept.
            self.room_lists.owe(outdated);
        }
        let untold = untold.len() - if told { late.len() } else { 0 };
        self.metrics.stored(flushed.moved.len(), untold, self.dirty.records());
        Ok(flushed.batches)
    }

    /// One pipeline, after the room lists are dropped. Given up when Redis stays away.
    async fn tell(&mut self, outdated: &Outdated, pushes: &[(Channel, Bytes)]) -> bool {
        if outdated.is_empty() && pushes.is_empty() {
            return true;
        }
        self.raiser.redis.attempt(|| self.redis.publish_after(outdated, pushes)).await.is_some()
    }

    /// Stores everything before the offsets are committed for the last time.
    async fn drain(&mut self, mut flush: Option<Flush>) -> Result<Vec<Batch>, Error> {
        let mut done = Vec::new();
        loop {
            let Some(mut under_way) = flush.take().or_else(|| self.flush()) else { return Ok(done) };
            let flushed = joined(&mut under_way).await?;
            done.extend(self.settle(flushed).await?);
        }
    }
}

async fn joined(flush: &mut Flush) -> Result<Flushed, Error> {
    match flush.await {
        Ok(flushed) => flushed,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Nobody cancels it but by dropping it.
            Err(_) => Err(Error::Stopped),
        },
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
