//! What is told while a run is under way: a line for every phase, colours only on a terminal.

use std::{
    io::{IsTerminal as _, Write as _, stdout},
    time::Instant,
};

use crate::script::Script;

#[derive(Debug, Clone, Copy)]
pub struct Progress {
    started: Instant,
    terminal: bool,
    colours: bool,
}

impl Progress {
    pub fn start() -> Self {
        let terminal = stdout().is_terminal();
        Self { started: Instant::now(), terminal, colours: terminal && std::env::var_os("NO_COLOR").is_none() }
    }

    pub fn colours(&self) -> bool {
        self.colours
    }

    pub fn run(&self, number: usize, all: usize, script: &Script, seed: u64) {
        let faults = script.steps.len();
        let faults = if faults == 1 { String::new() } else { format!(", {faults} faults") };
        println!("{}", self.bold(&format!("[{number}/{all}] {}{faults}, seed {seed}", script.name)));
    }

    /// A line that the next one replaces; only on a terminal.
    pub fn live(&self, what: &str) {
        if self.terminal {
            print!("\r\x1b[2K  {} {what}", self.dim(&self.elapsed()));
            // Nothing is lost but a line of comfort.
            drop(stdout().flush());
        }
    }

    pub fn step(&self, what: &str) {
        let clear = if self.terminal { "\r\x1b[2K" } else { "" };
        println!("{clear}  {} {what}", self.dim(&self.elapsed()));
    }

    fn elapsed(&self) -> String {
        let seconds = self.started.elapsed().as_secs();
        format!("{:>3}:{:02}", seconds / 60, seconds % 60)
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
