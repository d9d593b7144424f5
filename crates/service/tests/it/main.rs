//! Configuration, lifecycle, the admin port, and a whole process with its signals and exit codes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod admin;
mod alerts;
mod config;
mod lifecycle;
mod process;
