//! Which marks of a room are told one by one, and when their summary is told instead. No I/O.
//!
//! A mark that comes alone is told at once. Those that come within [`WINDOW`] after it wait for its end and collapse to the farthest of each
//! member. More than [`SINGLES`] in a second are not told one by one: a summary of all marks is, and from then on after every change, at
//! most one per [`SUMMARY_EVERY`], because whoever counts by it cannot count on by single marks. An entry of the timeline is a change, too: it
//! moves its sender's mark, or brings or ends marks, and no mark says so.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use chat_protocol::{ReadSummary, RoomId, UserId};

use crate::marks::summary::summary;

/// Marks of this long are collected.
pub const WINDOW: Duration = Duration::from_millis(100);
/// Most marks told one by one in a second.
pub const SINGLES: usize = 50;
/// Summaries are told at most this often.
pub const SUMMARY_EVERY: Duration = Duration::from_secs(1);

/// The marks of one room on this gateway.
#[derive(Debug, Default)]
pub struct Receipts {
    /// The farthest mark told of each member, by itself or in a summary.
    told: HashMap<UserId, i64>,
    /// Receipts that wait for the end of the window; at most [`SINGLES`].
    waiting: HashMap<UserId, Box<str>>,
    window_ends: Option<Instant>,
    second_ends: Option<Instant>,
    /// How many may still be told one by one in this second.
    singles_left: usize,
    /// Whether there has been a summary.
    summarised: bool,
    /// Something moved since the marks were last read.
    changed: bool,
    reading: bool,
    summary_from: Option<Instant>,
}

impl Receipts {
    /// Takes a mark; `true` when it is to be told at once.
    pub fn take(&mut self, user_id: UserId, seq: i64, json: &str, now: Instant) -> bool {
        if !self.moves(user_id, seq) {
            return false;
        }
        self.changed |= self.summarised;
        if self.second_ends.is_none_or(|ends| now >= ends) {
            (self.second_ends, self.singles_left) = (Some(now + Duration::from_secs(1)), SINGLES);
        }
        if self.window_ends.is_none() && self.singles_left > 0 {
            self.window_ends = Some(now + WINDOW);
            self.singles_left -= 1;
            return true;
        }
        if self.waiting.contains_key(&user_id) || self.waiting.len() < self.singles_left {
            self.waiting.insert(user_id, json.into());
        } else {
            self.waiting.clear();
            self.singles_left = 0;
            (self.summarised, self.changed) = (true, true);
        }
        false
    }

    /// Whether a mark is ahead of all that were told of this member; it counts as told then.
    fn moves(&mut self, user_id: UserId, seq: i64) -> bool {
        let told = self.told.entry(user_id).or_insert(0);
        let moves = seq > *told;
        *told = seq.max(*told);
        moves
    }

    /// The marks whose window is over.
    pub fn due(&mut self, now: Instant) -> Vec<(UserId, Box<str>)> {
        if self.window_ends.is_none_or(|ends| now < ends) {
            return Vec::new();
        }
        let due: Vec<_> = self.waiting.drain().collect();
        self.singles_left = self.singles_left.saturating_sub(due.len());
        self.window_ends = if due.is_empty() { None } else { Some(now + WINDOW) };
        due
    }

    /// Whether the marks are to be read now, for a summary; [`Self::read`] takes them.
    pub fn summary_due(&mut self, now: Instant) -> bool {
        let due = self.changed && !self.reading && self.summary_from.is_none_or(|from| now >= from);
        if due {
            (self.reading, self.changed) = (true, false);
        }
        due
    }

    /// The marks of all members as they were read; `None` when that failed, and is to be tried again.
    pub fn read(&mut self, room_id: RoomId, marks: Option<Vec<(UserId, i64)>>, now: Instant) -> Option<ReadSummary> {
        self.reading = false;
        self.summary_from = Some(now + SUMMARY_EVERY);
        let Some(mut marks) = marks else {
            self.changed = true;
            return None;
        };
        // What was told here stays: Redis may have lost it, and PostgreSQL not have it yet. But for those who are no members any more.
        let members: HashSet<UserId> = marks.iter().map(|(user_id, _)| *user_id).collect();
        self.told.retain(|user_id, _| members.contains(user_id));
        for (user_id, seq) in &mut marks {
            let told = self.told.entry(*user_id).or_insert(0);
            *told = (*told).max(*seq);
            *seq = *told;
        }
        Some(summary(room_id, marks.into_iter().map(|(_, seq)| seq)))
    }

    /// Nobody wants to know.
    pub fn unwanted(&mut self) {
        self.waiting.clear();
        self.changed = false;
    }

    /// The process slept: what waited since then is old.
    pub fn slept(&mut self) {
        self.waiting.clear();
    }

    /// Marks may have moved that nobody told: a room that goes by summaries gets one.
    pub fn unsure(&mut self) {
        self.changed |= self.summarised;
    }
}

#[cfg(test)]
#[path = "receipts_tests.rs"]
mod tests;
