//! What is missing: the pages to read, and what they bring.

use std::time::{Duration, Instant};

use super::{AHEAD_MAX, PageRequest, Purpose, Removed, Room, Whom};
use crate::hub::sink::TimelineEvent;

/// Between two tries of a page that failed.
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(500);

impl Room {
    /// The database says the room's last seq is `head`.
    pub fn heard_head(&mut self, head: i64, now: Instant) {
        self.head = self.head.max(head);
        self.note_gap(now);
    }

    pub(super) fn note_gap(&mut self, now: Instant) {
        let behind = self.position.is_some_and(|position| position < self.head);
        self.gap_since = if behind { self.gap_since.or(Some(now)) } else { None };
    }

    /// The pages to read now. Each is asked for once, until [`Self::page`] or [`Self::page_failed`] answers it. A gap is given `gap_wait`
    /// to close by itself: events of one room may arrive out of order while a partition changes hands.
    pub fn wanted(&mut self, now: Instant, gap_wait: Duration) -> impl Iterator<Item = PageRequest> + use<> {
        let due = self.retry_at.is_none_or(|at| now >= at);
        let mut gap = None;
        let mut catch_up = None;
        if let Some(position) = self.position.filter(|_| due && self.active()) {
            let waited = self.gap_since.is_some_and(|since| now.duration_since(since) >= gap_wait);
            if !self.gap_page && self.gap_since.is_some() && (waited || self.ahead.len() >= AHEAD_MAX) {
                self.gap_page = true;
                gap = Some(PageRequest { after: position, purpose: Purpose::Gap });
            }
            if !self.catch_up_page
                && let Some(after) = self.lowest_cursor_for_page(position)
            {
                self.catch_up_page = true;
                catch_up = Some(PageRequest { after, purpose: Purpose::CatchUp });
            }
        }
        gap.into_iter().chain(catch_up)
    }

    /// A page arrived: it fills the room's gap and brings those forward who are within it. Its end is kept for those who come after them.
    pub fn page(&mut self, purpose: Purpose, events: &[TimelineEvent], now: Instant) -> Vec<Removed> {
        self.page_done(purpose);
        // An empty page where something was expected is asked for again, but not in a tight loop.
        self.retry_at = if events.is_empty() { Some(now + RETRY_PAUSE) } else { None };
        let mut removed = Vec::new();
        for event in events {
            if self.position.is_some_and(|position| event.seq <= position) {
                self.hand_over(event, Whom::Behind, now, &mut removed);
            } else {
                removed.extend(self.push(event.clone(), now));
            }
        }
        if let Some(position) = self.position {
            self.ring.extend_back(events, position);
        }
        removed
    }

    /// A page could not be read; it is asked for again after a pause.
    pub fn page_failed(&mut self, purpose: Purpose, now: Instant) {
        self.page_done(purpose);
        self.retry_at = Some(now + RETRY_PAUSE);
    }

    pub(super) fn page_done(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Gap => self.gap_page = false,
            Purpose::CatchUp => self.catch_up_page = false,
        }
    }
}
