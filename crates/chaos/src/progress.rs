//! What is told while a run is under way: a line for every phase, colours only on a terminal.

use std::{
    io::{IsTerminal as _, stdout},
    time::Instant,
};

use crate::plan::Cell;

#[derive(Debug, Clone, Copy)]
pub struct Progress {
    started: Instant,
    colours: bool,
}

impl Progress {
    pub fn start() -> Self {
        Self { started: Instant::now(), colours: stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    pub fn colours(&self) -> bool {
        self.colours
    }

    pub fn cell(&self, number: usize, all: usize, cell: Cell, seed: u64) {
        println!("{}", self.bold(&format!("[{number}/{all}] {} of {}, seed {seed}", cell.what(), cell.subject)));
    }

    pub fn step(&self, what: &str) {
        let seconds = self.started.elapsed().as_secs();
        println!("  {} {what}", self.dim(&format!("{:>3}:{:02}", seconds / 60, seconds % 60)));
    }

    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
