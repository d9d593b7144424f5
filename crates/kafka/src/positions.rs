//! Which partitions this process owns, how far each is processed, and how far that is committed.

use std::collections::{BTreeMap, HashMap};

/// One owned partition.
#[derive(Debug)]
struct Slot {
    /// Tells this assignment of the partition from an earlier one.
    epoch: u64,
    /// First offset not processed, once something was.
    processed: Option<i64>,
    /// The position last handed to a commit.
    committed: Option<i64>,
}

/// Positions of the owned partitions.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    topics: HashMap<String, BTreeMap<i32, Slot>>,
    last_epoch: u64,
}

/// A position to commit: topic, partition, first offset not processed.
pub(crate) type Position = (String, i32, i64);

impl Positions {
    pub fn assign(&mut self, topic: &str, partition: i32) {
        self.last_epoch += 1;
        let slot = Slot { epoch: self.last_epoch, processed: None, committed: None };
        self.topics.entry(topic.to_owned()).or_default().insert(partition, slot);
    }

    /// Gives a partition up; returns what is processed but not yet committed.
    pub fn revoke(&mut self, topic: &str, partition: i32) -> Option<i64> {
        let slot = self.topics.get_mut(topic)?.remove(&partition)?;
        slot.processed.filter(|_| slot.processed != slot.committed)
    }

    /// The epoch of a partition, if it is owned.
    pub fn epoch(&self, topic: &str, partition: i32) -> Option<u64> {
        self.topics.get(topic)?.get(&partition).map(|slot| slot.epoch)
    }

    /// Marks a partition processed up to (not including) `next`, if it is still owned under that epoch.
    pub fn processed(&mut self, topic: &str, partition: i32, epoch: u64, next: i64) {
        if let Some(slot) = self.topics.get_mut(topic).and_then(|slots| slots.get_mut(&partition))
            && slot.epoch == epoch
        {
            slot.processed = slot.processed.max(Some(next));
        }
    }

    /// Whether [`Self::take_uncommitted`] would return something.
    pub fn has_uncommitted(&self) -> bool {
        self.topics.values().flat_map(BTreeMap::values).any(|slot| slot.processed != slot.committed)
    }

    /// The positions to commit now; they count as committed unless [`Self::commit_failed`] follows.
    pub fn take_uncommitted(&mut self) -> Vec<Position> {
        let mut positions = Vec::new();
        for (topic, slots) in &mut self.topics {
            for (partition, slot) in slots {
                if let Some(next) = slot.processed.filter(|_| slot.processed != slot.committed) {
                    slot.committed = slot.processed;
                    positions.push((topic.clone(), *partition, next));
                }
            }
        }
        positions
    }

    /// A commit of this partition failed: its position is due again.
    pub fn commit_failed(&mut self, topic: &str, partition: i32) {
        if let Some(slot) = self.topics.get_mut(topic).and_then(|slots| slots.get_mut(&partition)) {
            slot.committed = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned() -> (Positions, u64) {
        let mut positions = Positions::default();
        positions.assign("t", 3);
        let epoch = positions.epoch("t", 3).unwrap();
        (positions, epoch)
    }

    #[test]
    fn only_what_was_processed_is_committed_and_only_once() {
        let (mut positions, epoch) = owned();
        assert!(!positions.has_uncommitted());
        positions.processed("t", 3, epoch, 8);
        positions.processed("t", 3, epoch, 5);
        assert_eq!(positions.take_uncommitted(), [("t".to_owned(), 3, 8)]);
        assert!(!positions.has_uncommitted());
        assert_eq!(positions.revoke("t", 3), None);
    }

    #[test]
    fn a_failed_commit_is_due_again() {
        let (mut positions, epoch) = owned();
        positions.processed("t", 3, epoch, 8);
        positions.take_uncommitted();
        positions.commit_failed("t", 3);
        assert_eq!(positions.revoke("t", 3), Some(8));
    }

    #[test]
    fn work_of_an_earlier_assignment_marks_nothing() {
        let (mut positions, old) = owned();
        positions.revoke("t", 3);
        positions.processed("t", 3, old, 8);
        assert_eq!(positions.epoch("t", 3), None);
        positions.assign("t", 3);
        positions.processed("t", 3, old, 8);
        assert!(!positions.has_uncommitted());
    }
}
