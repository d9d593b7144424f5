//! Who of a room's members is online, told to the subscribers who asked for it. No I/O: the hub carries out the checks it asks for.
//!
//! A room is checked when its first subscriber asks, when a hint names a member, and every [`FULL_EVERY`] in case a hint was lost. The
//! difference to what was told before is told. While the truth cannot be read nothing is told, and whoever was online stays so.

use std::{
    collections::{BTreeSet, HashMap, HashSet, hash_map::Entry},
    sync::Arc,
    time::{Duration, Instant},
};

use chat_protocol::{
    RoomId, SessionId, UserId,
    push::{Presence, PresenceStatus},
    redis_key::{Channel, ONLINE_RENEWAL},
};

use super::{
    SessionHandle,
    effect::Effect,
    sink::{Rendered, Sink, SubscriptionKey},
    watched::{OFFLINE_AFTER, Scope, Standing, Watched, Watcher, WatcherKey},
};

/// For this long after Redis was away nobody is told as offline: the gateways first say anew who is there.
const OFFLINE_HELD: Duration = ONLINE_RENEWAL.saturating_add(OFFLINE_AFTER);
/// Rooms of one check, which bounds what it reads.
const ROOMS_PER_CHECK: usize = 16;
/// Most of what is owed that is paid in one turn: the snapshot of a large room does not hold up the hub.
const PAID_PER_TURN: usize = 2_000;

/// A check that came back.
#[derive(Debug)]
pub struct Checked {
    /// Of which room.
    pub room_id: RoomId,
    /// Whether it was of all members.
    pub all: bool,
    /// Who of them is online; `None` when that could not be read.
    pub online: Option<HashMap<UserId, bool>>,
}

/// The rooms whose members' presence somebody here wants to know.
#[derive(Debug)]
pub struct Presences {
    rooms: HashMap<RoomId, Watched>,
    /// Of which rooms somebody is a member.
    rooms_of: HashMap<UserId, HashSet<RoomId>>,
    owing: HashSet<(RoomId, WatcherKey)>,
    offline_from: Instant,
    pushes: u64,
    delivered: u64,
}

impl Presences {
    /// Nobody watches anything.
    pub fn new(now: Instant) -> Self {
        Self {
            rooms: HashMap::new(),
            rooms_of: HashMap::new(),
            owing: HashSet::new(),
            offline_from: now,
            pushes: 0,
            delivered: 0,
        }
    }

    /// Rooms watched.
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Frames queued since the last call.
    pub fn take_delivered(&mut self) -> u64 {
        std::mem::take(&mut self.delivered)
    }

    /// A member of the room wants to know: first who is online, then who comes and goes.
    pub fn watch(
        &mut self,
        room_id: RoomId,
        session: &Arc<SessionHandle>,
        key: SubscriptionKey,
        sink: Sink,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        if self.rooms.is_empty() {
            effects.push(Effect::Channel { channel: Channel::Presence, wanted: true });
        }
        let watched = self.rooms.entry(room_id).or_insert_with(|| Watched::new(now));
        let key = (session.id, key);
        let owed = if watched.known { watched.online() } else { BTreeSet::new() };
        let watcher = Watcher { session: session.clone(), sink, fresh: !watched.known, owed };
        watched.watchers.insert(key, watcher);
        self.owing.insert((room_id, key));
    }

    /// No longer.
    pub fn unwatch(&mut self, room_id: RoomId, session: SessionId, key: SubscriptionKey, effects: &mut Vec<Effect>) {
        let Entry::Occupied(mut watched) = self.rooms.entry(room_id) else { return };
        self.owing.remove(&(room_id, (session, key)));
        if watched.get_mut().watchers.remove(&(session, key)).is_none() || !watched.get().watchers.is_empty() {
            return;
        }
        for user in watched.remove().members.keys() {
            forget(&mut self.rooms_of, *user, room_id);
        }
        if self.rooms.is_empty() {
            effects.push(Effect::Channel { channel: Channel::Presence, wanted: false });
        }
    }

    /// These users came or went somewhere.
    pub fn hint(&mut self, users: &[UserId], now: Instant) {
        // While a room's members are first read, a hint may or may not concern them, and come before or after the reading.
        for watched in self.rooms.values_mut().filter(|watched| watched.checking && !watched.known) {
            watched.full_at = now;
        }
        for user in users {
            for room_id in self.rooms_of.get(user).into_iter().flatten() {
                if let Some(watched) = self.rooms.get_mut(room_id) {
                    watched.hinted.insert(*user);
                }
            }
        }
    }

