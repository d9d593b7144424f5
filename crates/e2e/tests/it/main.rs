//! All services in this process, on the real Kafka, Redis and PostgreSQL.

#![expect(clippy::unwrap_used, reason = "tests")]

mod accounts;
mod api_guide;
mod bad_frames;
mod bad_input;
mod bad_upgrade;
mod canary;
mod catch_up;
mod changes;
mod clients;
mod commands;
mod compat;
mod credentials;
mod dead_letters;
mod deadlines;
mod drain;
mod floods;
mod http;
mod json_bad_input;
mod kafka_records;
mod late_answers;
mod loss;
mod messages;
mod notifications;
mod openapi_document;
mod own_words;
mod presence;
mod read_marks;
mod recipes;
mod reconnects;
mod rooms;
mod slow_reader;
mod sockjs;
mod stomp;
mod stomp_bad_input;
mod stomp_changes;
mod stomp_conformance;
mod stores_away;
mod tickets;
mod transcripts;
mod typing;
mod websocket_closing;
mod websocket_conformance;
mod websocket_fragments;
