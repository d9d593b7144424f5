//! The hub's decisions: sessions, rooms and requests under way. No I/O: every input returns the effects to carry out.

mod events;
mod logins;
mod missing;
mod reading;
mod sessions;
mod subscriptions;
#[cfg(test)]
mod tests;
mod viewers;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use chat_protocol::{RoomId, SessionId, UserId};

use self::{logins::LogIns, reading::OwnMarks};
use crate::{
    hub::{
        SessionHandle,
        effect::Effect,
        input::Input,
        presence::Presences,
        room::{RingLimits, Room},
        sink::{Feed, SubscriptionKey},
    },
    ws::request::{RoomRequest, Tag},
};

/// Times of the hub.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// A gap may close by itself for this long.
    pub gap_wait: Duration,
    /// Heads are checked this often.
    pub head_check: Duration,
    /// A room without subscribers is kept this long.
    pub idle_room: Duration,
}

/// What rooms keep for those who come back.
#[derive(Debug, Clone, Copy)]
pub struct RingBounds {
    /// Most for one room.
    pub room: RingLimits,
    /// Bytes of all rooms: each open room has an equal share.
    pub total_bytes: usize,
}

impl RingBounds {
    fn of_each(self, rooms: usize) -> RingLimits {
        RingLimits { bytes: self.room.bytes.min(self.total_bytes / rooms.max(1)), ..self.room }
    }
}

/// Counts for the metrics.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Frames queued to sessions.
    pub delivered: u64,
    /// Those of them that told of members' presence.
    pub presence_pushes: u64,
    /// Subscribers parked for want of space.
    pub parked: u64,
    /// Pages read to fill gaps.
    pub gaps: u64,
    /// Pages read for subscribers that were behind.
    pub catch_up_pages: u64,
    /// Subscribers brought forward without a page.
    pub ring_catch_ups: u64,
    /// Redis documents that were not understood.
    pub malformed: u64,
}

struct SessionState {
    handle: Arc<SessionHandle>,
    subscriptions: HashMap<(RoomId, SubscriptionKey), Feed>,
    /// Heads last told in a ping.
    told: HashMap<RoomId, i64>,
}

struct PendingRequest {
    session: Arc<SessionHandle>,
    tag: Tag,
    rooms: Vec<RoomRequest>,
}

/// The hub.
pub struct Hub {
    timing: Timing,
    rings: RingBounds,
    rooms: HashMap<RoomId, Room>,
    sessions: HashMap<SessionId, SessionState>,
    users: HashMap<UserId, HashSet<SessionId>>,
    viewers: HashMap<(RoomId, UserId), u32>,
    presences: Presences,
    own_marks: OwnMarks,
    requests: HashMap<u64, PendingRequest>,
    next_request: u64,
    heads_due: Instant,
    heads_pending: bool,
    log_ins: LogIns,
    /// What is not sequenced is not shown.
    deaf: bool,
    tally: Tally,
}

impl Hub {
    /// An empty hub.
    pub fn new(timing: Timing, rings: RingBounds, now: Instant) -> Self {
        Self {
            timing,
            rings,
            rooms: HashMap::new(),
            sessions: HashMap::new(),
            users: HashMap::new(),
            viewers: HashMap::new(),
            presences: Presences::new(now),
            own_marks: OwnMarks::new(),
            requests: HashMap::new(),
            next_request: 0,
            heads_due: now,
            heads_pending: false,
            log_ins: LogIns::new(now),
            deaf: false,
            tally: Tally::default(),
        }
    }

    /// Sessions and rooms right now.
    pub fn sizes(&self) -> (usize, usize) {
        (self.sessions.len(), self.rooms.len())
    }

    /// Bytes that rooms keep for those who come back.
    pub fn ring_bytes(&self) -> usize {
        self.rooms.values().map(Room::ring_bytes).sum()
    }

    /// Rooms whose members' presence is watched right now.
    pub fn presence_rooms(&self) -> usize {
        self.presences.rooms()
    }

    /// What was counted since the last call.
    pub fn take_tally(&mut self) -> Tally {
        for room in self.rooms.values_mut() {
            let tally = room.take_tally();
            self.tally.delivered += tally.delivered;
            self.tally.parked += tally.parked;
            self.tally.ring_catch_ups += tally.ring_catch_ups;
        }
        self.tally.presence_pushes = self.presences.take_delivered();
        self.tally.delivered += self.tally.presence_pushes;
        std::mem::take(&mut self.tally)
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, now: Instant, effects: &mut Vec<Effect>) {
        match input {
            Input::Attach(handle) => {
                self.log_ins.attached(handle.user_id);
                self.attach(&handle, effects);
            }
            Input::Standings(standings) => self.standings(&standings),
            Input::Detach(session) => self.detach(session, now, effects),
            Input::Subscribe { session, tag, rooms } => self.subscribe(session, tag, rooms, now, effects),
            Input::Unsubscribe { session, rooms } => {
                for (room_id, key) in rooms {
                    self.unsubscribe(session, room_id, key, now, effects);
                }
            }
            Input::Drained(session) => self.drained(session, now, effects),
            Input::Ping(session) => self.ping(session),
            Input::CloseSession(session) => self.close_session(session),
            Input::Opened { request, memberships } => self.opened(request, &memberships, now, effects),
            Input::Page { room_id, request, events } => self.page(room_id, request, events, now, effects),
            Input::Heads(heads) => self.heads(heads, now, effects),
            Input::Marks { room_id, marks } => self.marks_read(room_id, marks, now),
            Input::Presence(rooms) => {
                for checked in rooms {
                    self.presences.checked(checked, now);
                }
            }
        }
    }
}
