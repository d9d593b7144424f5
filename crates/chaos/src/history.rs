//! The history of a run, shared by all its clients. What cannot be written fails the run at its end, not in the middle of a client.

use std::{
    fmt::Display,
    path::Path,
    sync::{Mutex, PoisonError},
};

use anyhow::bail;
use chat_checker::{
    Recorder, RunClock,
    history::{Event, Op, Outcome, Record, Section},
};

#[derive(Debug)]
pub struct History {
    recorder: Recorder,
    broken: Mutex<Option<String>>,
}

impl History {
    pub fn create(path: &Path, clock: RunClock) -> anyhow::Result<Self> {
        Ok(Self { recorder: Recorder::create(path, clock)?, broken: Mutex::new(None) })
    }

    pub fn clock(&self) -> RunClock {
        self.recorder.clock()
    }

    /// An event that happens now.
    pub fn event(&self, process: &str, connection: &str, outcome: Outcome, op: Op) -> Event {
        self.recorder.event(process, connection, outcome, op)
    }

    pub fn put_event(&self, event: Event) {
        self.put(&Record::Event(Box::new(event)));
    }

    pub fn put(&self, record: &Record) {
        self.note(self.recorder.append(record));
    }

    pub fn put_dump(&self, section: Section, records: impl IntoIterator<Item = Record>) {
        self.note(self.recorder.append_dump(section, records));
    }

    fn note<E: Display>(&self, result: Result<(), E>) {
        if let Err(error) = result {
            self.broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.to_string());
        }
    }

    /// Writes what is held back; an error if anything could not be written.
    pub fn finish(&self) -> anyhow::Result<()> {
        self.recorder.finish()?;
        if let Some(error) = self.broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bail!("the history could not be written: {error}");
        }
        Ok(())
    }
}
