//! Bringing subscribers forward whose cursor is behind the room's position: from the ring, or with pages of the database.

use std::time::Instant;

use super::{Removed, Room, State, Subscriber, Whom};

impl Room {
    /// Brings forward whom the ring can. Returns the subscriptions that ended on the way.
    pub fn serve_from_ring(&mut self, now: Instant) -> Vec<Removed> {
        let mut removed = Vec::new();
        let Some(position) = self.position else { return removed };
        let mut behind = self.behind_in_ring(position);
        let Some(lowest) = behind.iter().map(|index| self.subscribers[*index].cursor).min() else { return removed };
        for seq in lowest + 1..=position {
            let Some(event) = self.ring.get(seq) else {
                // Not as it should be: the database is asked instead.
                self.ring.clear();
                return removed;
            };
            let ended = removed.len();
            self.hand_over(&event, Whom::These(&behind), now, &mut removed);
            if removed.len() > ended {
                behind = self.behind_in_ring(position);
            }
        }
        let there = behind.iter().filter(|index| self.subscribers[**index].cursor == position).count();
        self.tally.ring_catch_ups += there as u64;
        removed
    }

    /// The lowest cursor that only a page brings forward.
    pub(super) fn lowest_cursor_for_page(&self, position: i64) -> Option<i64> {
        let behind = self.subscribers.iter().filter(|s| is_behind(s, position) && !self.ring.covers(s.cursor));
        behind.map(|subscriber| subscriber.cursor).min()
    }

    /// Subscribers that the ring brings forward now: those that know of something beyond the position wait until it has come, so that none
    /// is shown a message as it was before they looked.
    fn behind_in_ring(&self, position: i64) -> Vec<usize> {
        let served = |s: &Subscriber| is_behind(s, position) && s.known <= position && self.ring.covers(s.cursor);
        let found = self.subscribers.iter().enumerate().filter(|(_, subscriber)| served(subscriber));
        found.map(|(index, _)| index).collect()
    }
}

fn is_behind(subscriber: &Subscriber, position: i64) -> bool {
    subscriber.state == State::Active && subscriber.cursor < position
}
