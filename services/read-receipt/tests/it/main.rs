//! The service against the real Kafka, PostgreSQL and Redis.
#![expect(clippy::unwrap_used, reason = "tests")]

mod faults;
mod marks;
mod raised;
mod stage;
