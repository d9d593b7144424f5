//! A soak: one load, and one fault after the other for as long as was asked for.

use std::time::Duration;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

use crate::{
    plan::{Action, Cell, Subject},
    script::{Script, Step},
};

/// Between the end of a budget and the next fault: calm, so that deliveries away from faults are judged too.
const CALM: std::ops::Range<Duration> = Duration::from_secs(8)..Duration::from_secs(20);
/// Stopping and starting a store.
const SWITCHING: Duration = Duration::from_secs(4);
/// Start, quiesce, silence, last reads and dumps, beside the load.
const AROUND: Duration = Duration::from_mins(5);

/// Whether it can come and go in the middle of a run: what is killed for good would be missing for the rest, and cuts and full disks need proxies
/// and mounts from the start.
fn fits(cell: Cell) -> bool {
    let action = matches!(cell.action(), Action::Kill { start_again: true } | Action::Pause | Action::Restart);
    action && matches!(cell.subject, Subject::One(_))
}

/// The faults that fit into the time, drawn from the seed. All that can be done is done once before anything is done again, each time in another
/// order.
pub fn script(cells: &[Cell], length: Duration, seed: u64) -> Script {
    let cells: Vec<Cell> = cells.iter().copied().filter(|cell| fits(*cell)).collect();
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut steps, mut takes, mut round) = (Vec::new(), Duration::ZERO, Vec::new());
    while !cells.is_empty() {
        if round.is_empty() {
            round.clone_from(&cells);
            round.shuffle(&mut rng);
        }
        let Some(cell) = round.pop() else { break };
        let pause = rng.random_range(CALM);
        takes += duration(cell) + cell.budget() + pause;
        if takes > length && !steps.is_empty() {
            break;
        }
        steps.push(Step { cell, pause });
    }
    Script { name: "soak".to_owned(), steps, limit: length * 2 + AROUND, plot: true }
}

fn duration(cell: Cell) -> Duration {
    let switched = cell.subject.components().iter().any(|it| it.is_infra()) && cell.action() != Action::Pause;
    cell.spec().hold + if switched { SWITCHING } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::cells;

    fn names(script: &Script) -> Vec<String> {
        script.steps.iter().map(|step| step.cell.name()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_faults_in_the_same_order() {
        let half_an_hour = Duration::from_mins(30);
        let one = script(&cells(&[], &[], &[]), half_an_hour, 1);
        assert_eq!(names(&one), names(&script(&cells(&[], &[], &[]), half_an_hour, 1)));
        assert_ne!(names(&one), names(&script(&cells(&[], &[], &[]), half_an_hour, 2)));
    }

    #[test]
    fn everything_is_done_once_before_anything_is_done_again_and_nothing_goes_for_good() {
        let one = script(&cells(&[], &[], &[]), Duration::from_hours(1), 1);
        let done = names(&one);
        let all = 8 * 4;
        let mut first = done[..all].to_vec();
        first.sort();
        first.dedup();
        assert_eq!(first.len(), all);
        assert!(!done.iter().any(|name| name.contains("stay")));
        let takes: Duration = one.steps.iter().map(|it| duration(it.cell) + it.cell.budget() + it.pause).sum();
        assert!(takes <= Duration::from_hours(1) && takes > Duration::from_mins(58), "{takes:?}");
    }
}
