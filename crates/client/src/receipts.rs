//! How far others, and one's own other devices, have read: the farthest that was told counts. Pure.

use std::collections::{HashMap, hash_map::Entry};

use chat_protocol::{ReadReceipt, RoomId, UserId};

/// The farthest mark told of each member, by room.
#[derive(Debug, Default)]
pub struct Receipts {
    rooms: HashMap<RoomId, HashMap<UserId, i64>>,
}

impl Receipts {
    /// Takes a receipt; `false` when it says no more than was told before: two gateways, or a repeat, may tell an older one later.
    pub fn moves(&mut self, receipt: &ReadReceipt) -> bool {
        match self.rooms.entry(receipt.room_id).or_default().entry(receipt.user_id) {
            Entry::Vacant(first) => {
                first.insert(receipt.last_read_seq);
                true
            }
            Entry::Occupied(told) if *told.get() >= receipt.last_read_seq => false,
            Entry::Occupied(mut told) => {
                told.insert(receipt.last_read_seq);
                true
            }
        }
    }

    /// The room is not wanted any more.
    pub fn forget(&mut self, room: RoomId) {
        self.rooms.remove(&room);
    }
}