    /// Hints may have been lost, and Redis may have lost who is online: check everything.
    pub fn resync(&mut self, now: Instant) {
        self.offline_from = now + OFFLINE_HELD;
        for watched in self.rooms.values_mut() {
            (watched.known, watched.full_at) = (false, now);
        }
    }

    /// Begins the checks that are due, and pays what is owed.
    pub fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let begin = |(room_id, watched): (&RoomId, &mut Watched)| Some((*room_id, watched.begin_check(now)?));
        let due: Vec<(RoomId, Scope)> = self.rooms.iter_mut().filter_map(begin).collect();
        effects.extend(due.chunks(ROOMS_PER_CHECK).map(|rooms| Effect::CheckPresence(rooms.to_vec())));
        self.pay();
    }

    /// A check came back.
    pub fn checked(&mut self, checked: Checked, now: Instant) {
        let Checked { room_id, all, online } = checked;
        let Some(watched) = self.rooms.get_mut(&room_id) else { return };
        watched.checking = false;
        let Some(online) = online else {
            self.offline_from = now + OFFLINE_HELD;
            (watched.known, watched.full_at) = (false, now);
            return;
        };
        if all {
            let rooms_of = &mut self.rooms_of;
            watched.members.retain(|user, _| {
                let stays = online.contains_key(user);
                if !stays {
                    forget(rooms_of, *user, room_id);
                }
                stays
            });
            for user in online.keys() {
                if let Entry::Vacant(new) = watched.members.entry(*user) {
                    new.insert(Standing::Offline);
                    rooms_of.entry(*user).or_default().insert(room_id);
                }
            }
            watched.known = true;
        }
        let changes = watched.take(&online, now, self.offline_from);
        self.tell(room_id, &changes);
    }

    /// Tells the watchers what changed, and those that are fresh, if it is known by now, who is online.
    fn tell(&mut self, room_id: RoomId, changes: &[(UserId, PresenceStatus)]) {
        let Some(watched) = self.rooms.get_mut(&room_id) else { return };
        for (user, status) in changes {
            let Some(json) = json(room_id, *user, *status) else { continue };
            self.pushes += 1;
            let mut rendered = Rendered::aside(room_id, "presence", self.pushes, &json);
            for (key, watcher) in watched.watchers.iter_mut().filter(|(_, watcher)| !watcher.fresh) {
                if watcher.owed.is_empty() && watcher.session.outbox.try_push_aside(rendered.frame(&watcher.sink)) {
                    self.delivered += 1;
                } else {
                    watcher.owed.insert(*user);
                    self.owing.insert((room_id, *key));
                }
            }
        }
        if watched.known && watched.watchers.values().any(|watcher| watcher.fresh) {
            let online = watched.online();
            for (key, watcher) in watched.watchers.iter_mut().filter(|(_, watcher)| watcher.fresh) {
                (watcher.fresh, watcher.owed) = (false, online.clone());
                self.owing.insert((room_id, *key));
            }
        }
    }

    /// Tells what is owed, as it is now, as far as the queues and the turn have space.
    fn pay(&mut self) {
        let mut left = PAID_PER_TURN;
        let (rooms, pushes, delivered) = (&mut self.rooms, &mut self.pushes, &mut self.delivered);
        self.owing.retain(|(room_id, key)| {
            let Some(watched) = rooms.get_mut(room_id) else { return false };
            let Some(watcher) = watched.watchers.get_mut(key) else { return false };
            while left > 0
                && let Some(user) = watcher.owed.pop_first()
            {
                let status = match watched.members.get(&user) {
                    None => continue,
                    Some(Standing::Offline) => PresenceStatus::Offline,
                    Some(Standing::Online | Standing::Going(_)) => PresenceStatus::Online,
                };
                let Some(json) = json(*room_id, user, status) else { continue };
                (*pushes, left) = (*pushes + 1, left - 1);
                let frame = Rendered::aside(*room_id, "presence", *pushes, &json).frame(&watcher.sink);
                if !watcher.session.outbox.try_push_aside(frame) {
                    watcher.owed.insert(user);
                    return true;
                }
                *delivered += 1;
            }
            !watcher.owed.is_empty()
        });
    }
}

fn forget(rooms_of: &mut HashMap<UserId, HashSet<RoomId>>, user: UserId, room_id: RoomId) {
    if let Entry::Occupied(mut rooms) = rooms_of.entry(user) {
        rooms.get_mut().remove(&room_id);
        if rooms.get().is_empty() {
            rooms.remove();
        }
    }
}

/// Ids and a word: serialising cannot fail.
fn json(room_id: RoomId, user_id: UserId, status: PresenceStatus) -> Option<String> {
    serde_json::to_string(&Presence { room_id, user_id, status }).ok()
}

#[cfg(test)]
#[path = "presence_tests.rs"]
mod tests;
