//! A room whose members' presence is watched: what was found of them, who was told how far, and when to look again.
//!
//! Changes have an order, and of each member it has the newest only. A watcher has a place in it: what is behind is told, what is ahead is
//! owed. So a room costs as much as it has members and watchers, not their product, and who is slow is told how it is then.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use chat_protocol::{RoomId, SessionId, UserId, push::Presence, push::PresenceStatus};
use jiff::Timestamp;

use super::{
    SessionHandle,
    sink::{Sink, SubscriptionKey},
};

/// Hints of this long are answered by one check of the room.
pub const CHECK_EVERY: Duration = Duration::from_secs(1);
/// All members are read and checked this often.
pub const FULL_EVERY: Duration = Duration::from_secs(10);
/// A member is told as offline when two checks so far apart did not find them: who reconnects, to another gateway perhaps, never went.
pub const OFFLINE_AFTER: Duration = Duration::from_secs(3);

/// A check to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Of whom.
    pub scope: Scope,
    /// Who is told as offline when they are not found now: of them it is read when they were last seen.
    pub going: Vec<UserId>,
}

/// Which members to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All, as the database has them now.
    All,
    /// These.
    Users(Vec<UserId>),
}

/// What a check found of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A session.
    Here,
    /// None, and when there last was one, if that was read and is known.
    Away(Option<Timestamp>),
}

/// What is told of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing yet, or that they went, and when.
    Offline(Option<Timestamp>),
    /// That they are there.
    Online,
    /// The same, but since then a check did not find them.
    Going(Instant),
}

#[derive(Debug)]
pub struct Member {
    standing: Standing,
    /// The place of the last change; 0 when there was none.
    changed: u64,
}

impl Member {
    /// What is told of them.
    pub fn presence(&self, room_id: RoomId, user_id: UserId) -> Presence {
        let (status, last_seen) = match self.standing {
            Standing::Offline(seen) => (PresenceStatus::Offline, seen),
            Standing::Online | Standing::Going(_) => (PresenceStatus::Online, None),
        };
        Presence { room_id, user_id, status, last_seen }
    }
}

/// Which subscription.
pub type WatcherKey = (SessionId, SubscriptionKey);

#[derive(Debug)]
pub struct Watcher {
    pub session: Arc<SessionHandle>,
    pub sink: Sink,
    /// The last change when it began: who had gone by then is not told. `None`: not begun, the members are not known yet.
    pub since: Option<u64>,
    /// The last change that was told.
    pub told: u64,
    /// Among those who are owed something.
    pub owed: bool,
}

#[derive(Debug)]
pub struct Watched {
    pub watchers: HashMap<WatcherKey, Watcher>,
    pub members: HashMap<UserId, Member>,
    /// Who changed, oldest change first.
    pub changes: BTreeMap<u64, UserId>,
    /// The place of the last change.
    pub last: u64,
    /// Whether all members were checked, and nothing failed since.
    pub known: bool,
    /// Named by hints.
    pub hinted: HashSet<UserId>,
    /// When those that seem to go are looked at again.
    pub again_at: Option<Instant>,
    pub full_at: Instant,
    pub not_before: Instant,
    pub checking: bool,
    /// When the last check began.
    pub began: Instant,
    /// Who left since the check under way began: it may have found them still.
    pub gone: HashSet<UserId>,
}

impl Watched {
    pub fn new(now: Instant) -> Self {
        Self {
            watchers: HashMap::new(),
            members: HashMap::new(),
            changes: BTreeMap::new(),
            last: 0,
            known: false,
            hinted: HashSet::new(),
            again_at: None,
            full_at: now,
            not_before: now,
            checking: false,
            began: now,
            gone: HashSet::new(),
        }
    }

    /// Somebody is a member; `false` when that is known.
    pub fn join(&mut self, user: UserId) -> bool {
        let new = !self.members.contains_key(&user);
        if new {
            self.members.insert(user, Member { standing: Standing::Offline(None), changed: 0 });
        }
        new
    }

    /// Somebody is no member any more: nothing more is told of them.
    pub fn leave(&mut self, user: UserId) -> bool {
        if self.checking {
            self.gone.insert(user);
        }
        let Some(member) = self.members.remove(&user) else { return false };
        self.changes.remove(&member.changed);
        self.hinted.remove(&user);
        true
    }

    /// Somebody came or went somewhere: look at once. Whoever seems to go was there a moment ago, wherever that was.
    pub fn hint(&mut self, user: UserId, now: Instant) {
        self.hinted.insert(user);
        if let Some(Member { standing: Standing::Going(since), .. }) = self.members.get_mut(&user) {
            *since = now;
        }
    }

    /// The check to begin now.
    pub fn begin_check(&mut self, now: Instant) -> Option<Check> {
        if self.checking || now < self.not_before {
            return None;
        }
        let scope = if now >= self.full_at {
            self.hinted.clear();
            self.again_at = None;
            self.full_at = now + FULL_EVERY;
            Scope::All
        } else {
            if self.again_at.is_some_and(|at| now >= at) {
                self.again_at = None;
                let going = self.members.iter().filter(|(_, member)| matches!(member.standing, Standing::Going(_)));
                self.hinted.extend(going.map(|(user, _)| *user));
            }
            if self.hinted.is_empty() {
                return None;
            }
            Scope::Users(self.hinted.drain().collect())
        };
        self.checking = true;
        self.began = now;
        self.not_before = now + CHECK_EVERY;
        let going =
            |user: &UserId| self.members.get(user).is_some_and(|member| matches!(member.standing, Standing::Going(_)));
        let going = match &scope {
            Scope::All => self.members.keys().copied().filter(|user| going(user)).collect(),
            Scope::Users(users) => users.iter().copied().filter(going).collect(),
        };
        Some(Check { scope, going })
    }

    /// Takes what a check found of members. Nobody is told as offline before `offline_from`.
    pub fn take(&mut self, found: &HashMap<UserId, Found>, now: Instant, offline_from: Instant) {
        for (user, found) in found {
            let Some(member) = self.members.get_mut(user) else { continue };
            let told = match (member.standing, *found) {
                (Standing::Offline(_), Found::Away(_)) => continue,
                (Standing::Offline(_), Found::Here) => Standing::Online,
                (Standing::Online | Standing::Going(_), Found::Here) => {
                    member.standing = Standing::Online;
                    continue;
                }
                (Standing::Going(since), Found::Away(seen))
                    if now >= offline_from && now.duration_since(since) >= OFFLINE_AFTER =>
                {
                    Standing::Offline(seen)
                }
                (standing, Found::Away(_)) => {
                    self.again_at.get_or_insert((now + OFFLINE_AFTER).max(offline_from));
                    if standing == Standing::Online {
                        member.standing = Standing::Going(now);
                    }
                    continue;
                }
            };
            self.last += 1;
            self.changes.remove(&member.changed);
            self.changes.insert(self.last, *user);
            *member = Member { standing: told, changed: self.last };
        }
    }

    /// Watchers that are owed something now and were not before; new ones begin if the members are known.
    pub fn owe(&mut self) -> Vec<WatcherKey> {
        let last = self.changes.last_key_value().map_or(0, |(last, _)| *last);
        let mut owed = Vec::new();
        for (key, watcher) in &mut self.watchers {
            if self.known {
                watcher.since.get_or_insert(self.last);
            }
            if watcher.since.is_some() && !watcher.owed && watcher.told < last {
                watcher.owed = true;
                owed.push(*key);
            }
        }
        owed
    }
}
