//! The latest events of a room, from which those come forward who were away for a moment: after a mass reconnect the database is not asked
//! for what the gateway has just handed over.
//!
//! It shows what a page of the database would show. Its events follow each other without a gap, up to the room's position. A change says
//! what its message looks like from then on (ADR 0011), so an event whose message was changed since is brought up to that state before it
//! is shown; as every change has a place of its own, the ring holds all changes since its first event.

use std::collections::{HashMap, VecDeque};

use bytestring::ByteString;
use chat_protocol::Change;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::hub::sink::TimelineEvent;

/// What an event takes beside its JSON.
const OVERHEAD: usize = 128;

/// How much a ring keeps. Beyond it the oldest event goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingLimits {
    /// Events; 0: nothing is kept.
    pub events: usize,
    /// Bytes of all of them.
    pub bytes: usize,
}

#[derive(Debug)]
struct Slot {
    event: TimelineEvent,
    /// Its message is shown as it was after this change.
    as_of: i64,
}

impl Slot {
    fn new(event: TimelineEvent) -> Self {
        Self { as_of: event.seq, event }
    }

    fn bytes(&self) -> usize {
        self.event.json.len() + OVERHEAD
    }
}

/// The events.
#[derive(Debug)]
pub struct Ring {
    slots: VecDeque<Slot>,
    limits: RingLimits,
    /// Place of a message → place of its last change in here.
    changes: HashMap<i64, i64>,
    bytes: usize,
}

/// What is read of a change.
#[derive(Deserialize)]
struct Shown<'a> {
    #[serde(borrow)]
    message: &'a RawValue,
}

impl Ring {
    /// Nothing yet.
    pub fn new(limits: RingLimits) -> Self {
        Self { slots: VecDeque::new(), limits, changes: HashMap::new(), bytes: 0 }
    }

    /// Bytes kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether everything after this seq is here, up to the room's position.
    pub fn covers(&self, cursor: i64) -> bool {
        self.slots.front().is_some_and(|first| first.event.seq <= cursor + 1)
    }

    /// The next event of the room.
    pub fn push(&mut self, event: TimelineEvent) {
        if self.slots.back().is_some_and(|last| last.event.seq + 1 != event.seq) {
            self.clear();
        }
        self.note_change(&event);
        let slot = Slot::new(event);
        self.bytes += slot.bytes();
        self.slots.push_back(slot);
        self.trim();
    }

    /// Takes from a page what goes before the first event, or ends at the room's position, as far as there is space.
    pub fn extend_back(&mut self, page: &[TimelineEvent], position: i64) {
        let end = self.slots.front().map_or(position, |first| first.event.seq - 1);
        let mut next = end;
        for event in page.iter().rev().skip_while(|event| event.seq > end) {
            let slot = Slot::new(event.clone());
            if event.seq != next
                || self.slots.len() >= self.limits.events
                || self.bytes + slot.bytes() > self.limits.bytes
            {
                return;
            }
            self.note_change(event);
            self.bytes += slot.bytes();
            self.slots.push_front(slot);
            next -= 1;
        }
    }

    /// Keeps no more than this from now on.
    pub fn limit(&mut self, limits: RingLimits) {
        self.limits = limits;
        self.trim();
    }

    /// Keeps nothing of what was.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.changes.clear();
        self.bytes = 0;
    }

    /// An event, with its message as it is now. `None` when it is not here, or cannot be told.
    pub fn get(&mut self, seq: i64) -> Option<TimelineEvent> {
        let first = self.slots.front()?.event.seq;
        let index = usize::try_from(seq - first).ok()?;
        let slot = self.slots.get(index)?;
        let newest = self.changes.get(&slot.event.shows).copied().unwrap_or(seq);
        if newest > slot.as_of {
            let change = &self.slots.get(usize::try_from(newest - first).ok()?)?.event.json;
            let json = brought_up(&slot.event, change)?;
            let slot = self.slots.get_mut(index)?;
            self.bytes = self.bytes - slot.event.json.len() + json.len();
            (slot.event.json, slot.as_of) = (json, newest);
        }
        Some(self.slots.get(index)?.event.clone())
    }

    fn note_change(&mut self, event: &TimelineEvent) {
        if !event.kind.is_message() {
            let last = self.changes.entry(event.shows).or_insert(event.seq);
            *last = event.seq.max(*last);
        }
    }

    fn trim(&mut self) {
        while self.slots.len() > self.limits.events || self.bytes > self.limits.bytes {
            let Some(oldest) = self.slots.pop_front() else { return };
            self.bytes -= oldest.bytes();
            if self.changes.get(&oldest.event.shows) == Some(&oldest.event.seq) {
                self.changes.remove(&oldest.event.shows);
            }
        }
    }
}

/// The event's JSON with its message as a later change shows it.
fn brought_up(event: &TimelineEvent, change: &ByteString) -> Option<ByteString> {
    let message = serde_json::from_str::<Shown<'_>>(change).ok()?.message.get();
    if event.kind.is_message() {
        return Some(change.slice_ref(message));
    }
    let mut earlier: Change = serde_json::from_str(&event.json).ok()?;
    earlier.message = serde_json::from_str(message).ok()?;
    serde_json::to_string(&earlier).ok().map(ByteString::from)
}
