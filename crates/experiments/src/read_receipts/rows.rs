//! The marks that are raised.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use chat_protocol::{RoomId, UserId};
use rand::{rngs::StdRng, seq::SliceRandom as _};

/// Seqs that change places with each other. People read on, some of their marks arrive late: were all seqs in any order, soon none would
/// move anything any more.
const SHUFFLED: usize = 8;

/// One member's mark in one room, and the seqs to which it is raised, each once.
#[derive(Debug)]
pub struct Row {
    /// Where.
    pub room_id: RoomId,
    /// Whose.
    pub user_id: UserId,
    order: Vec<i64>,
    taken: AtomicUsize,
    acknowledged: AtomicI64,
}

impl Row {
    /// Seqs 2 up to `head` in an order of its own.
    pub fn new(room_id: RoomId, user_id: UserId, head: i64, random: &mut StdRng) -> Self {
        let mut order: Vec<i64> = (2..=head).collect();
        for some in order.chunks_mut(SHUFFLED) {
            some.shuffle(random);
        }
        Self { room_id, user_id, order, taken: AtomicUsize::new(0), acknowledged: AtomicI64::new(1) }
    }

    /// The next seq to raise the mark to, for one reader alone; nothing when there are no more.
    pub fn take(&self) -> Option<i64> {
        self.order.get(self.taken.fetch_add(1, Ordering::Relaxed)).copied()
    }

    /// A reader was told that the mark is at least there.
    pub fn acknowledge(&self, seq: i64) {
        self.acknowledged.fetch_max(seq, Ordering::SeqCst);
    }

    /// The highest of what readers were told.
    pub fn acknowledged(&self) -> i64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Nothing was raised yet.
    pub fn begin_again(&self) {
        self.taken.store(0, Ordering::Relaxed);
        self.acknowledged.store(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn every_seq_is_taken_once_and_near_its_turn() {
        let row = Row::new(RoomId::generate(), UserId::generate(), 100, &mut StdRng::seed_from_u64(1));
        let taken: Vec<i64> = std::iter::from_fn(|| row.take()).collect();
        assert_eq!(taken.iter().copied().collect::<BTreeSet<_>>(), (2..=100).collect());
        assert_eq!(taken.len(), 99);
        assert!(taken.iter().zip(2..).all(|(seq, turn)| (seq - turn).abs() < 8), "{taken:?}");
        assert!(taken.is_sorted_by_key(|seq| (seq - 2) / 8) && !taken.is_sorted());
        row.begin_again();
        assert_eq!(row.take(), Some(taken[0]));
    }

    #[test]
    fn what_was_acknowledged_only_grows() {
        let row = Row::new(RoomId::generate(), UserId::generate(), 2, &mut StdRng::seed_from_u64(1));
        row.acknowledge(7);
        row.acknowledge(3);
        assert_eq!(row.acknowledged(), 7);
    }
}
