//! PostgreSQL: the only place that knows SQL.
//!
//! To add a query:
//! 1. write `queries/<aggregate>/<verb>.sql`, naming the index a hot one uses;
//! 2. list the file in `queries.rs`: a test prepares every query against the migrated schema;
//! 3. add a method of the same name to `<aggregate>.rs`, calling `Store::rows` with it.
//!
//! Reads and writes go to the primary; statements are prepared once per connection.
#![warn(missing_docs)]

mod accounts;
mod changes;
mod commands;
mod config;
mod devices;
mod dump;
mod error;
mod last_seen;
mod logins;
mod members;
mod messages;
mod migrate;
mod notifications;
mod places;
mod pool;
mod push_jobs;
mod queries;
mod read_marks;
mod roles;
mod room_lists;
mod rooms;
mod row;
mod search;
mod webhook_deliveries;
mod webhooks;

pub use accounts::{Account, User, UserName};
pub use changes::MessageChange;
pub use chat_protocol::{Role, RoomType};
pub use commands::{Applied, NewMessage, RoomCommand};
pub use config::PostgresConfig;
pub use devices::{Device, NewDevice};
pub use dump::{StoredItem, StoredMember};
pub use error::StoreError;
pub use logins::{Rotation, Standing};
pub use members::MemberRow;
pub use messages::{Page, StoredOutcome, TimelineItem};
pub use migrate::{drop_schema, migrate};
pub use notifications::{Listener, Listeners, RoomNotifications};
pub use places::{ReadPlace, SentMessage};
pub use pool::Store;
pub use push_jobs::{
    ClaimLimits, ClaimedPush, NewPush, OriginLoad, PushMember, PushMessage, PushState, PushTarget, ReadUpTo,
};
pub use queries::QUERIES;
pub use read_marks::{Mark, MemberMark};
pub use room_lists::{OwnRoom, RoomLine};
pub use rooms::{Membership, RoomSummary};
pub use search::{FoundMessage, SearchOutcome, SearchQuery};
pub use webhook_deliveries::{Settled, WebhookCall, WebhookDelivery, WebhookEvent, WebhookLoad, WebhookOutcome};
pub use webhooks::{Replayed, WEBHOOKS_COUNTED, Webhook, WebhookChange, WebhookState};
