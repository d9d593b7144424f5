//! The hub's decisions: sessions, rooms and requests under way. No I/O: every input returns the effects to carry out.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
    time::{Duration, Instant},
};

use bytestring::ByteString;
use chat_protocol::{
    ErrorCode, Outcome, Rejection, RoomId, SessionId, UserId,
    frame::RoomSubscription,
    limits,
    push::{GatewayPush, Notification, PresenceHint, RoomPush, RoomPushKind, UserPush, documents},
    redis_key::Channel,
};
use chat_store::Membership;

use super::{
    SessionHandle,
    effect::Effect,
    input::Input,
    presence::Presences,
    room::{PageRequest, Purpose, Removed, Room},
    sink::{Feed, SubscriptionKey, TimelineEvent},
};
use crate::ws::{
    outbox::{Item, Push},
    request::{RoomRequest, Tag},
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

/// Counts for the metrics.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Frames queued to sessions.
    pub delivered: u64,
    /// Subscribers parked for want of space.
    pub parked: u64,
    /// Pages read to fill gaps.
    pub gaps: u64,
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
    rooms: HashMap<RoomId, Room>,
    sessions: HashMap<SessionId, SessionState>,
    users: HashMap<UserId, HashSet<SessionId>>,
    viewers: HashMap<(RoomId, UserId), u32>,
    presences: Presences,
    requests: HashMap<u64, PendingRequest>,
    next_request: u64,
    heads_due: Instant,
    heads_pending: bool,
    tally: Tally,
}

impl Hub {
    /// An empty hub.
    pub fn new(timing: Timing, now: Instant) -> Self {
        Self {
            timing,
            rooms: HashMap::new(),
            sessions: HashMap::new(),
            users: HashMap::new(),
            viewers: HashMap::new(),
            presences: Presences::new(now),
            requests: HashMap::new(),
            next_request: 0,
            heads_due: now,
            heads_pending: false,
            tally: Tally::default(),
        }
    }

