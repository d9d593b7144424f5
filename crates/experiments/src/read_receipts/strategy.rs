//! The ways to raise a mark.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context as _;
use chat_redis::RedisPool;
use chat_store::{Mark, Store};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::{
    Row, Scene,
    postgres::Connections,
    redis::{Marks, Wanted},
};

/// Marks that a batch holds at most.
const BATCH: usize = 500;

/// A way to raise a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Read, compare, write, unprotected: it must lose marks, or the counting counts nothing.
    Control,
    /// A version column, and another try when somebody else was faster.
    Optimistic,
    /// `SELECT … FOR UPDATE`, compare, write, commit.
    Pessimistic,
    /// One `UPDATE … WHERE read_seq < …`.
    Conditional,
    /// What waits is reduced to the farthest of each row, and applied in one call: `apply_read_marks`.
    ConditionalBatched,
    /// An atomic maximum in Redis (Lua), flushed to PostgreSQL in batches.
    Redis,
    /// The same, with what waits in one call of Redis.
    RedisBatched,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Control,
        Self::Optimistic,
        Self::Pessimistic,
        Self::Conditional,
        Self::ConditionalBatched,
        Self::Redis,
        Self::RedisBatched,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "control: no protection",
            Self::Optimistic => "optimistic: version column",
            Self::Pessimistic => "pessimistic: FOR UPDATE",
            Self::Conditional => "conditional UPDATE",
            Self::ConditionalBatched => "conditional UPDATE, batched",
            Self::Redis => "Redis atomic",
            Self::RedisBatched => "Redis atomic, batched",
        }
    }
}

/// What a reader was told of its mark.
#[derive(Debug, Clone, Copy, Default)]
pub struct Marked {
    /// Where the mark was, at most; nothing when that was not told.
    pub found: Option<i64>,
    /// Tries that came to nothing.
    pub retries: u64,
}

impl Marked {
    /// There, at the first try.
    pub fn found(seq: i64) -> Self {
        Self { found: Some(seq), retries: 0 }
    }
}

/// A way, ready to be used by many readers.
#[derive(Clone)]
pub enum Marker {
    /// A statement, or several, for each mark.
    Statements(Strategy, Arc<Connections>),
    /// A call of Redis for each mark.
    Redis(Arc<Marks>),
    /// Marks wait for the one who takes all that wait.
    Batched(mpsc::Sender<Waiting>),
}

/// A mark that waits for the next batch.
pub struct Waiting {
    wanted: Wanted,
    answer: oneshot::Sender<Option<i64>>,
}

impl Marker {
    /// For one cell; also the marks in Redis, if it has any.
    pub fn new(strategy: Strategy, scene: &Scene, redis: RedisPool) -> (Self, Option<Arc<Marks>>) {
        let marks = Arc::new(Marks::new(redis, scene.store.clone()));
        match strategy {
            Strategy::Redis => (Self::Redis(Arc::clone(&marks)), Some(marks)),
            Strategy::RedisBatched => (Self::batched(Target::Redis(Arc::clone(&marks))), Some(marks)),
            Strategy::ConditionalBatched => (Self::batched(Target::Postgres(scene.store.clone())), None),
            _ => (Self::Statements(strategy, Arc::clone(&scene.connections)), None),
        }
    }

    fn batched(target: Target) -> Self {
        let (sender, receiver) = mpsc::channel(BATCH);
        // Ends with the last sender.
        drop(tokio::spawn(serve(target, receiver)));
        Self::Batched(sender)
    }

    /// Raises one mark.
    pub async fn mark(&self, row: &Row, seq: i64) -> anyhow::Result<Marked> {
        match self {
            Self::Statements(Strategy::Optimistic, connections) => connections.optimistic(row, seq).await,
            Self::Statements(Strategy::Pessimistic, connections) => connections.pessimistic(row, seq).await,
            Self::Statements(Strategy::Conditional, connections) => connections.conditional(row, seq).await,
            Self::Statements(_, connections) => connections.unprotected(row, seq).await,
            Self::Redis(marks) => {
                let found = marks.raise(&[(row.room_id, row.user_id, seq)]).await?;
                Ok(Marked { found: found.first().copied(), retries: 0 })
            }
            Self::Batched(waiting) => {
                let (answer, answered) = oneshot::channel();
                let wanted = (row.room_id, row.user_id, seq);
                waiting.send(Waiting { wanted, answer }).await.ok().context("the batches have ended")?;
                Ok(Marked { found: answered.await.context("a batch failed")?, retries: 0 })
            }
        }
    }
}

enum Target {
    Postgres(Store),
    Redis(Arc<Marks>),
}

/// Batch after batch, as the service works: whatever came while one was on its way is the next.
async fn serve(target: Target, mut waiting: mpsc::Receiver<Waiting>) -> anyhow::Result<()> {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let mut farthest = BTreeMap::new();
        for Waiting { wanted: (room, user, seq), .. } in &batch {
            let kept = farthest.entry((*room, *user)).or_insert(*seq);
            *kept = (*kept).max(*seq);
        }
        let wanted: Vec<Wanted> = farthest.iter().map(|((room, user), seq)| (*room, *user, *seq)).collect();
        let found = match &target {
            Target::Redis(marks) => marks.raise(&wanted).await?.into_iter().map(Some).collect(),
            Target::Postgres(store) => {
                let at = Timestamp::now();
                let mark =
                    |(room_id, user_id, seq): &Wanted| Mark { room_id: *room_id, user_id: *user_id, seq: *seq, at };
                store.apply_read_marks(&wanted.iter().map(mark).collect::<Vec<_>>()).await?;
                // What a mark was behind is not read back.
                vec![None; wanted.len()]
            }
        };
        let found: BTreeMap<_, Option<i64>> = farthest.into_keys().zip(found).collect();
        for Waiting { wanted: (room, user, _), answer } in batch.drain(..) {
            // A reader that has gone is not answered.
            answer.send(found.get(&(room, user)).copied().flatten()).ok();
        }
    }
    Ok(())
}
