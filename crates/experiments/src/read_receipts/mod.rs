//! Which way to move a read mark forward loses none, and what does it cost?
//!
//! A mark is one row: `(room, user) -> seq`, which must only grow. Readers raise marks as fast as they are answered, each row through a
//! permutation of its seqs, in several ways ([`Strategy`]) and places ([`Case`]). What is lost is counted three times, each independent of
//! the others ([`cell::Cell`]).

pub mod cell;
mod postgres;
mod redis;
mod report;
mod rows;
mod scene;
mod strategy;

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;

use self::cell::Cell;
pub use self::{
    report::{faults, markdown},
    rows::Row,
    scene::{Place, Scene},
    strategy::Strategy,
};

/// Where the readers meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// All raise one and the same mark: one row in PostgreSQL, one field in Redis.
    OneMark,
    /// All read one room, each as another member: rows beside each other, one hash in Redis.
    OneRoom,
    /// Each reads rooms of its own.
    ManyRooms,
}

impl Case {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OneMark, Self::OneRoom, Self::ManyRooms];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneMark => "one mark",
            Self::OneRoom => "one room, a mark each",
            Self::ManyRooms => "many rooms",
        }
    }
}

/// What is measured, and for how long.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where PostgreSQL and Redis are.
    pub place: Place,
    /// The folder of the native stack that they run in, for their CPU time.
    pub stack: Option<PathBuf>,
    /// Readers at the same time.
    pub readers: Vec<usize>,
    /// Where they meet.
    pub cases: Vec<Case>,
    /// In which ways they are answered.
    pub strategies: Vec<Strategy>,
    /// How often everything is measured.
    pub rounds: usize,
    /// How long each time.
    pub cell: Duration,
}

/// Everything that was measured in one way in one place.
#[derive(Debug)]
pub struct Line {
    /// Where the readers met.
    pub case: Case,
    /// How many they were.
    pub readers: usize,
    /// How they were answered.
    pub strategy: Strategy,
    /// What was measured, round by round.
    pub cells: Vec<Cell>,
}

/// Measures everything, one way after the other in each round, so that what disturbs the machine disturbs all ways alike. Tells what it does.
pub async fn run(settings: &Settings, tell: impl Fn(&str)) -> anyhow::Result<Vec<Line>> {
    tell("filling rooms …");
    let scene = Scene::open(&settings.place, settings.stack.as_deref()).await?;
    // An interrupt ends the measuring, not the cleaning up.
    let measured = tokio::select! {
        measured = measure(settings, &scene, tell) => measured,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    scene.drop().await.context("the schema could not be dropped")?;
    measured
}

async fn measure(settings: &Settings, scene: &Scene, tell: impl Fn(&str)) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for case in &settings.cases {
        for readers in &settings.readers {
            let line =
                |strategy: &Strategy| Line { case: *case, readers: *readers, strategy: *strategy, cells: Vec::new() };
            lines.extend(settings.strategies.iter().map(line));
        }
    }
    let all = lines.len() * settings.rounds;
    for round in 0..settings.rounds {
        for (number, line) in lines.iter_mut().enumerate() {
            let done = round * (all / settings.rounds) + number;
            let (case, strategy) = (line.case.name(), line.strategy.name());
            tell(&format!("{} of {all}: {case}, {} readers, {strategy} …", done + 1, line.readers));
            let cell = cell::run(scene, line.case, line.readers, line.strategy, settings.cell);
            line.cells.push(cell.await.with_context(|| format!("{case}, {} readers, {strategy}", line.readers))?);
        }
    }
    Ok(lines)
}
