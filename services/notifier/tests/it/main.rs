//! The service against the real Kafka, PostgreSQL and Redis.
#![expect(clippy::unwrap_used, reason = "tests")]

mod faults;
mod notifications;
mod push_faults;
mod push_service;
mod pushes;
mod stage;
mod webhook_backlog;
mod webhook_faults;
mod webhook_stage;
mod webhooks;
