//! What the hub wants done.

use chat_protocol::{Outcome, RoomId, UserId, redis_key::Channel};

use super::{room::PageRequest, watched::Check};

/// What the hub wants done.
#[derive(Debug)]
pub enum Effect {
    /// Subscribe the rooms' channels, then read the user's memberships.
    Open { request: u64, user_id: UserId, rooms: Vec<RoomId> },
    /// Read a page of a room's timeline.
    ReadPage { room_id: RoomId, request: PageRequest },
    /// Read rooms' heads, on a way that is not Pub/Sub.
    ReadHeads(Vec<RoomId>),
    /// Read how far the members of a room have read.
    ReadMarks(RoomId),
    /// Begin a new Redis connection: what waits on the present one is old.
    Reconnect,
    /// Change the Redis subscriptions.
    Channel { channel: Channel, wanted: bool },
    /// Tell Redis who has which room open.
    Viewer { room_id: RoomId, user_id: UserId, viewing: bool },
    /// Tell Redis all of them, anew.
    AllViewers(Vec<(RoomId, UserId)>),
    /// Tell Redis that a user has a session here, or the last one ended.
    Online { user_id: UserId, online: bool },
    /// Read which members of rooms are online.
    CheckPresence(Vec<(RoomId, Check)>),
    /// Read which log-ins of users have ended.
    CheckLogins(Vec<UserId>),
    /// A membership ended: forget that it was checked.
    ForgetMembership { room_id: RoomId, user_id: UserId },
    /// An outcome for no session here: for a REST call.
    Outcome(Outcome),
}
