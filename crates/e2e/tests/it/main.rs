//! All services in this process, on the real Kafka, Redis and PostgreSQL.

#![expect(clippy::unwrap_used, reason = "tests")]

mod accounts;
mod bad_frames;
mod bad_input;
mod catch_up;
mod changes;
mod credentials;
mod drain;
mod http;
mod kafka_records;
mod loss;
mod messages;
mod notifications;
mod read_marks;
mod rooms;
mod slow_reader;
mod stomp;
mod stompjs;
