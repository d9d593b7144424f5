//! How far a room has been read, in numbers instead of names: what a large room is told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::RoomId;

/// Where the members' marks stand. The number beside a message (members who have not read it) is the sum of `members` over the positions
/// before it. Absolute: a newer summary replaces an older one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "roomId": "2501ce54-9bbf-52d2-9009-46db5de7d7bc", "memberCount": 12,
    "positions": [{ "seq": 5, "members": 9 }, { "seq": 4, "members": 3 }]
}))]
pub struct ReadSummary {
    /// The room.
    pub room_id: RoomId,
    /// Its members.
    pub member_count: u32,
    /// Newest first, at most [`crate::limits::READ_POSITIONS`]. If there are more, the last one also stands for all that are older: beside
    /// messages up to its seq the true number may be higher.
    #[schema(max_items = 100)]
    pub positions: Vec<ReadPosition>,
}

/// So many marks stand here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadPosition {
    /// Read up to and including this entry.
    pub seq: i64,
    /// By how many members.
    pub members: u32,
}

impl ReadSummary {
    /// Members who have not read the entry at `seq`.
    pub fn unread_by(&self, seq: i64) -> u32 {
        self.positions.iter().filter(|position| position.seq < seq).map(|position| position.members).sum()
    }
}
