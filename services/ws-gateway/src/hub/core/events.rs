//! What Redis brings.

use std::time::Instant;

use bytestring::ByteString;
use chat_protocol::{
    Outcome, RoomId, UserId,
    push::{GatewayPush, Notification, PresenceHint, RoomPush, RoomPushKind, Typing, UserPush, documents},
    redis_key::Channel,
};

use super::{Hub, viewers::unview};
use crate::{
    hub::{
        effect::Effect,
        room::Removed,
        sink::{Feed, TimelineEvent},
    },
    ws::outbox::{Item, Push},
};

impl Hub {
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
                        Ok(GatewayPush::CloseSession(close)) => self.close_session(close.session_id),
                        Err(_) => self.tally.malformed += 1,
                    }
                }
            }
            Channel::User(user_id) => {
                for document in documents::<UserPush>(payload) {
                    match document {
                        Ok(UserPush::Notification(notification)) => self.notification(user_id, &notification),
                        Ok(UserPush::LoginsEnded) => effects.push(Effect::CheckLogins(vec![user_id])),
                        Ok(UserPush::Read(mark)) => self.own_mark(user_id, &mark),
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

    pub(super) fn room_push(&mut self, room_id: RoomId, push: RoomPush, now: Instant, effects: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        match (push.event, push.event.timeline()) {
            (_, None) if self.deaf => {}
            (RoomPushKind::Typing, _) => match serde_json::from_str::<Typing>(push.data.get()) {
                Ok(typing) if !room.admits_typing(typing.user_id, now) => {}
                Ok(_) => room.push_aside(Feed::TYPING, "typing", push.data.get()),
                Err(_) => self.tally.malformed += 1,
            },
            (_, None) => self.mark_of_room(room_id, push.data.get(), now),
            (_, Some(kind)) => {
                let json = ByteString::from(Box::<str>::from(push.data));
                for user_id in &push.removed {
                    // Their sessions may be here without this room.
                    effects.push(Effect::ForgetMembership { room_id, user_id: *user_id });
                    self.presences.left(room_id, *user_id);
                }
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

    pub(super) fn removed(&mut self, room_id: RoomId, removed: Vec<Removed>, effects: &mut Vec<Effect>) {
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

    pub(super) fn outcome(&mut self, outcome: Outcome, effects: &mut Vec<Effect>) {
        match self.sessions.get(&outcome.origin.session_id) {
            Some(state) => state.handle.outbox.push(Item::Push(Push::Outcome(outcome))),
            None => effects.push(Effect::Outcome(outcome)),
        }
    }

    pub(super) fn notification(&mut self, user_id: UserId, notification: &Notification) {
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
}
