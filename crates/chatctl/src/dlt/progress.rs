//! How far a long topic has been read; only on a terminal.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

const REDRAW_AFTER: Duration = Duration::from_millis(250);

/// A line on standard error that is gone when this is dropped.
pub struct Progress<'a> {
    topic: &'a str,
    total: u64,
    read: u64,
    /// The next time to draw; `None` where nobody looks.
    due: Option<Instant>,
    drawn: bool,
}

impl<'a> Progress<'a> {
    pub fn new(topic: &'a str, total: u64) -> Self {
        let due = std::io::stderr().is_terminal().then(|| Instant::now() + REDRAW_AFTER);
        Self { topic, total, read: 0, due, drawn: false }
    }

    pub fn step(&mut self) {
        self.read += 1;
        if self.due.is_some_and(|due| Instant::now() >= due) {
            let percent = (self.read * 100).checked_div(self.total).unwrap_or(100).min(100);
            eprint!("\r\x1b[K{}: {} of {} records, {percent} %", self.topic, self.read, self.total);
            // Nothing is lost with a line of progress.
            std::io::stderr().flush().ok();
            self.due = Some(Instant::now() + REDRAW_AFTER);
            self.drawn = true;
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.drawn {
            eprint!("\r\x1b[K");
        }
    }
}
