//! One way in one place, measured once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chat_protocol::{RoomId, UserId};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    Case, Row, Scene, Strategy,
    redis::{FLUSH_EVERY, Marks},
    strategy::Marker,
};
use crate::{
    cpu::{self, Used},
    figures::Times,
};

/// What came of it.
#[derive(Debug, Default)]
pub struct Cell {
    /// From asking to being told, for each mark.
    pub times: Times,
    /// From the first question to the last answer.
    pub took: Duration,
    /// Tries that came to nothing.
    pub retries: u64,
    /// Writes that took a mark in PostgreSQL back, counted there: each has lost what another had written.
    pub taken_back: usize,
    /// Marks that a reader found below what had been acknowledged before it asked: they went down before its eyes.
    pub seen_going_down: usize,
    /// Marks that are behind what was acknowledged when everything is done, in PostgreSQL or in Redis.
    pub behind: usize,
    /// CPU time, until everything is in PostgreSQL.
    pub cpu: Used,
}

impl Cell {
    /// Marks that were lost, in whatever way it shows.
    pub fn lost(&self) -> usize {
        self.taken_back + self.seen_going_down + self.behind
    }
}

/// Lets readers read for so long.
pub async fn run(
    scene: &Scene,
    case: Case,
    readers: usize,
    strategy: Strategy,
    limit: Duration,
) -> anyhow::Result<Cell> {
    let redis = scene.begin_again(case).await?;
    let (marker, marks) = Marker::new(strategy, scene, redis);
    warm_up(scene, case, readers, &marker).await?;

    let before = scene.processes.used();
    let over = Arc::new(AtomicBool::new(false));
    let flusher = marks.clone().map(|marks| tokio::spawn(flush(marks, Arc::clone(&over))));
    let started = Instant::now();
    let mut reading = JoinSet::new();
    for number in 0..readers {
        let rows = shared(scene.rows(case), number, readers);
        reading.spawn(read(rows, marker.clone(), Arc::clone(&over)));
    }
    let stop = {
        let over = Arc::clone(&over);
        tokio::spawn(async move {
            sleep(limit).await;
            over.store(true, Ordering::Relaxed);
        })
    };
    let mut cell = Cell::default();
    while let Some(read) = reading.join_next().await {
        let read = read??;
        cell.times.extend(read.times);
        cell.retries += read.retries;
        cell.seen_going_down += read.seen_going_down;
    }
    cell.took = started.elapsed();
    stop.abort();
    over.store(true, Ordering::Relaxed);
    if let Some(flusher) = flusher {
        flusher.await??;
    }
    cell.cpu = cpu::between(&before, &scene.processes.used());
    cell.taken_back = scene.taken_back().await?;
    let rows = scene.rows(case);
    cell.behind = behind(rows, &scene.stored().await?);
    if let Some(marks) = marks {
        let rooms = rows.iter().map(|row| row.room_id).collect();
        cell.behind += behind(rows, &marks.read(rooms).await?);
    }
    Ok(cell)
}

/// Marks that are below what a reader was told. Those of which nobody was told anything may be missing.
fn behind(rows: &[Arc<Row>], marks: &BTreeMap<(RoomId, UserId), i64>) -> usize {
    let told = rows.iter().filter(|row| row.acknowledged() > 1);
    told.filter(|row| marks.get(&(row.room_id, row.user_id)) < Some(&row.acknowledged())).count()
}

/// The rows that are one reader's: all of them share the only one there is; else each has its own.
fn shared(rows: &[Arc<Row>], number: usize, readers: usize) -> Vec<Arc<Row>> {
    match rows {
        [only] => vec![Arc::clone(only)],
        rows => rows.iter().skip(number).step_by(readers).cloned().collect(),
    }
}

/// A mark on every row by as many at a time as there will be, so that connections are open and every pair was met.
async fn warm_up(scene: &Scene, case: Case, readers: usize, marker: &Marker) -> anyhow::Result<()> {
    let mut marking = JoinSet::new();
    for number in 0..readers {
        let (rows, marker) = (shared(scene.rows(case), number, readers), marker.clone());
        marking.spawn(async move {
            for row in rows {
                marker.mark(&row, 1).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(marked) = marking.join_next().await {
        marked??;
    }
    Ok(())
}

/// Row after row in turn, each mark when the one before was answered.
async fn read(rows: Vec<Arc<Row>>, marker: Marker, over: Arc<AtomicBool>) -> anyhow::Result<Cell> {
    let mut cell = Cell::default();
    for row in rows.iter().cycle() {
        let Some(seq) = row.take() else { break };
        let acknowledged = row.acknowledged();
        let asked = Instant::now();
        let marked = marker.mark(row, seq).await?;
        cell.times.add(asked.elapsed());
        row.acknowledge(seq);
        cell.retries += marked.retries;
        cell.seen_going_down += usize::from(marked.found.is_some_and(|found| found < acknowledged));
        if over.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(cell)
}

/// Until it is over, and once more.
async fn flush(marks: Arc<Marks>, over: Arc<AtomicBool>) -> anyhow::Result<()> {
    let mut tick = interval(FLUSH_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let last = over.load(Ordering::Relaxed);
        marks.flush().await?;
        if last {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    #[test]
    fn a_mark_below_what_was_told_or_missing_is_behind() {
        let random = &mut StdRng::seed_from_u64(1);
        let mut row = || Arc::new(Row::new(RoomId::generate(), UserId::generate(), 9, random));
        let rows = [row(), row(), row(), row()];
        for (row, told) in rows.iter().zip([5, 5, 5, 1]) {
            row.acknowledge(told);
        }
        let stored = [(&rows[0], 5), (&rows[1], 4)].map(|(row, seq)| ((row.room_id, row.user_id), seq));
        assert_eq!(behind(&rows, &stored.into()), 2, "one is lower, one is missing, of one nothing was told");
    }

    #[test]
    fn readers_share_the_only_row_and_no_other() {
        let random = &mut StdRng::seed_from_u64(1);
        let rows: Vec<_> =
            (0..5).map(|_| Arc::new(Row::new(RoomId::generate(), UserId::generate(), 9, random))).collect();
        assert_eq!([0, 7].map(|number| shared(&rows[..1], number, 8).len()), [1, 1]);
        assert_eq!([0, 1, 2].map(|number| shared(&rows, number, 3).len()), [2, 2, 1]);
    }
}
