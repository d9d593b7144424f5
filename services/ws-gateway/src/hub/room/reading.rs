//! Read marks on their way to the room's subscribers.

use std::time::Instant;

use chat_protocol::{SessionId, UserId};

use super::Room;
use crate::hub::sink::{Feed, Rendered};

/// To whose sessions a mark goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Those of its user.
    Own,
    /// Everybody else's.
    Others,
}

impl Room {
    /// Takes a mark from the room's channel. Its user's own sessions have it from the user's channel.
    pub fn take_mark(&mut self, user_id: UserId, seq: i64, json: &str, now: Instant) {
        if self.receipts.take(user_id, seq, json, now) {
            self.push_mark(user_id, Whose::Others, json);
        }
    }

    /// Tells the marks that are due; `true` when all of them are to be read for a summary.
    pub fn tell_marks(&mut self, now: Instant) -> bool {
        if !self.subscribers.iter().any(|subscriber| subscriber.feed.has(Feed::READ)) {
            self.receipts.unwanted();
            return false;
        }
        for (user_id, json) in self.receipts.due(now) {
            self.push_mark(user_id, Whose::Others, &json);
        }
        self.receipts.summary_due(now)
    }

    /// The marks of all members were read.
    pub fn marks_read(&mut self, marks: Option<Vec<(UserId, i64)>>, now: Instant) {
        if let Some(summary) = self.receipts.read(self.id, marks, now)
            && let Ok(json) = serde_json::to_string(&summary)
        {
            self.push_aside(Feed::READ, "readSummary", &json);
        }
    }

    /// Tells a mark. Returns the sessions it was for, whether or not their queues had space.
    pub fn push_mark(&mut self, user_id: UserId, whose: Whose, json: &str) -> Vec<SessionId> {
        self.asides += 1;
        let mut rendered = Rendered::aside(self.id, "read", self.asides, json);
        let mut sessions = Vec::new();
        for subscriber in &self.subscribers {
            let own = subscriber.session.user_id == user_id;
            if !subscriber.hears(Feed::READ) || own != (whose == Whose::Own) {
                continue;
            }
            sessions.push(subscriber.session.id);
            if subscriber.session.outbox.try_push_aside(rendered.frame(&subscriber.sink)) {
                self.tally.delivered += 1;
            }
        }
        sessions
    }

    /// The process slept.
    pub fn slept(&mut self) {
        self.receipts.slept();
    }

    /// Marks may have moved that nobody told: Redis may have lost some, or an entry moved its sender's.
    pub fn unsure_of_marks(&mut self) {
        self.receipts.unsure();
    }
}
