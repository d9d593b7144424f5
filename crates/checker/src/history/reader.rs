//! Reading histories and dumps; what is wrong with a line is said with its file and number.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::Record;
use crate::run::{At, Run};

/// Longest line that is read.
const LINE_BYTES: u64 = 1 << 20;

/// Input that cannot be judged.
#[derive(Debug, Error)]
pub enum UnusableInput {
    /// A file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory without histories.
    #[error("{path}: no file whose name ends in .jsonl")]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// A line is not a record.
    #[error("{file}:{line}: {reason}")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
        /// What is wrong.
        reason: String,
    },
}

/// Collects records from files.
#[derive(Debug, Default)]
pub struct Reader {
    run: Run,
}

impl Reader {
    /// Reads a file, or every `*.jsonl` of a directory in the order of their names.
    pub fn read_path(&mut self, path: &Path) -> Result<(), UnusableInput> {
        let failed = |source| UnusableInput::File { path: path.to_owned(), source };
        if !path.is_dir() {
            let file = File::open(path).map_err(failed)?;
            return self.read(&path.display().to_string(), BufReader::with_capacity(1 << 18, file));
        }
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.extension().is_some_and(|extension| extension == "jsonl") {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(UnusableInput::Empty { path: path.to_owned() });
        }
        files.sort();
        files.iter().try_for_each(|file| self.read_path(file))
    }

    /// Reads lines from anywhere; `name` stands for the file in what is reported.
    pub fn read(&mut self, name: &str, mut input: impl BufRead) -> Result<(), UnusableInput> {
        let source = self.run.add_source(name);
        let mut text = Vec::new();
        for line in 1_u32.. {
            text.clear();
            let wrong = |reason| UnusableInput::Line { file: name.to_owned(), line, reason };
            let read = io::Read::take(&mut input, LINE_BYTES + 1)
                .read_until(b'\n', &mut text)
                .map_err(|source| UnusableInput::File { path: name.into(), source })?;
            if read == 0 {
                break;
            }
            if text.len() as u64 > LINE_BYTES {
                return Err(wrong(format!("longer than {LINE_BYTES} bytes")));
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            let record: Record = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
            self.run.add(record, At::new(source, line)).map_err(|reason| wrong(reason.to_string()))?;
        }
        Ok(())
    }

    /// What was read, ready to be checked.
    pub fn finish(mut self) -> Run {
        self.run.index();
        self.run
    }
}
