//! One room on this gateway: puts events in order, hands each subscriber every seq exactly once, and says what it must read from the
//! database to do so. No I/O: the hub carries out what it asks for.
//!
//! The one rule: a subscriber gets an event if and only if its cursor is the seq before. A subscriber whose cursor is behind the room's
//! position (it resumed from an older seq, or its queue was full) is brought forward from the [`ring`], or with pages from the database.

mod catch_up;
mod missing;
mod reading;
mod ring;
#[cfg(test)]
mod ring_tests;
mod subscribers;
#[cfg(test)]
mod tests;
mod typing;

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chat_protocol::{ErrorCode, RoomId, SessionId, UserId};

pub use self::{reading::Whose, ring::RingLimits};
use self::{ring::Ring, typing::TypingGate};
use super::{
    SessionHandle,
    receipts::Receipts,
    sink::{Feed, Rendered, Sink, SubscriptionKey, TimelineEvent},
};
use crate::ws::outbox::{Item, Push};

/// Most events held back behind a gap; beyond it the gap is filled from the database at once.
const AHEAD_MAX: usize = 256;

/// Why a page is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The room itself missed something.
    Gap,
    /// Subscribers are behind.
    CatchUp,
}

/// A page to read: everything after `after`, as much as fits a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// Cursor.
    pub after: i64,
    /// Why.
    pub purpose: Purpose,
}

/// Whether a subscriber takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its membership is being checked; nothing reaches it before the reply.
    Waiting,
    /// Gets events, or pages while its cursor is behind.
    Active,
    /// Its queue is full; goes on when there is space.
    Parked,
}

/// To whom an event is handed, if their cursor is just before it.
#[derive(Debug, Clone, Copy)]
enum Whom<'a> {
    /// Everybody: the event is new.
    Live,
    /// Everybody behind the position.
    Behind,
    /// These subscribers, by index.
    These(&'a [usize]),
}

/// A subscription to the room.
#[derive(Debug)]
struct Subscriber {
    session: Arc<SessionHandle>,
    key: SubscriptionKey,
    sink: Sink,
    feed: Feed,
    /// Last seq handed over.
    cursor: i64,
    /// The entry by which the user became a member: no message before it is shown.
    joined_seq: i64,
    /// The room's head when its membership was checked.
    known: i64,
    /// The membership has ended with an entry that the cursor has not reached: from now on only what led up to it is told.
    ending: bool,
    state: State,
}

impl Subscriber {
    /// Whether what stands beside the timeline is told to it.
    fn hears(&self, feed: Feed) -> bool {
        self.feed.has(feed) && self.state == State::Active && !self.ending
    }
}

/// Counts for the metrics, reset by whoever reads them.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Frames queued to sessions.
    pub delivered: u64,
    /// Subscribers parked.
    pub parked: u64,
    /// Subscribers brought forward to the position by the ring.
    pub ring_catch_ups: u64,
}

/// The room.
#[derive(Debug)]
pub struct Room {
    id: RoomId,
    /// Everything up to here went to the subscribers; `None` until the head was read once.
    position: Option<i64>,
    /// The highest seq known to exist.
    head: i64,
    /// Events that arrived before their predecessors.
    ahead: BTreeMap<i64, TimelineEvent>,
    /// The last events up to the position.
    ring: Ring,
    /// Since when something is known to be missing.
    gap_since: Option<Instant>,
    /// Pages under way.
    gap_page: bool,
    catch_up_page: bool,
    /// After a failed read: not before this.
    retry_at: Option<Instant>,
    subscribers: Vec<Subscriber>,
    /// Those that began to end since the last [`Self::take_ending`].
    ending: Vec<(SessionId, SubscriptionKey)>,
    /// Since when nobody is subscribed.
    idle_since: Option<Instant>,
    asides: u64,
    receipts: Receipts,
    typing: TypingGate,
    tally: Tally,
}

impl Room {
    /// A room of which nothing is known yet.
    pub fn new(id: RoomId, ring: RingLimits, now: Instant) -> Self {
        Self {
            id,
            position: None,
            head: 0,
            ahead: BTreeMap::new(),
            ring: Ring::new(ring),
            gap_since: None,
            gap_page: false,
            catch_up_page: false,
            retry_at: None,
            subscribers: Vec::new(),
            ending: Vec::new(),
            idle_since: Some(now),
            asides: 0,
            receipts: Receipts::default(),
            typing: TypingGate::default(),
            tally: Tally::default(),
        }
    }

    /// Everything up to here was handed over; `None` while the room opens.
    pub fn position(&self) -> Option<i64> {
        self.position
    }

    /// The highest seq known to exist.
    pub fn head(&self) -> i64 {
        self.head.max(self.position.unwrap_or(0))
    }

    /// Whether somebody is subscribed.
    pub fn active(&self) -> bool {
        !self.subscribers.is_empty()
    }

    /// Whether nobody has been subscribed for this long.
    pub fn idle_for(&self, now: Instant, long: Duration) -> bool {
        self.idle_since.is_some_and(|since| now.duration_since(since) >= long)
    }

    /// Keeps no more than this for those who come back.
    pub fn limit_ring(&mut self, limits: RingLimits) {
        self.ring.limit(limits);
    }

    /// Bytes kept for those who come back.
    pub fn ring_bytes(&self) -> usize {
        self.ring.bytes()
    }

    /// What was counted since the last call.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Subscriptions whose membership has ended since the last call, while the entry that says so has not reached them.
    pub fn take_ending(&mut self) -> Vec<(SessionId, SubscriptionKey)> {
        std::mem::take(&mut self.ending)
    }

