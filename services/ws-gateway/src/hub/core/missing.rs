//! What Redis did not bring: gaps, heads, and what time brings.

use std::time::{Duration, Instant};

use chat_protocol::{RoomId, redis_key::Channel};

use super::{Hub, Tally, reading::tell_marks};
use crate::hub::{
    effect::Effect,
    room::{PageRequest, Purpose, Room},
    sink::TimelineEvent,
};

impl Hub {
    pub(super) fn page(
        &mut self,
        room_id: RoomId,
        request: PageRequest,
        events: Option<Vec<TimelineEvent>>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        match events {
            Some(events) => {
                let removed = room.page(request.purpose, &events, now);
                self.removed(room_id, removed, effects);
            }
            None => room.page_failed(request.purpose, now),
        }
        self.read_wanted(room_id, now, effects);
    }

    pub(super) fn heads(&mut self, heads: Vec<(RoomId, i64)>, now: Instant, effects: &mut Vec<Effect>) {
        self.heads_pending = false;
        for (room_id, head) in heads {
            if let Some(room) = self.rooms.get_mut(&room_id) {
                room.heard_head(head, now);
                self.read_wanted(room_id, now, effects);
            }
        }
    }

    /// What follows whatever moved a room or its subscribers: some are brought forward, pages are asked for, and whose membership has ended
    /// meanwhile watches nobody any more.
    pub(super) fn read_wanted(&mut self, room_id: RoomId, now: Instant, effects: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let removed = room.serve_from_ring(now);
        ask_for_pages(room_id, room, now, self.timing.gap_wait, &mut self.tally, effects);
        for (session, key) in room.take_ending() {
            self.presences.unwatch(room_id, session, key, effects);
        }
        self.removed(room_id, removed, effects);
    }

    /// The process was suspended. Whoever connects now may have seen newer marks elsewhere: what has no place of its own in a room is not
    /// shown until it comes over a new connection.
    pub fn slept(&mut self, effects: &mut Vec<Effect>) {
        self.deaf = true;
        self.rooms.values_mut().for_each(Room::slept);
        effects.push(Effect::Reconnect);
    }

    /// Redis delivers, on a new connection.
    pub fn connected(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.deaf = false;
        self.resync(now, effects);
    }

    /// Redis may have lost messages (reconnected, or the hub was too slow): check every room now, and register the viewers anew.
    pub fn resync(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.heads_due = now;
        self.heads_pending = false;
        self.log_ins.check_all(now);
        self.presences.resync(now);
        self.rooms.values_mut().for_each(Room::unsure_of_marks);
        effects.push(Effect::AllViewers(self.viewers.keys().copied().collect()));
        self.check_heads(now, effects);
    }

    pub(super) fn check_heads(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if now < self.heads_due || self.heads_pending {
            return;
        }
        let open = self.rooms.iter().filter(|(_, room)| room.active() && room.position().is_some());
        let rooms: Vec<RoomId> = open.map(|(room_id, _)| *room_id).collect();
        self.heads_due = now + self.timing.head_check;
        if !rooms.is_empty() {
            self.heads_pending = true;
            effects.push(Effect::ReadHeads(rooms));
        }
    }

    /// Looks after everything that time brings: gaps that did not close, heads to check, rooms nobody wants any more.
    pub fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.check_heads(now, effects);
        self.check_logins(now, effects);
        self.presences.tick(now, effects);
        let idle_room = self.timing.idle_room;
        let mut idle = Vec::new();
        let ring = self.rings.of_each(self.rooms.len());
        for (room_id, room) in &mut self.rooms {
            if room.idle_for(now, idle_room) {
                idle.push(*room_id);
                continue;
            }
            room.limit_ring(ring);
            tell_marks(*room_id, room, now, effects);
            ask_for_pages(*room_id, room, now, self.timing.gap_wait, &mut self.tally, effects);
        }
        for room_id in idle {
            self.rooms.remove(&room_id);
            effects.push(Effect::Channel { channel: Channel::Room(room_id), wanted: false });
        }
    }
}

fn ask_for_pages(
    room_id: RoomId,
    room: &mut Room,
    now: Instant,
    gap_wait: Duration,
    tally: &mut Tally,
    effects: &mut Vec<Effect>,
) {
    for request in room.wanted(now, gap_wait) {
        match request.purpose {
            Purpose::Gap => tally.gaps += 1,
            Purpose::CatchUp => tally.catch_up_pages += 1,
        }
        effects.push(Effect::ReadPage { room_id, request });
    }
}
