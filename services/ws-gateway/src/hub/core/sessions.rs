//! Sessions that come and go.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
    time::Instant,
};

use chat_protocol::{RoomId, SessionId, close::CloseCode, redis_key::Channel};

use super::{Hub, SessionState};
use crate::{
    hub::{SessionHandle, effect::Effect, room::Room},
    ws::outbox::{Item, Push},
};

impl Hub {
    pub(super) fn attach(&mut self, handle: &Arc<SessionHandle>, effects: &mut Vec<Effect>) {
        let sessions = self.users.entry(handle.user_id).or_default();
        if sessions.is_empty() {
            effects.push(Effect::Channel { channel: Channel::User(handle.user_id), wanted: true });
            effects.push(Effect::Online { user_id: handle.user_id, online: true });
        }
        sessions.insert(handle.id);
        let state = SessionState { handle: handle.clone(), subscriptions: HashMap::new(), told: HashMap::new() };
        self.sessions.insert(handle.id, state);
    }

    pub(super) fn detach(&mut self, session: SessionId, now: Instant, effects: &mut Vec<Effect>) {
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
                self.own_marks.remove(&user_id);
                effects.push(Effect::Channel { channel: Channel::User(user_id), wanted: false });
                effects.push(Effect::Online { user_id, online: false });
            }
        }
    }

    pub(super) fn drained(&mut self, session: SessionId, now: Instant, effects: &mut Vec<Effect>) {
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

    /// Told twice, it is closed once: a session that has left is not there.
    pub(super) fn close_session(&mut self, session: SessionId) {
        if let Some(state) = self.sessions.get(&session) {
            state.handle.outbox.push(Item::Close(CloseCode::LIMIT));
        }
    }

    pub(super) fn ping(&mut self, session: SessionId) {
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
}
