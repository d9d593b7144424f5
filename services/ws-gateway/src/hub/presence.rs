//! Who of a room's members is online, told to the subscribers who asked for it. No I/O: the hub carries out the checks it asks for.
//!
//! A room is checked when its first subscriber asks, when a hint names a member, and every [`FULL_EVERY`] in case a hint was lost. The
//! difference to what was told before is told. While Redis cannot be read nothing is told, and whoever was online stays so; while PostgreSQL
//! cannot, the members known so far are checked.

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map::Entry},
    sync::Arc,
    time::{Duration, Instant},
};

use bytestring::ByteString;
use chat_protocol::{
    RoomId, SessionId, UserId,
    push::PresenceStatus,
    redis_key::{Channel, ONLINE_RENEWAL},
};

use super::{
    SessionHandle,
    effect::Effect,
    sink::{Rendered, Sink, SubscriptionKey},
    watched::{Check, FULL_EVERY, Found, OFFLINE_AFTER, Watched, Watcher, WatcherKey},
};

/// For this long after Redis was away nobody is told as offline: the gateways first say anew who is there.
const OFFLINE_HELD: Duration = ONLINE_RENEWAL.saturating_add(OFFLINE_AFTER);
/// Rooms of one check, which bounds what it reads.
const ROOMS_PER_CHECK: usize = 16;
/// Most that is told in one turn, by all rooms together: 40,000 a second. A large room in which all come at once does not hold up the hub.
const PAID_PER_TURN: usize = 2_000;
/// Most that one watcher is told before it is the turn of the next: a large room does not hold up the others.
const PAID_AT_ONCE: usize = 20;

/// A check that came back.
#[derive(Debug)]
pub struct Checked {
    /// Of which room.
    pub room_id: RoomId,
    /// Whether it was of all members.
    pub all: bool,
    /// What was found of them.
    pub found: Result<HashMap<UserId, Found>, Unread>,
}

/// What could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// Who is a member: PostgreSQL did not say.
    Members,
    /// Who is online: Redis did not say.
    Online,
}

/// The rooms whose members' presence somebody here wants to know.
#[derive(Debug)]
pub struct Presences {
    rooms: HashMap<RoomId, Watched>,
    /// Of which rooms somebody is a member.
    rooms_of: HashMap<UserId, HashSet<RoomId>>,
    /// Watchers to tell something, in the order of their turns.
    owing: VecDeque<(RoomId, WatcherKey)>,
    offline_from: Instant,
    last_hint: Instant,
    pushes: u64,
    delivered: u64,
}

