//! Log-ins that end while their sessions are connected. Redis tells at once; what it lost is found when all are checked.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use chat_protocol::UserId;
use chat_store::Standing;

use super::Hub;
use crate::{hub::effect::Effect, ws::outbox::Item};

/// The log-ins of all sessions are checked this often: the longest that news lost by Redis Pub/Sub goes unnoticed.
const ALL_EVERY: Duration = Duration::from_secs(20);
/// Those of new sessions are checked once more this soon after: their token may have been checked just before the news, and their channel been
/// subscribed just after it. All that came meanwhile are one query.
const NEW_EVERY: Duration = Duration::from_secs(1);

/// Which log-ins are to be checked, and when.
pub(super) struct LogIns {
    all_due: Instant,
    new: HashSet<UserId>,
    new_due: Instant,
}

impl LogIns {
    pub(super) fn new(now: Instant) -> Self {
        Self { all_due: now + ALL_EVERY, new: HashSet::new(), new_due: now }
    }

    /// A session has begun.
    pub(super) fn attached(&mut self, user_id: UserId) {
        self.new.insert(user_id);
    }

    /// News may have been lost.
    pub(super) fn check_all(&mut self, now: Instant) {
        self.all_due = now;
    }
}

impl Hub {
    pub(super) fn check_logins(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let due = if now >= self.log_ins.all_due {
            self.log_ins.all_due = now + ALL_EVERY;
            self.log_ins.new.clear();
            self.users.keys().copied().collect()
        } else if now >= self.log_ins.new_due {
            self.log_ins.new_due = now + NEW_EVERY;
            self.log_ins.new.drain().filter(|user_id| self.users.contains_key(user_id)).collect()
        } else {
            Vec::new()
        };
        if !due.is_empty() {
            effects.push(Effect::CheckLogins(due));
        }
    }

    /// Each session compares its own token.
    pub(super) fn standings(&mut self, standings: &[(UserId, Arc<Standing>)]) {
        for (user_id, standing) in standings {
            for session in self.users.get(user_id).into_iter().flatten() {
                if let Some(state) = self.sessions.get(session) {
                    state.handle.outbox.push(Item::Standing(Arc::clone(standing)));
                }
            }
        }
    }
}
