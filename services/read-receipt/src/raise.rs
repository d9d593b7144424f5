//! Marks to Redis: which of them are ahead of everything that was told before.

use std::{collections::HashMap, time::Duration};

use chat_protocol::PlacedMark;
use chat_redis::{Raise, Raised, ReadMarks};
use chat_service::Patience;
use chat_store::{Store, StoreError};

use crate::dirty::Pair;

/// Longest wait for the marks of a batch that Redis does not know.
const FLOOR_WITHIN: Duration = Duration::from_millis(500);

/// What raising works with.
pub struct Raiser {
    pub marks: ReadMarks,
    pub store: Store,
    pub redis: Patience,
    pub postgres: Patience,
}

/// What became of the marks of a batch.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Ahead of everything known.
    pub moved: Vec<PlacedMark>,
    /// How many are not.
    pub behind: usize,
}

/// PostgreSQL gave no floors.
#[derive(Debug, thiserror::Error)]
enum NoFloors {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no answer within {FLOOR_WITHIN:?}")]
    Late(#[from] tokio::time::error::Elapsed),
}

impl Raiser {
    /// Moves marks forward in Redis, over the given floors and those of the database where Redis does not know better. What is in neither
    /// part of the outcome is no member's mark, or could not be decided.
    pub async fn raise(&mut self, raises: &[Raise]) -> Outcome {
        let mut outcome = Outcome::default();
        let unknown = self.attempt(raises, &mut outcome).await;
        if !unknown.is_empty() {
            let pairs: Vec<Pair> = unknown.iter().map(|mark| (mark.room_id, mark.user_id)).collect();
            let floors: HashMap<Pair, PlacedMark> =
                self.floors(&pairs).await.into_iter().map(|floor| ((floor.room_id, floor.user_id), floor)).collect();
            let with_floor = |mark: PlacedMark| {
                let floor = floors.get(&(mark.room_id, mark.user_id))?;
                Some(Raise { mark, floor: Some(*floor) })
            };
            let raises: Vec<Raise> = unknown.into_iter().filter_map(with_floor).collect();
            self.attempt(&raises, &mut outcome).await;
        }
        outcome
    }

    /// Makes Redis know where these marks are in the database. Returns those that are the farthest known; nothing while Redis or PostgreSQL is
    /// away.
    pub async fn catch_up(&mut self, pairs: &[Pair]) -> Vec<PlacedMark> {
        let stored = if pairs.is_empty() { Vec::new() } else { self.floors(pairs).await };
        if stored.is_empty() {
            if !pairs.is_empty() {
                self.marks.forget();
            }
            return stored;
        }
        let raises: Vec<Raise> = stored.iter().map(|&mark| Raise { mark, floor: Some(mark) }).collect();
        let raised = self.redis.attempt(|| self.marks.raise(&raises)).await.unwrap_or_default();
        let farthest = |(mark, raised): (PlacedMark, Raised)| match raised {
            Raised::Behind(known) if known.seq == mark.seq => Some(mark),
            _ => None,
        };
        stored.into_iter().zip(raised).filter_map(farthest).collect()
    }

    /// Those that Redis could not decide.
    async fn attempt(&mut self, raises: &[Raise], outcome: &mut Outcome) -> Vec<PlacedMark> {
        let mut unknown = Vec::new();
        if raises.is_empty() {
            return unknown;
        }
        let Some(raised) = self.redis.attempt(|| self.marks.raise(raises)).await else { return unknown };
        for (raise, raised) in raises.iter().zip(raised) {
            match raised {
                Raised::Moved => outcome.moved.push(raise.mark),
                Raised::Behind(_) => outcome.behind += 1,
                Raised::Unknown => unknown.push(raise.mark),
            }
        }
        unknown
    }

    /// Where members' marks are in the database; nothing while it is away.
    async fn floors(&mut self, pairs: &[Pair]) -> Vec<PlacedMark> {
        let ask = || async {
            let placed = tokio::time::timeout(FLOOR_WITHIN, self.store.placed_marks(pairs)).await??;
            Ok::<_, NoFloors>(placed)
        };
        self.postgres.attempt(ask).await.unwrap_or_default()
    }
}