impl Presences {
    /// Nobody watches anything.
    pub fn new(now: Instant) -> Self {
        Self {
            rooms: HashMap::new(),
            rooms_of: HashMap::new(),
            owing: VecDeque::new(),
            offline_from: now,
            last_hint: now,
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
        let since = watched.known.then_some(watched.last);
        // The first turn finds out whether it is owed something.
        let watcher = Watcher { session: session.clone(), sink, since, told: 0, owed: since.is_some() };
        watched.watchers.insert((session.id, key), watcher);
        if since.is_some() {
            self.owing.push_back((room_id, (session.id, key)));
        }
    }

    /// No longer.
    pub fn unwatch(&mut self, room_id: RoomId, session: SessionId, key: SubscriptionKey, effects: &mut Vec<Effect>) {
        let Entry::Occupied(mut watched) = self.rooms.entry(room_id) else { return };
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

    /// Somebody is no member of the room any more.
    pub fn left(&mut self, room_id: RoomId, user: UserId) {
        if self.rooms.get_mut(&room_id).is_some_and(|watched| watched.leave(user)) {
            forget(&mut self.rooms_of, user, room_id);
        }
    }

    /// These users came or went somewhere.
    pub fn hint(&mut self, users: &[UserId], now: Instant) {
        self.last_hint = now;
        for user in users {
            for room_id in self.rooms_of.get(user).into_iter().flatten() {
                if let Some(watched) = self.rooms.get_mut(room_id) {
                    watched.hint(*user, now);
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

    /// Begins the checks that are due, and tells what is owed.
    pub fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let begin = |(room_id, watched): (&RoomId, &mut Watched)| Some((*room_id, watched.begin_check(now)?));
        let due: Vec<(RoomId, Check)> = self.rooms.iter_mut().filter_map(begin).collect();
        effects.extend(due.chunks(ROOMS_PER_CHECK).map(|rooms| Effect::CheckPresence(rooms.to_vec())));
        self.pay();
    }

    /// A check came back.
    pub fn checked(&mut self, checked: Checked, now: Instant) {
        let Checked { room_id, all, found } = checked;
        let Some(watched) = self.rooms.get_mut(&room_id) else { return };
        watched.checking = false;
        let gone = std::mem::take(&mut watched.gone);
        let mut found = match found {
            Ok(found) => found,
            Err(Unread::Members) if watched.known => {
                // Those known so far are checked without PostgreSQL.
                watched.full_at = now + FULL_EVERY;
                watched.hinted.extend(watched.members.keys());
                return;
            }
            Err(unread) => {
                if unread == Unread::Online {
                    self.offline_from = now + OFFLINE_HELD;
                }
                (watched.known, watched.full_at) = (false, now);
                return;
            }
        };
        found.retain(|user, _| !gone.contains(user));
        if all {
            // Who left may have come back by now. And while members are first read, a hint may or may not concern them, and come before or
            // after the reading.
            if !gone.is_empty() || (!watched.known && self.last_hint >= watched.began) {
                watched.full_at = now;
            }
            let former: Vec<UserId> =
                watched.members.keys().filter(|user| !found.contains_key(user)).copied().collect();
            for user in former {
                watched.leave(user);
                forget(&mut self.rooms_of, user, room_id);
            }
            for user in found.keys() {
                if watched.join(*user) {
                    self.rooms_of.entry(*user).or_default().insert(room_id);
                }
            }
            watched.known = true;
        }
        watched.take(&found, now, self.offline_from);
        self.owing.extend(watched.owe().into_iter().map(|key| (room_id, key)));
    }

    /// Tells what is owed, as it is now, as far as the queues and the turn have space.
    fn pay(&mut self) {
        let (mut left, mut full) = (PAID_PER_TURN, Vec::new());
        // Watchers of a room share the bytes.
        let mut frames: HashMap<(RoomId, u64), ByteString> = HashMap::new();
        while left > 0
            && let Some((room_id, key)) = self.owing.pop_front()
        {
            left -= 1;
            let Some(Watched { watchers, members, changes, .. }) = self.rooms.get_mut(&room_id) else { continue };
            let Some((watcher, since)) = watchers.get_mut(&key).and_then(|it| it.since.map(|since| (it, since))) else {
                continue;
            };
            let mut has_space = true;
            for (change, user) in changes.range(watcher.told + 1..).take(PAID_AT_ONCE) {
                let Some(presence) = members.get(user).map(|member| member.presence(room_id, *user)) else { continue };
                left = left.saturating_sub(1);
                // Who was offline when it began is no news.
                if presence.status == PresenceStatus::Online || *change > since {
                    let mut render = || {
                        self.pushes += 1;
                        let json = serde_json::to_string(&presence).unwrap_or_default();
                        Rendered::aside(room_id, "presence", self.pushes, &json).frame(&watcher.sink)
                    };
                    let frame = match watcher.sink {
                        Sink::Native => frames.entry((room_id, *change)).or_insert_with(render).clone(),
                        Sink::Stomp { .. } => render(),
                    };
                    has_space = watcher.session.outbox.try_push_aside(frame);
                    if !has_space {
                        break;
                    }
                    self.delivered += 1;
                }
                watcher.told = *change;
            }
            let owed = changes.last_key_value().is_some_and(|(last, _)| watcher.told < *last);
            watcher.owed = owed;
            match (owed, has_space) {
                (true, true) => self.owing.push_back((room_id, key)),
                (true, false) => full.push((room_id, key)),
                (false, _) => {}
            }
        }
        self.owing.extend(full);
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

#[cfg(test)]
#[path = "presence_tests.rs"]
mod tests;
