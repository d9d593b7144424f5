//! Read marks: the room's, told together when they are many, and the user's own, told to all sessions of the user.

use std::{collections::HashMap, time::Instant};

use chat_protocol::{ReadReceipt, RoomId, UserId};

use super::Hub;
use crate::{
    hub::{
        effect::Effect,
        room::{Room, Whose},
    },
    ws::outbox::{Item, Push},
};

/// Rooms of one user of which it is remembered how far the own mark was told. Beyond it an old mark may be told once more.
const OWN_ROOMS: usize = 1_000;

/// How far the own marks of the users here were told.
pub type OwnMarks = HashMap<UserId, HashMap<RoomId, i64>>;

impl Hub {
    pub(super) fn mark_of_room(&mut self, room_id: RoomId, json: &str, now: Instant) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        match serde_json::from_str::<ReadReceipt>(json) {
            Ok(mark) => room.take_mark(mark.user_id, mark.last_read_seq, json, now),
            Err(_) => self.tally.malformed += 1,
        }
    }

    /// Goes to each session once: as the room's where it has the room open, else as the session's own.
    pub(super) fn own_mark(&mut self, user_id: UserId, mark: &ReadReceipt) {
        let Some(sessions) = self.users.get(&user_id) else { return };
        if self.deaf || !own_mark_moves(&mut self.own_marks, user_id, mark) {
            return;
        }
        let room = self.rooms.get_mut(&mark.room_id).zip(serde_json::to_string(mark).ok());
        let told = room.map(|(room, json)| room.push_mark(user_id, Whose::Own, &json)).unwrap_or_default();
        for session in sessions.iter().filter(|session| !told.contains(session)) {
            let push = || Item::Push(Push::Read(mark.clone()));
            if self.sessions.get(session).is_some_and(|state| state.handle.outbox.try_push_item_aside(push())) {
                self.tally.delivered += 1;
            }
        }
    }

    pub(super) fn marks_read(&mut self, room_id: RoomId, marks: Option<Vec<(UserId, i64)>>, now: Instant) {
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.marks_read(marks, now);
        }
    }
}

/// Tells what is due in a room.
pub fn tell_marks(room_id: RoomId, room: &mut Room, now: Instant, effects: &mut Vec<Effect>) {
    if room.tell_marks(now) {
        effects.push(Effect::ReadMarks(room_id));
    }
}

/// A read-receipt service that slept tells, when it wakes, what another has told long since.
fn own_mark_moves(own: &mut OwnMarks, user_id: UserId, mark: &ReadReceipt) -> bool {
    let told = own.entry(user_id).or_default();
    if told.len() >= OWN_ROOMS && !told.contains_key(&mark.room_id) {
        told.clear();
    }
    let told = told.entry(mark.room_id).or_insert(0);
    let moves = mark.last_read_seq > *told;
    *told = mark.last_read_seq.max(*told);
    moves
}
