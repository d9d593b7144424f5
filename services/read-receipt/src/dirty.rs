//! What was taken, and perhaps told, and is not in PostgreSQL yet: bounded in records and in age.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chat_kafka::Record;
use chat_protocol::{MarkRead, PlacedMark, RoomId, UserId};
use chat_store::Mark;

/// Whose mark, and where.
pub type Pair = (RoomId, UserId);

/// A mark, and the record it came in.
#[derive(Debug, Clone)]
pub struct Taken {
    pub record: Record,
    pub mark: MarkRead,
}

/// A mark that moved in Redis.
#[derive(Debug, Clone, Copy)]
pub struct Raised {
    pub mark: PlacedMark,
    /// Whether the room was told.
    pub told: bool,
}

/// Marks to store together, and the batches that are done with it.
#[derive(Debug)]
pub struct Load<B> {
    pub batches: Vec<B>,
    pub marks: Vec<Taken>,
}

/// The marks between Redis and PostgreSQL. One load is under way at most; the next one is collected meanwhile.
#[derive(Debug)]
pub struct Dirty<B> {
    flush_every: Duration,
    most: usize,
    collected: Load<B>,
    collected_records: usize,
    collected_raised: BTreeMap<Pair, Raised>,
    /// When the oldest of the collected came.
    since: Option<Instant>,
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    records: usize,
    raised: BTreeMap<Pair, Raised>,
}

impl<B> Dirty<B> {
    /// Flushed when the oldest mark is this old, or half of the `most` records have come; more than `most` are not taken, but for the last batch.
    pub fn new(flush_every: Duration, most: usize) -> Self {
        Self {
            flush_every,
            most,
            collected: Load { batches: Vec::new(), marks: Vec::new() },
            collected_records: 0,
            collected_raised: BTreeMap::new(),
            since: None,
            under_way: None,
        }
    }

    /// Adds a batch of `records`, of which these are marks, and these moved in Redis.
    pub fn collect(&mut self, batch: B, records: usize, marks: Vec<Taken>, raised: &[Raised], now: Instant) {
        self.collected.batches.push(batch);
        self.collected.marks.extend(marks);
        self.collected_records += records;
        self.since.get_or_insert(now);
        for raised in raised {
            let pair = (raised.mark.room_id, raised.mark.user_id);
            let ahead = |known: &Raised| known.mark.seq < raised.mark.seq;
            if self.collected_raised.get(&pair).is_none_or(ahead) {
                self.collected_raised.insert(pair, *raised);
            }
        }
    }

    /// Records that are not stored.
    pub fn records(&self) -> usize {
        self.collected_records + self.under_way.as_ref().map_or(0, |load| load.records)
    }

    /// Whether another batch may be taken.
    pub fn has_room(&self) -> bool {
        self.records() < self.most
    }

    /// When what is collected is to be stored; not while another load is under way.
    pub fn due(&self) -> Option<Instant> {
        let since = self.since.filter(|_| self.under_way.is_none())?;
        let enough = self.collected_records * 2 >= self.most;
        Some(if enough { since } else { since + self.flush_every })
    }

    /// What is collected, to be stored now. [`Self::stored`] ends it.
    pub fn take(&mut self) -> Option<Load<B>> {
        self.since.take()?;
        let raised = std::mem::take(&mut self.collected_raised);
        self.under_way = Some(UnderWay { records: std::mem::take(&mut self.collected_records), raised });
        Some(std::mem::replace(&mut self.collected, Load { batches: Vec::new(), marks: Vec::new() }))
    }

    /// The farthest mark of a member that moved in Redis and may not be in PostgreSQL yet: a floor, should Redis have lost it.
    pub fn floor(&self, pair: Pair) -> Option<PlacedMark> {
        let under_way = self.under_way.as_ref().and_then(|load| load.raised.get(&pair));
        let farthest = self.collected_raised.get(&pair).into_iter().chain(under_way).max_by_key(|known| known.mark.seq);
        farthest.map(|known| known.mark)
    }

    /// The load under way is stored, and these marks moved with it. Returns those of them that nobody was told of by this process.
    pub fn stored(&mut self, moved: &[Mark]) -> Vec<Pair> {
        let raised = self.under_way.take().map(|load| load.raised).unwrap_or_default();
        let told = |mark: &Mark| {
            let known = raised.get(&(mark.room_id, mark.user_id));
            known.is_some_and(|known| known.told && known.mark.seq >= mark.seq)
        };
        let mut untold: Vec<Pair> =
            moved.iter().filter(|mark| !told(mark)).map(|mark| (mark.room_id, mark.user_id)).collect();
        untold.sort_unstable();
        untold.dedup();
        untold
    }
}

#[cfg(test)]
mod tests;