    /// Sessions and rooms right now.
    pub fn sizes(&self) -> (usize, usize) {
        (self.sessions.len(), self.rooms.len())
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
        }
        self.tally.delivered += self.presences.take_delivered();
        std::mem::take(&mut self.tally)
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, now: Instant, effects: &mut Vec<Effect>) {
        match input {
            Input::Attach(handle) => self.attach(&handle, effects),
            Input::Detach(session) => self.detach(session, now, effects),
            Input::Subscribe { session, tag, rooms } => self.subscribe(session, tag, rooms, now, effects),
            Input::Unsubscribe { session, rooms } => {
                for (room_id, key) in rooms {
                    self.unsubscribe(session, room_id, key, now, effects);
                }
            }
            Input::Drained(session) => self.drained(session, now, effects),
            Input::Ping(session) => self.ping(session),
            Input::Opened { request, memberships } => self.opened(request, &memberships, now, effects),
            Input::Page { room_id, request, events } => self.page(room_id, request, events, now, effects),
            Input::Heads(heads) => self.heads(heads, now, effects),
            Input::Presence(rooms) => {
                for checked in rooms {
                    self.presences.checked(checked, now);
                }
            }
        }
    }

    // --- sessions

    fn attach(&mut self, handle: &Arc<SessionHandle>, effects: &mut Vec<Effect>) {
        let sessions = self.users.entry(handle.user_id).or_default();
        if sessions.is_empty() {
            effects.push(Effect::Channel { channel: Channel::User(handle.user_id), wanted: true });
            effects.push(Effect::Online { user_id: handle.user_id, online: true });
        }
        sessions.insert(handle.id);
        let state = SessionState { handle: handle.clone(), subscriptions: HashMap::new(), told: HashMap::new() };
        self.sessions.insert(handle.id, state);
    }

    fn detach(&mut self, session: SessionId, now: Instant, effects: &mut Vec<Effect>) {
        let Some(state) = self.sessions.get(&session) else { return };
        let user_id = state.handle.user_id;
        let subscriptions: Vec<_> = state.subscriptions.keys().copied().collect();
        for (room_id, key) in subscriptions {
            self.unsubscribe(session, room_id, key, now, effects);
        }
        self.sessions.remove(&session);
        if let Entry::Occupied(mut sessions) = self.users.entry(user_id) {
            sessions.get_mut().remove(&session);
            if sessions.get().is_empty() {
                sessions.remove();
                effects.push(Effect::Channel { channel: Channel::User(user_id), wanted: false });
                effects.push(Effect::Online { user_id, online: false });
            }
        }
    }

    fn drained(&mut self, session: SessionId, now: Instant, effects: &mut Vec<Effect>) {
        let Some(state) = self.sessions.get(&session) else { return };
        let rooms: HashSet<RoomId> = state.subscriptions.keys().map(|(room_id, _)| *room_id).collect();
        let handle = state.handle.clone();
        for room_id in rooms {
            if let Some(room) = self.rooms.get_mut(&room_id) {
                room.unpark(&handle);
            }
            self.read_wanted(room_id, now, effects);
        }
    }

    fn ping(&mut self, session: SessionId) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let mut moved = Vec::new();
        for (room_id, _) in state.subscriptions.keys() {
            let Some(head) = self.rooms.get(room_id).map(Room::head) else { continue };
            if state.told.insert(*room_id, head) != Some(head) {
                moved.push((*room_id, head));
            }
        }
        state.handle.outbox.push(Item::Push(Push::Ping(moved)));
    }

    // --- subscriptions

    fn subscribe(
        &mut self,
        session: SessionId,
        tag: Tag,
        rooms: Vec<RoomRequest>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let handle = state.handle.clone();
        if state.subscriptions.len() + rooms.len() > limits::ROOMS_PER_SESSION {
            let message =
                format!("a session has at most {} subscriptions: unsubscribe first", limits::ROOMS_PER_SESSION);
            let error = Rejection::new(ErrorCode::BadRequest, message);
            handle.outbox.push(Item::Subscribed(tag, refused(&rooms, &error)));
            return;
        }
        for request in &rooms {
            let room = self.rooms.entry(request.room_id).or_insert_with(|| {
                effects.push(Effect::Channel { channel: Channel::Room(request.room_id), wanted: true });
                Room::new(request.room_id, now)
            });
            // Subscribing again starts again, from wherever the client says.
            room.remove(&handle, request.key, now);
            room.add(handle.clone(), request.key, request.sink.clone(), request.feed);
            let before = state.subscriptions.insert((request.room_id, request.key), request.feed);
            if request.feed.timeline() && before.is_none() {
                view(&mut self.viewers, request.room_id, handle.user_id, effects);
            }
            if before.is_some_and(|feed| feed.has(Feed::PRESENCE)) {
                self.presences.unwatch(request.room_id, handle.id, request.key, effects);
            }
        }
        let request = self.next_request;
        self.next_request += 1;
        let room_ids = rooms.iter().map(|room| room.room_id).collect();
        effects.push(Effect::Open { request, user_id: handle.user_id, rooms: room_ids });
        self.requests.insert(request, PendingRequest { session: handle, tag, rooms });
    }

    fn opened(
        &mut self,
        request: u64,
        memberships: &Result<HashMap<(RoomId, UserId), Membership>, Rejection>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(PendingRequest { session, tag, rooms }) = self.requests.remove(&request) else { return };
        let mut results = Vec::with_capacity(rooms.len());
        for asked in &rooms {
            let admitted = match memberships {
                Err(rejection) => Err(rejection.clone()),
                Ok(memberships) => match memberships.get(&(asked.room_id, session.user_id)) {
                    None => Err(Rejection::room_not_found()),
                    Some(membership) => self.admit(&session, asked, *membership),
                },
            };
            results.push(match admitted {
                Ok((seq, head)) => RoomSubscription { room_id: asked.room_id, seq, head, error: None },
                Err(rejection) => {
                    self.unsubscribe(session.id, asked.room_id, asked.key, now, effects);
                    RoomSubscription { room_id: asked.room_id, seq: 0, head: 0, error: Some(rejection.into()) }
                }
            });
        }
        session.outbox.push(Item::Subscribed(tag, results));
        for asked in &rooms {
            if let Some(room) = self.rooms.get_mut(&asked.room_id) {
                room.activate(&session, asked.key);
                let removed = room.go_on(now);
                self.removed(asked.room_id, removed, effects);
            }
            self.watch_presence(&session, asked, now, effects);
            self.read_wanted(asked.room_id, now, effects);
        }
    }

    fn admit(
        &mut self,
        session: &SessionHandle,
        asked: &RoomRequest,
        membership: Membership,
    ) -> Result<(i64, i64), Rejection> {
        let room = self.rooms.get_mut(&asked.room_id).ok_or_else(Rejection::room_not_found)?;
        let seq = match room.admit(session, asked.key, membership.head, membership.joined_seq, asked.after) {
            None => return Err(Rejection::room_not_found()),
            Some(Err(code)) => {
                let message = format!("after is beyond the room's head {}: load the room anew", room.head());
                return Err(Rejection::new(code, message));
            }
            Some(Ok(seq)) => seq,
        };
        Ok((seq, room.head()))
    }

    /// An admitted subscription that wants the members' presence gets it from now on.
    fn watch_presence(
        &mut self,
        session: &Arc<SessionHandle>,
        asked: &RoomRequest,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let place = (asked.room_id, asked.key);
        // What counts is what it wants by now: it may have been refused, or replaced.
        let feed = self.sessions.get(&session.id).and_then(|state| state.subscriptions.get(&place));
        if feed.is_some_and(|feed| feed.has(Feed::PRESENCE)) {
            self.presences.watch(asked.room_id, session, asked.key, asked.sink.clone(), now, effects);
        }
    }

    fn unsubscribe(
        &mut self,
        session: SessionId,
        room_id: RoomId,
        key: SubscriptionKey,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let Some(feed) = state.subscriptions.remove(&(room_id, key)) else { return };
        state.told.remove(&room_id);
        let handle = state.handle.clone();
        // A subscription refused by the room itself is gone there already.
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.remove(&handle, key, now);
        }
        if feed.timeline() {
            unview(&mut self.viewers, room_id, handle.user_id, effects);
        }
        self.presences.unwatch(room_id, session, key, effects);
    }

    // --- events

    /// Takes a message from Redis.
    pub fn message(&mut self, channel: Channel, payload: &[u8], now: Instant, effects: &mut Vec<Effect>) {
        match channel {
            Channel::Room(room_id) => {
                for document in documents::<RoomPush>(payload) {
                    match document {
                        Ok(push) => self.room_push(room_id, push, now, effects),
                        Err(_) => self.tally.malformed += 1,
                    }
                }
                self.read_wanted(room_id, now, effects);
            }
            Channel::Gateway(_) => {
                for document in documents::<GatewayPush>(payload) {
                    match document {
                        Ok(GatewayPush::Outcome(outcome)) => self.outcome(outcome, effects),
                        Err(_) => self.tally.malformed += 1,
                    }
                }
            }
            Channel::User(user_id) => {
                for document in documents::<UserPush>(payload) {
                    match document {
                        Ok(UserPush::Notification(notification)) => self.notification(user_id, &notification),
                        Err(_) => self.tally.malformed += 1,
                    }
                }
            }
            Channel::Presence => {
                for document in documents::<PresenceHint>(payload) {
                    match document {
                        Ok(hint) => self.presences.hint(&hint.user_ids, now),
                        Err(_) => self.tally.malformed += 1,
                    }
                }
            }
        }
    }

    fn room_push(&mut self, room_id: RoomId, push: RoomPush, now: Instant, effects: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        match (push.event, push.event.timeline()) {
            (RoomPushKind::Typing, _) => room.push_aside(Feed::TYPING, "typing", push.data.get()),
            (_, None) => room.push_aside(Feed::READ, "read", push.data.get()),
            (_, Some(kind)) => {
                let json = ByteString::from(Box::<str>::from(push.data));
                match TimelineEvent::new(push.seq, kind, push.removed, json) {
                    Ok(event) => {
                        let removed = room.push(event, now);
                        self.removed(room_id, removed, effects);
                    }
                    Err(_) => self.tally.malformed += 1,
                }
            }
        }
    }

    fn removed(&mut self, room_id: RoomId, removed: Vec<Removed>, effects: &mut Vec<Effect>) {
        for Removed { session, key, feed } in removed {
            effects.push(Effect::ForgetMembership { room_id, user_id: session.user_id });
            self.presences.unwatch(room_id, session.id, key, effects);
            let state = self.sessions.get_mut(&session.id);
            let known = state.is_some_and(|state| state.subscriptions.remove(&(room_id, key)).is_some());
            if known && feed.timeline() {
                unview(&mut self.viewers, room_id, session.user_id, effects);
            }
        }
    }

    fn outcome(&mut self, outcome: Outcome, effects: &mut Vec<Effect>) {
        match self.sessions.get(&outcome.origin.session_id) {
            Some(state) => state.handle.outbox.push(Item::Push(Push::Outcome(outcome))),
            None => effects.push(Effect::Outcome(outcome)),
        }
    }

    fn notification(&mut self, user_id: UserId, notification: &Notification) {
        for session in self.users.get(&user_id).into_iter().flatten() {
            let Some(state) = self.sessions.get(session) else { continue };
            let shown = state
                .subscriptions
                .iter()
                .any(|((room_id, _), feed)| *room_id == notification.room_id && feed.timeline());
            if !shown {
                state.handle.outbox.push(Item::Push(Push::Notification(notification.clone())));
            }
        }
    }

    // --- what is missing

    fn page(
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

    fn heads(&mut self, heads: Vec<(RoomId, i64)>, now: Instant, effects: &mut Vec<Effect>) {
        self.heads_pending = false;
        for (room_id, head) in heads {
            if let Some(room) = self.rooms.get_mut(&room_id) {
                room.heard_head(head, now);
                self.read_wanted(room_id, now, effects);
            }
        }
    }

    fn read_wanted(&mut self, room_id: RoomId, now: Instant, effects: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        for request in room.wanted(now, self.timing.gap_wait) {
            self.tally.gaps += u64::from(request.purpose == Purpose::Gap);
            effects.push(Effect::ReadPage { room_id, request });
        }
    }

    /// Redis may have lost messages (reconnected, or the hub was too slow): check every room now, and register the viewers anew.
    pub fn resync(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.heads_due = now;
        self.heads_pending = false;
        self.presences.resync(now);
        effects.push(Effect::AllViewers(self.viewers.keys().copied().collect()));
        self.check_heads(now, effects);
    }

    fn check_heads(&mut self, now: Instant, effects: &mut Vec<Effect>) {
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
        self.presences.tick(now, effects);
        let idle_room = self.timing.idle_room;
        let mut idle = Vec::new();
        let (gap_wait, tally) = (self.timing.gap_wait, &mut self.tally);
        for (room_id, room) in &mut self.rooms {
            if room.idle_for(now, idle_room) {
                idle.push(*room_id);
                continue;
            }
            for request in room.wanted(now, gap_wait) {
                tally.gaps += u64::from(request.purpose == Purpose::Gap);
                effects.push(Effect::ReadPage { room_id: *room_id, request });
            }
        }
        for room_id in idle {
            self.rooms.remove(&room_id);
            effects.push(Effect::Channel { channel: Channel::Room(room_id), wanted: false });
        }
    }
}

fn refused(rooms: &[RoomRequest], rejection: &Rejection) -> Vec<RoomSubscription> {
    let refuse = |room: &RoomRequest| {
        let error = Some(rejection.clone().into());
        RoomSubscription { room_id: room.room_id, seq: 0, head: 0, error }
    };
    rooms.iter().map(refuse).collect()
}

fn view(viewers: &mut HashMap<(RoomId, UserId), u32>, room_id: RoomId, user_id: UserId, effects: &mut Vec<Effect>) {
    let count = viewers.entry((room_id, user_id)).or_default();
    *count += 1;
    if *count == 1 {
        effects.push(Effect::Viewer { room_id, user_id, viewing: true });
    }
}

fn unview(viewers: &mut HashMap<(RoomId, UserId), u32>, room_id: RoomId, user_id: UserId, effects: &mut Vec<Effect>) {
    if let Entry::Occupied(mut count) = viewers.entry((room_id, user_id)) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
            effects.push(Effect::Viewer { room_id, user_id, viewing: false });
        }
    }
}

#[cfg(test)]
#[path = "core_tests.rs"]
mod tests;
