//! Every order of two readers who keep what they read, of changes, and of those who tell them: what is kept is never older than what was
//! told. And the same with rules left out, where it is.

use std::collections::HashSet;

/// What the cache does.
#[expect(clippy::struct_excessive_bools, reason = "each is a rule to be left out by itself")]
#[derive(Debug, Clone, Copy)]
struct Rules {
    /// A write needs its lease.
    checks_lease: bool,
    /// A drop ends leases too.
    drops_leases: bool,
    /// Parts are dropped before, not after it is told.
    drops_first: bool,
    /// The lease is taken before the database is read.
    leases_first: bool,
}

const REAL: Rules = Rules { checks_lease: true, drops_leases: true, drops_first: true, leases_first: true };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Cell {
    Empty,
    Lease(usize),
    Part(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Reader {
    leased: bool,
    read: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    committed: u8,
    /// The commit that is being told, by somebody who has done the first of two steps.
    telling: Option<u8>,
    told: u8,
    cell: Cell,
    readers: [Reader; 2],
}

const COMMITS: u8 = 3;

impl Rules {
    fn drop_part(self, cell: Cell) -> Cell {
        match cell {
            Cell::Lease(_) if !self.drops_leases => cell,
            _ => Cell::Empty,
        }
    }

    fn next(self, state: State) -> Vec<State> {
        let mut next = Vec::new();
        let mut push = |change: &dyn Fn(&mut State)| {
            let mut state = state;
            change(&mut state);
            next.push(state);
        };
        if state.committed < COMMITS {
            push(&|state| state.committed += 1);
        }
        match state.telling {
            None if state.told < state.committed => push(&|state| {
                state.telling = Some(state.committed);
                if self.drops_first { state.cell = self.drop_part(state.cell) } else { state.told = state.committed }
            }),
            None => {}
            Some(seq) => push(&|state| {
                state.telling = None;
                if self.drops_first { state.told = seq } else { state.cell = self.drop_part(state.cell) }
            }),
        }
        push(&|state| state.cell = Cell::Empty);
        for (index, reader) in state.readers.iter().enumerate() {
            let may_lease = !reader.leased && (self.leases_first || reader.read.is_some());
            if may_lease && state.cell == Cell::Empty {
                push(&|state| {
                    state.cell = Cell::Lease(index);
                    state.readers[index].leased = true;
                });
            }
            if reader.read.is_none() && (reader.leased || !self.leases_first) {
                push(&|state| state.readers[index].read = Some(state.committed));
            }
            if let (true, Some(read)) = (reader.leased, reader.read) {
                push(&|state| {
                    if !self.checks_lease || state.cell == Cell::Lease(index) {
                        state.cell = Cell::Part(read);
                    }
                    // The next lease is another one.
                    state.readers[index] = Reader::default();
                });
            }
        }
        next
    }

    /// A state in which the cache serves what is older than what was told; and how many states there are.
    fn stale(self) -> (Option<State>, usize) {
        let first = State { committed: 0, telling: None, told: 0, cell: Cell::Empty, readers: [Reader::default(); 2] };
        let (mut seen, mut open) = (HashSet::from([first]), vec![first]);
        while let Some(state) = open.pop() {
            if matches!(state.cell, Cell::Part(part) if part < state.told) {
                return (Some(state), seen.len());
            }
            open.extend(self.next(state).into_iter().filter(|state| seen.insert(*state)));
        }
        (None, seen.len())
    }
}

#[test]
fn no_order_leaves_a_part_that_is_older_than_what_was_told() {
    let (stale, states) = REAL.stale();
    assert_eq!(stale, None);
    assert!(states > 1_000, "{states}");
}

#[test]
fn each_rule_is_needed() {
    for broken in [
        Rules { checks_lease: false, ..REAL },
        Rules { drops_leases: false, ..REAL },
        Rules { drops_first: false, ..REAL },
        Rules { leases_first: false, ..REAL },
    ] {
        assert!(broken.stale().0.is_some(), "{broken:?}");
    }
}
