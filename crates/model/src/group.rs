//! A consumer group of two processes on one partition. The one that lost the partition does not know it: a zombie.

/// The group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Group<W> {
    /// The next offset, as the coordinator has it.
    pub committed: usize,
    /// Who has the partition.
    pub owner: usize,
    /// The processes.
    pub workers: [Worker<W>; 2],
}

/// A process of the group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Worker<W> {
    /// Whether it believes that it has the partition.
    pub assigned: bool,
    /// Offset of what it has in hand, or takes next.
    pub position: usize,
    /// What it works on.
    pub hand: Option<W>,
}

impl<W> Default for Group<W> {
    /// The first process has the partition.
    fn default() -> Self {
        let worker = |assigned| Worker { assigned, position: 0, hand: None };
        Self { committed: 0, owner: 0, workers: [worker(true), worker(false)] }
    }
}

impl<W> Group<W> {
    /// Whether a process can read the next record of a topic with `length` records.
    pub fn may_take(&self, worker: usize, length: usize) -> bool {
        let worker = &self.workers[worker];
        worker.assigned && worker.hand.is_none() && worker.position < length
    }

    /// The process is done with its record and commits the offset; a zombie learns that it is one.
    pub fn commit(&mut self, worker: usize, fenced: bool) {
        let owner = self.owner == worker;
        let it = &mut self.workers[worker];
        it.hand = None;
        it.position += 1;
        if owner || !fenced {
            self.committed = it.position;
        }
        if !owner {
            *it = Worker { assigned: false, position: 0, hand: None };
        }
    }

    /// The offset of what is in hand, committed too early ([`crate::Rules::commit_last`]).
    pub fn commit_early(&mut self, worker: usize) {
        if self.owner == worker {
            self.committed = self.workers[worker].position + 1;
        }
    }

    /// The process dies and starts again: what it had in hand is gone, and it begins at the committed offset.
    pub fn crash(&mut self, worker: usize) {
        let owner = self.owner == worker;
        let position = if owner { self.committed } else { 0 };
        self.workers[worker] = Worker { assigned: owner, position, hand: None };
    }

    /// Whether the partition can go to the other process: one whose hands are free.
    pub fn may_move(&self) -> bool {
        self.workers[1 - self.owner].hand.is_none()
    }

    /// The partition goes to the other process; the one that had it goes on with what it has in hand.
    pub fn change_owner(&mut self) {
        self.owner = 1 - self.owner;
        self.workers[self.owner] = Worker { assigned: true, position: self.committed, hand: None };
    }

    /// Whether a process works on although it lost the partition.
    pub fn has_zombie(&self) -> bool {
        self.workers[1 - self.owner].hand.is_some()
    }
}