    /// Takes a live event, in whatever order it arrives. Returns the subscriptions that ended with it.
    pub fn push(&mut self, event: TimelineEvent, now: Instant) -> Vec<Removed> {
        self.head = self.head.max(event.seq);
        let mut removed = Vec::new();
        match self.position {
            Some(position) if event.seq <= position => {}
            Some(position) if event.seq == position + 1 => self.advance(&event, now, &mut removed),
            _ => {
                self.ahead.insert(event.seq, event);
                if self.ahead.len() > AHEAD_MAX {
                    // The far end can be read again, the near end is needed first.
                    self.ahead.pop_last();
                }
            }
        }
        removed.extend(self.go_on(now));
        removed
    }

    /// Hands over what was held back and is next now: after an event that closed a gap, and when the room has opened.
    pub fn go_on(&mut self, now: Instant) -> Vec<Removed> {
        let mut removed = Vec::new();
        while let (Some(position), Some(next)) = (self.position, self.ahead.first_entry()) {
            if *next.key() > position + 1 {
                break;
            }
            let event = next.remove();
            if event.seq == position + 1 {
                self.advance(&event, now, &mut removed);
            }
        }
        self.note_gap(now);
        removed
    }

    /// Whether the room is told that this user types.
    pub fn admits_typing(&mut self, user_id: UserId, now: Instant) -> bool {
        self.typing.admits(user_id, now)
    }

    /// Tells what stands beside the timeline to those who want it. Not sequenced: a queue that fills just misses it, the next one says more.
    pub fn push_aside(&mut self, feed: Feed, event: &'static str, json: &str) {
        self.asides += 1;
        let mut rendered = Rendered::aside(self.id, event, self.asides, json);
        for subscriber in &self.subscribers {
            if subscriber.hears(feed) && subscriber.session.outbox.try_push_aside(rendered.frame(&subscriber.sink)) {
                self.tally.delivered += 1;
            }
        }
    }

    fn advance(&mut self, event: &TimelineEvent, now: Instant, removed: &mut Vec<Removed>) {
        self.position = Some(event.seq);
        self.typing.advance(event, now);
        if event.kind.is_message() {
            self.unsure_of_marks();
        }
        self.ring.push(event.clone());
        self.hand_over(event, Whom::Live, now, removed);
    }

    /// Gives an event to every subscriber whose cursor is just before it.
    fn hand_over(&mut self, event: &TimelineEvent, whom: Whom<'_>, now: Instant, removed: &mut Vec<Removed>) {
        let head = self.head();
        let mut rendered = Rendered::timeline(self.id, event);
        let withheld = OnceCell::new();
        let mut rendered_withheld = None;
        let count = if let Whom::These(indices) = whom { indices.len() } else { self.subscribers.len() };
        for nth in 0..count {
            let index = if let Whom::These(indices) = whom { indices[nth] } else { nth };
            let subscriber = &mut self.subscribers[index];
            if subscriber.state != State::Active || subscriber.cursor + 1 != event.seq {
                continue;
            }
            if !subscriber.feed.timeline() {
                subscriber.cursor = event.seq;
                continue;
            }
            let frame = if event.shows < subscriber.joined_seq {
                let withheld = withheld.get_or_init(|| event.withheld());
                rendered_withheld.get_or_insert_with(|| Rendered::timeline(self.id, withheld)).frame(&subscriber.sink)
            } else {
                rendered.frame(&subscriber.sink)
            };
            if subscriber.session.outbox.try_push(frame) {
                subscriber.cursor = event.seq;
                self.tally.delivered += 1;
            } else {
                subscriber.state = State::Parked;
                self.tally.parked += 1;
                let lagging = Push::Lagging { room_id: self.id, seq: subscriber.cursor, head };
                subscriber.session.outbox.push(Item::Push(lagging));
            }
        }
        if !event.removed.is_empty() {
            self.expel(event, matches!(whom, Whom::Live), now, removed);
        }
    }

    /// Ends the subscriptions of users whose membership ends with this event: those that have it, and, when it is new, those still waiting.
    /// Whoever waits when it is told again became a member after it, or is about to be refused. Those that have yet to be brought forward to
    /// it begin to end.
    fn expel(&mut self, event: &TimelineEvent, live: bool, now: Instant, removed: &mut Vec<Removed>) {
        let mut index = 0;
        while let Some(subscriber) = self.subscribers.get_mut(index) {
            let concerned = event.removed.contains(&subscriber.session.user_id);
            let waits = subscriber.state == State::Waiting;
            // A later membership of the same user begins after it.
            let ends = event.seq >= subscriber.joined_seq;
            let has_it = subscriber.cursor == event.seq && ends;
            if concerned && (if waits { live } else { has_it }) {
                let gone = self.remove_at(index, now);
                if gone.state != State::Waiting {
                    let push = Push::Unsubscribed { room_id: self.id, code: ErrorCode::RoomNotFound };
                    gone.session.outbox.push(Item::Push(push));
                }
                removed.push(Removed { session: gone.session, key: gone.key, feed: gone.feed });
            } else {
                if concerned && live && ends && !subscriber.ending {
                    subscriber.ending = true;
                    self.ending.push((subscriber.session.id, subscriber.key));
                }
                index += 1;
            }
        }
    }
}

/// A subscription that ended because its user is no longer a member.
#[derive(Debug)]
pub struct Removed {
    /// Whose.
    pub session: Arc<SessionHandle>,
    /// Which.
    pub key: SubscriptionKey,
    /// What it had.
    pub feed: Feed,
}
