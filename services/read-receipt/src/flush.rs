//! Marks to PostgreSQL, for as long as it takes.

use chat_kafka::{Batch, DeadLetters};
use chat_protocol::ErrorCode;
use chat_service::{Backoff, fail_point, retry_forever};
use chat_store::{Mark, Store, StoreError};
use prometheus::Histogram;
use tokio_util::sync::CancellationToken;

use crate::{
    coalesce,
    dirty::{Load, Taken},
    error::Error,
};

/// Records that one call stores. The database allows a call 5 s.
const RECORDS_PER_CALL: usize = 2_000;

/// What a flush works with.
pub struct Flusher {
    pub store: Store,
    pub dead_letters: std::sync::Arc<DeadLetters>,
    pub seconds: Histogram,
    /// Ends the wait for PostgreSQL.
    pub hard_stop: CancellationToken,
}

/// A load that is stored.
pub struct Flushed {
    /// Which batches are done with it.
    pub batches: Vec<Batch>,
    /// Marks that moved.
    pub moved: Vec<Mark>,
}

impl Flusher {
    /// Stores a load.
    pub async fn flush(&self, load: Load<Batch>) -> Result<Flushed, Error> {
        fail_point("read-receipt.before-flush").await;
        let timer = self.seconds.start_timer();
        let moved = self.store(&load.marks).await?;
        timer.observe_duration();
        fail_point("read-receipt.flushed").await;
        Ok(Flushed { batches: load.batches, moved })
    }

    /// Few calls. If PostgreSQL refuses one for good, halves find the record at fault, and the others are stored.
    async fn store(&self, marks: &[Taken]) -> Result<Vec<Mark>, Error> {
        let mut moved = Vec::new();
        let mut parts: Vec<&[Taken]> = marks.chunks(RECORDS_PER_CALL).rev().collect();
        while let Some(part) = parts.pop() {
            match (self.apply(part).await?, part) {
                (Ok(marks), _) => moved.extend(marks),
                (Err(error), [taken]) => {
                    self.dead_letters.send(&taken.record, ErrorCode::Poison.as_str(), &error.to_string()).await?;
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
    async fn apply(&self, marks: &[Taken]) -> Result<Result<Vec<Mark>, StoreError>, Error> {
        let farthest = coalesce::farthest(marks.iter().map(|taken| &taken.mark)).into_iter();
        let marks: Vec<Mark> = farthest
            .map(|mark| Mark { room_id: mark.room_id, user_id: mark.user_id, seq: mark.seq, at: mark.at })
            .collect();
        let attempt = || async {
            match self.store.apply_read_marks(&marks).await {
                Err(error) if !error.is_permanent() => Err(error),
                settled => Ok(settled),
            }
        };
        retry_forever("postgres", &self.hard_stop, Backoff::default(), attempt).await.ok_or(Error::Stopped)
    }
}
