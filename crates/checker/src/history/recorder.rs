//! Writing a history while the run is under way.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use jiff::Timestamp;

use super::{Dump, Event, Op, Outcome, Record, Section};

/// The clock of a run: every process of the run takes its times from a copy of the same one.
#[derive(Debug, Clone, Copy)]
pub struct RunClock(Instant);

impl RunClock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since the start; never goes back.
    pub fn mono_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Appends records to a file. May be shared by all clients of a run; holds at most 64 KiB back, and blocks while the disk is slower than that.
#[derive(Debug)]
pub struct Recorder {
    clock: RunClock,
    file: Mutex<BufWriter<File>>,
}

impl Recorder {
    /// Begins a new file. An older one of the same name is an error: histories are evidence.
    pub fn create(path: impl AsRef<Path>, clock: RunClock) -> io::Result<Self> {
        let file = File::create_new(path)?;
        Ok(Self { clock, file: Mutex::new(BufWriter::with_capacity(64 * 1024, file)) })
    }

    /// The run's clock.
    pub fn clock(&self) -> RunClock {
        self.clock
    }

    /// An event that happens now, with nothing but what every event has.
    pub fn event(&self, process: &str, connection: &str, outcome: Outcome, op: Op) -> Event {
        Event {
            process: process.to_owned(),
            connection: connection.to_owned(),
            wall_ns: i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX),
            mono_ns: self.clock.mono_ns(),
            outcome,
            op,
            room: None,
            sender: None,
            client_message_id: None,
            hash: None,
            seq: None,
            kind: None,
            target: None,
            user: None,
            via: None,
            state: None,
            code: None,
            id: None,
            count: None,
        }
    }

    /// Appends one record.
    pub fn append(&self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
    }

    /// Appends a dump and its end, so that a dump that was cut short is noticed.
    pub fn append_dump(&self, section: Section, records: impl IntoIterator<Item = Record>) -> io::Result<()> {
        let mut count = 0;
        for record in records {
            self.append(&record)?;
            count += 1;
        }
        self.append(&Record::Dump(Dump { section, count }))
    }

    /// Writes what is held back. To be called at the end: dropping a recorder tries it too, but cannot tell that it failed.
    pub fn finish(&self) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.flush()?;
        file.get_ref().sync_all()
    }
}
