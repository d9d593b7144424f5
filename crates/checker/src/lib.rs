//! Verifies recorded histories: what clients were told and shown, against what is stored, while parts of the system were failing.
//!
//! A runner writes [`Record`]s with a [`Recorder`]; [`Reader`] reads them back into a [`Run`], an index; [`check`] holds the index against
//! the invariants I1–I15 ([`Invariant`]) and returns a [`Report`] with a [`Verdict`]:
//!
//! - *invalid*: an invariant is broken; the report shows the first counter-example;
//! - *unknown*: nothing was found, but the run proves nothing (too little happened, a fault did not happen, a dump is missing);
//! - *valid*: neither.
//!
//! No network and no clock: the same files always give the same verdict. Time is O(N log N) in the number of records.
//! The format, and how to read a verdict, are described in `docs/CHECKER.md`.
#![warn(missing_docs)]

mod context;
mod findings;
mod guards;
pub mod history;
mod invariants;
mod report;
mod run;
mod table;
mod verdict;

pub use context::attach_context;
pub use findings::{Finding, Invariant};
pub use history::{Reader, Record, Recorder, RunClock, UnusableInput};
pub use report::{FaultReport, InvariantReport, Lag, Report, RoomReport, SendReport, Status, Verdict};
pub use run::Run;
pub use table::render;
pub use verdict::check;
