//! What is done to the system in a run, and for how long people talk around it.

use std::time::Duration;

use crate::plan::Cell;

/// How long the parts of a run are.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub warm_up: Duration,
    /// The fault comes at a moment within this.
    pub spread: Duration,
    /// Whether load goes on until the budget of the fault is used up; if not, what is late shows while everybody waits for the consumers.
    pub whole_budget: bool,
    /// Load goes on for this long after that.
    pub longer: Duration,
    /// Longer than the gateways take to compare heads.
    pub silence: Duration,
    /// Fewer acknowledged sends, and fewer resumed subscriptions, prove nothing.
    pub min_ok: u64,
    pub resumes: u64,
}

impl Timing {
    pub const NORMAL: Self = Self {
        warm_up: Duration::from_secs(10),
        spread: Duration::from_secs(3),
        whole_budget: true,
        longer: Duration::from_secs(6),
        silence: Duration::from_secs(10),
        min_ok: 300,
        resumes: 10,
    };
    /// For every run of the tests.
    pub const SHORT: Self = Self {
        warm_up: Duration::from_secs(5),
        spread: Duration::from_secs(1),
        whole_budget: false,
        longer: Duration::from_secs(6),
        silence: Duration::from_secs(7),
        min_ok: 100,
        resumes: 5,
    };
}

/// A fault, and how long load goes on when its budget is used up.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub cell: Cell,
    pub pause: Duration,
}

/// What is done to the system while people talk.
#[derive(Debug)]
pub struct Script {
    pub name: String,
    pub steps: Vec<Step>,
    /// The whole run takes no longer, or something hangs.
    pub limit: Duration,
    /// Draw what was measured.
    pub plot: bool,
}

impl Script {
    /// One fault.
    pub fn of(cell: Cell, timing: Timing) -> Self {
        let steps = vec![Step { cell, pause: timing.longer }];
        Self { name: cell.name(), steps, limit: Duration::from_mins(5), plot: false }
    }

    /// The fault if there is only one.
    pub fn only(&self) -> Option<Cell> {
        if let [step] = &self.steps[..] { Some(step.cell) } else { None }
    }
}
