//! Subscriptions: asked for, checked, admitted, ended.

use std::{collections::HashMap, sync::Arc, time::Instant};

use chat_protocol::{
    ErrorCode, Rejection, RoomId, SessionId, UserId, frame::RoomSubscription, limits, redis_key::Channel,
};
use chat_store::Membership;

use super::{
    Hub, PendingRequest,
    viewers::{unview, view},
};
use crate::{
    hub::{
        SessionHandle,
        effect::Effect,
        room::Room,
        sink::{Feed, SubscriptionKey},
    },
    ws::{
        outbox::Item,
        request::{RoomRequest, Tag},
    },
};

impl Hub {
    pub(super) fn subscribe(
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
        let ring = self.rings.of_each(self.rooms.len() + rooms.len());
        for request in &rooms {
            let room = self.rooms.entry(request.room_id).or_insert_with(|| {
                effects.push(Effect::Channel { channel: Channel::Room(request.room_id), wanted: true });
                Room::new(request.room_id, ring, now)
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

    pub(super) fn opened(
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

    pub(super) fn admit(
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
    pub(super) fn watch_presence(
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

    pub(super) fn unsubscribe(
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
}

fn refused(rooms: &[RoomRequest], rejection: &Rejection) -> Vec<RoomSubscription> {
    let refuse = |room: &RoomRequest| {
        let error = Some(rejection.clone().into());
        RoomSubscription { room_id: room.room_id, seq: 0, head: 0, error }
    };
    rooms.iter().map(refuse).collect()
}
