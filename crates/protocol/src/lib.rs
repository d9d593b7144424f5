//! The contract between the services and with the clients: pure data, no I/O.
//!
//! | travels on | what | type |
//! | --- | --- | --- |
//! | Kafka `chat-messages` (key: room) | what a user wants done to a room | [`command::Command`] |
//! | Kafka `chat-events` (key: room) | what was committed, and outcomes for the sender | [`event::Event`] |
//! | Kafka `chat-read-events` (key: room) | read marks | [`read::MarkRead`] |
//! | Redis room channel | live events of one room, newline separated | [`push::RoomPush`] |
//! | Redis gateway channel | outcomes for the sessions of one gateway | [`push::GatewayPush`] |
//! | Redis user channel | notifications for one user | [`push::UserPush`] |
//! | Redis presence channel | users who came or went | [`push::PresenceHint`] |
//! | WebSocket `chat.v1` | commands, replies, pushes | [`frame`] |
//!
//! Everything a client can be told to do about an error is in one table: [`error_code`], with [`close`] beside it.
#![warn(missing_docs)]

pub mod close;
pub mod command;
pub mod entry;
pub mod error_code;
pub mod event;
pub mod frame;
pub mod header;
pub mod id;
pub mod json;
pub mod limits;
pub mod notify;
pub mod policy;
pub mod push;
pub mod read;
pub mod read_summary;
pub mod redis_key;
pub mod topic;
pub mod trace;
pub mod validate;

pub use command::{Command, CommandBody, Origin};
pub use entry::{Change, Entry, EntryType, Member, Reaction, TimelineKind};
pub use error_code::{ErrorCode, Rejection};
pub use event::{Event, Outcome, OutcomeStatus};
pub use id::{ClientMessageId, GatewayId, MessageId, RoomId, SessionId, UserId};
pub use notify::NotifyLevel;
pub use policy::{Action, Role, RoomType};
pub use read::{MarkPlace, MarkRead, PlacedMark, ReadReceipt};
pub use read_summary::{ReadPosition, ReadSummary};
pub use trace::TraceContext;

/// Version of every envelope on Kafka and Redis. A consumer refuses another one (dead letter).
pub const SCHEMA_VERSION: u16 = 1;
