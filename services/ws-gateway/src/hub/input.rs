//! What the hub is told.

use std::{collections::HashMap, sync::Arc};

use chat_protocol::{Rejection, RoomId, SessionId, UserId};
use chat_store::{Membership, Standing};

use super::{
    SessionHandle,
    presence::Checked,
    room::PageRequest,
    sink::{SubscriptionKey, TimelineEvent},
};
use crate::ws::request::{RoomRequest, Tag};

/// What the hub is told.
#[derive(Debug)]
pub enum Input {
    /// A session authenticated.
    Attach(Arc<SessionHandle>),
    /// A session ended.
    Detach(SessionId),
    /// A session wants rooms.
    Subscribe { session: SessionId, tag: Tag, rooms: Vec<RoomRequest> },
    /// A session wants some no more.
    Unsubscribe { session: SessionId, rooms: Vec<(RoomId, SubscriptionKey)> },
    /// A session's queue has space again.
    Drained(SessionId),
    /// A session pings its client and wants the heads of its rooms in it.
    Ping(SessionId),
    /// A session makes room for a newer one of its user.
    CloseSession(SessionId),
    /// Answer to [`Effect::Open`].
    Opened { request: u64, memberships: Result<HashMap<(RoomId, UserId), Membership>, Rejection> },
    /// Answer to [`Effect::ReadPage`].
    Page { room_id: RoomId, request: PageRequest, events: Option<Vec<TimelineEvent>> },
    /// Answer to [`Effect::ReadHeads`]; empty when they could not be read.
    Heads(Vec<(RoomId, i64)>),
    /// Answer to [`Effect::ReadMarks`]: how far each member has read; `None` when that could not be read.
    Marks { room_id: RoomId, marks: Option<Vec<(UserId, i64)>> },
    /// Answer to [`Effect::CheckLogins`]: users of whom some have ended.
    Standings(Vec<(UserId, Arc<Standing>)>),
    /// Answer to [`Effect::CheckPresence`].
    Presence(Vec<Checked>),
}
