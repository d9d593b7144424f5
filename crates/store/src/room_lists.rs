//! The two parts of a room list, each of which can be kept by itself: what is the user's own, and what all members see alike.

use chat_protocol::{Entry, Member, RoomId, UserId, limits::ROOMS_LISTED};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use crate::{
    RoomSummary, RoomType, Store, StoreError, queries,
    row::{self, EntryColumns},
};

/// A room of a user, with the user's marks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnRoom {
    /// The room.
    pub room_id: RoomId,
    /// The entry by which the user came.
    pub joined_seq: i64,
    /// Read up to and including this entry.
    pub read_seq: i64,
    /// Its number: unread is what the room's last number is beyond it.
    pub read_number: i64,
}

impl OwnRoom {
    /// The room had this head when these were the marks: a line with a lower one is outdated.
    pub fn needs_head(&self) -> i64 {
        self.read_seq.max(self.joined_seq)
    }
}

/// What all members see alike of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomLine {
    /// The room.
    pub room_id: RoomId,
    /// Its kind.
    pub room_type: RoomType,
    /// A group's name.
    pub name: String,
    /// Whether everybody may join.
    pub open: bool,
    /// A direct room's two members: each sees the other's name.
    pub pair: Vec<Member>,
    /// Active members.
    pub member_count: i32,
    /// Last seq.
    pub head_seq: i64,
    /// Ordinal of the last message.
    pub last_number: i64,
    /// The newest entry.
    pub last_entry: Option<Entry>,
}

impl RoomLine {
    /// The line of one member's list. `None` when the two were not read in a state that both had at once: one of them is outdated.
    pub fn seen_by(self, user_id: UserId, own: &OwnRoom) -> Option<RoomSummary> {
        // Sending moves the sender's mark to the message.
        let own_message_unread = self.last_entry.as_ref().is_some_and(|entry| {
            entry.sender_id == user_id && entry.entry_type.is_message() && entry.seq > own.read_seq
        });
        if own.needs_head() > self.head_seq || own_message_unread {
            return None;
        }
        let other = self.pair.iter().find(|member| member.user_id != user_id);
        Some(RoomSummary {
            room_id: self.room_id,
            room_type: self.room_type,
            name: other.map_or(self.name, |other| other.nickname.clone()),
            open: self.open,
            member_count: self.member_count,
            head_seq: self.head_seq,
            read_seq: own.read_seq,
            unread_count: self.last_number - own.read_number,
            last_entry: self.last_entry,
        })
    }
}

impl Store {
    /// The rooms of a user, in no order; one more than [`ROOMS_LISTED`] at most.
    pub async fn own_rooms(&self, user_id: UserId) -> Result<Vec<OwnRoom>, StoreError> {
        let limit = i64::try_from(ROOMS_LISTED + 1).unwrap_or(i64::MAX);
        let rows = self.rows(queries::OWN_ROOMS, &[&user_id.0, &limit]).await?;
        let own = |row: &Row| {
            Ok(OwnRoom {
                room_id: row::room_id(row, "room_id")?,
                joined_seq: row.try_get("joined_seq")?,
                read_seq: row.try_get("read_seq")?,
                read_number: row.try_get("read_number")?,
            })
        };
        rows.iter().map(own).collect()
    }

    /// What all members see alike of these rooms, in no order.
    pub async fn room_lines(&self, rooms: &[RoomId]) -> Result<Vec<RoomLine>, StoreError> {
        let rows = self.rows(queries::ROOM_LINES, &[&row::uuids(rooms, |id| id.0)]).await?;
        rows.iter().map(line).collect()
    }
}

fn line(row: &Row) -> Result<RoomLine, StoreError> {
    let room_id = row::room_id(row, "id")?;
    let columns = EntryColumns { entry_type: "entry_type" };
    let has_entry = row.try_get::<_, Option<i64>>("seq")?.is_some();
    Ok(RoomLine {
        room_id,
        room_type: row::room_type(row)?,
        name: row.try_get("name")?,
        open: row.try_get("open")?,
        pair: row::json(row, "pair")?,
        member_count: row.try_get("member_count")?,
        head_seq: row.try_get("head_seq")?,
        last_number: row.try_get("last_number")?,
        last_entry: has_entry.then(|| row::entry(row, room_id, &columns)).transpose()?,
    })
}
