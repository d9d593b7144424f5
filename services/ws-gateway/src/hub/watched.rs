//! A room whose members' presence is watched: what was told of them, and when to look again.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use chat_protocol::{SessionId, UserId, push::PresenceStatus};

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

/// Which members to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All, as the database has them now.
    All,
    /// These.
    Users(Vec<UserId>),
}

/// What was told of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing yet, or that they went.
    Offline,
    /// That they are there.
    Online,
    /// The same, but since then a check did not find them.
    Going(Instant),
}

/// Which subscription.
pub type WatcherKey = (SessionId, SubscriptionKey);

#[derive(Debug)]
pub struct Watcher {
    pub session: Arc<SessionHandle>,
    pub sink: Sink,
    /// Has not had the snapshot: the members are not known yet.
    pub fresh: bool,
    /// Members whose status is still to be told: the snapshot, and what the queue had no space for.
    pub owed: BTreeSet<UserId>,
}

#[derive(Debug)]
pub struct Watched {
    pub watchers: HashMap<WatcherKey, Watcher>,
    pub members: HashMap<UserId, Standing>,
    /// Whether all members were checked, and nothing failed since.
    pub known: bool,
    /// Named by hints.
    pub hinted: HashSet<UserId>,
    /// When those that seem to go are looked at again.
    pub again_at: Option<Instant>,
    pub full_at: Instant,
    pub not_before: Instant,
    pub checking: bool,
}

impl Watched {
    pub fn new(now: Instant) -> Self {
        Self {
            watchers: HashMap::new(),
            members: HashMap::new(),
            known: false,
            hinted: HashSet::new(),
            again_at: None,
            full_at: now,
            not_before: now,
            checking: false,
        }
    }

    /// Everybody told as online.
    pub fn online(&self) -> BTreeSet<UserId> {
        let online = self.members.iter().filter(|(_, standing)| **standing != Standing::Offline);
        online.map(|(user, _)| *user).collect()
    }

    /// The check to begin now.
    pub fn begin_check(&mut self, now: Instant) -> Option<Scope> {
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
                let going = self.members.iter().filter(|(_, standing)| matches!(standing, Standing::Going(_)));
                self.hinted.extend(going.map(|(user, _)| *user));
            }
            if self.hinted.is_empty() {
                return None;
            }
            Scope::Users(self.hinted.drain().collect())
        };
        self.checking = true;
        self.not_before = now + CHECK_EVERY;
        Some(scope)
    }

    /// Takes what a check found of members, and says what to tell. Nobody is told as offline before `offline_from`.
    pub fn take(
        &mut self,
        found: &HashMap<UserId, bool>,
        now: Instant,
        offline_from: Instant,
    ) -> Vec<(UserId, PresenceStatus)> {
        let mut changes = Vec::new();
        for (user, online) in found {
            let Some(standing) = self.members.get_mut(user) else { continue };
            *standing = match (*standing, *online) {
                (Standing::Offline, false) => Standing::Offline,
                (Standing::Offline, true) => {
                    changes.push((*user, PresenceStatus::Online));
                    Standing::Online
                }
                (Standing::Online | Standing::Going(_), true) => Standing::Online,
                (Standing::Going(since), false)
                    if now >= offline_from && now.duration_since(since) >= OFFLINE_AFTER =>
                {
                    changes.push((*user, PresenceStatus::Offline));
                    Standing::Offline
                }
                (standing @ (Standing::Online | Standing::Going(_)), false) => {
                    self.again_at.get_or_insert((now + OFFLINE_AFTER).max(offline_from));
                    if standing == Standing::Online { Standing::Going(now) } else { standing }
                }
            };
        }
        changes
    }
}
