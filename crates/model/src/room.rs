//! The room on a gateway: the same rules as `services/ws-gateway/src/hub/room`, without sessions, queues and time.

use std::collections::BTreeSet;

use crate::{Client, Command, Entry, Rules};

/// Why a page is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The room itself missed something.
    Gap,
    /// A subscriber is behind the room.
    CatchUp,
}

/// How far a subscription is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Its membership is to be read.
    Waiting,
    /// It was read: the room's head at that time, or no member.
    Checked(Option<usize>),
    /// It takes part; the last seq it was given.
    Active(usize),
}

/// What the room told its subscribers.
#[derive(Debug, Default)]
pub struct Told {
    /// To whom what, in order.
    pub frames: Vec<(usize, Entry)>,
    /// Whose subscription ended.
    pub removed: Vec<usize>,
}

/// The room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Room {
    /// Whether the gateway is subscribed to the room's Redis channel.
    pub listening: bool,
    /// Everything up to here went to the subscribers; `None` until the head was read once.
    pub position: Option<usize>,
    /// The highest seq known to exist.
    pub head: usize,
    /// Events that arrived before their predecessors.
    pub ahead: BTreeSet<Entry>,
    /// Pages under way, with the rows they hold.
    pub gap_page: Option<Vec<Entry>>,
    /// The same, for subscribers.
    pub catch_up_page: Option<Vec<Entry>>,
    /// Subscriptions, by client.
    pub subscribers: Vec<(usize, Phase)>,
}

impl Room {
    /// How far the client's subscription is.
    pub fn phase(&self, client: usize) -> Option<Phase> {
        self.subscribers.iter().find(|(of, _)| *of == client).map(|(_, phase)| *phase)
    }

    /// Changes that; `None` ends the subscription.
    pub fn set_phase(&mut self, client: usize, phase: Option<Phase>) {
        self.subscribers.retain(|(of, _)| *of != client);
        self.subscribers.extend(phase.map(|phase| (client, phase)));
        self.subscribers.sort_unstable();
    }

    /// The cursor after which a page of this kind is wanted.
    pub fn wanted(&self, purpose: Purpose) -> Option<usize> {
        let position = self.position.filter(|_| !self.subscribers.is_empty())?;
        match purpose {
            Purpose::Gap => (self.gap_page.is_none() && position < self.head).then_some(position),
            Purpose::CatchUp => {
                let cursor = |(_, phase): &(usize, Phase)| match phase {
                    Phase::Active(cursor) if *cursor < position => Some(*cursor),
                    _ => None,
                };
                self.subscribers.iter().filter_map(cursor).min().filter(|_| self.catch_up_page.is_none())
            }
        }
    }

    /// The page under way.
    pub fn page_mut(&mut self, purpose: Purpose) -> &mut Option<Vec<Entry>> {
        match purpose {
            Purpose::Gap => &mut self.gap_page,
            Purpose::CatchUp => &mut self.catch_up_page,
        }
    }

    /// Lets a checked member take part, and returns the seq after which its frames start. `None`: its cursor is beyond the head.
    pub fn admit(
        &mut self,
        client: usize,
        checked_head: usize,
        after: Option<usize>,
        rules: &Rules,
        told: &mut Told,
    ) -> Option<usize> {
        let position = *self.position.get_or_insert(checked_head);
        if rules.believe_checked_head {
            self.head = self.head.max(checked_head);
        }
        if after.is_some_and(|after| after > self.head.max(position)) {
            self.set_phase(client, None);
            return None;
        }
        let mut cursor = after.unwrap_or(position);
        if rules.start_at_checked_head {
            cursor = cursor.min(checked_head);
        }
        self.set_phase(client, Some(Phase::Active(cursor)));
        self.go_on(rules, told);
        Some(cursor)
    }

    /// Takes a live event, in whatever order it arrives.
    pub fn push(&mut self, entry: Entry, rules: &Rules, told: &mut Told) {
        self.head = self.head.max(entry.seq);
        match self.position {
            Some(position) if entry.seq <= position => {}
            Some(position) if entry.seq == position + 1 || !rules.in_order => self.advance(entry, rules, told),
            _ => {
                self.ahead.insert(entry);
            }
        }
        self.go_on(rules, told);
    }

    /// A page arrived: it fills the room's gap and brings those forward who are within it.
    pub fn page(&mut self, rows: Vec<Entry>, rules: &Rules, told: &mut Told) {
        for entry in rows {
            if self.position.is_some_and(|position| entry.seq <= position) {
                self.hand_over(entry, false, rules, told);
            } else {
                self.push(entry, rules, told);
            }
        }
    }

    fn go_on(&mut self, rules: &Rules, told: &mut Told) {
        while let (Some(position), Some(next)) = (self.position, self.ahead.first().copied()) {
            if next.seq > position + 1 {
                break;
            }
            self.ahead.pop_first();
            if next.seq == position + 1 {
                self.advance(next, rules, told);
            }
        }
    }

    fn advance(&mut self, entry: Entry, rules: &Rules, told: &mut Told) {
        self.position = Some(entry.seq);
        self.hand_over(entry, true, rules, told);
    }

    fn hand_over(&mut self, entry: Entry, live: bool, rules: &Rules, told: &mut Told) {
        for (client, phase) in &mut self.subscribers {
            if let Phase::Active(cursor) = phase
                && (*cursor + 1 == entry.seq || (!rules.in_order && *cursor < entry.seq))
            {
                *cursor = entry.seq;
                told.frames.push((*client, entry));
            }
        }
        if entry.command == Command::Kick && rules.expel {
            self.expel(entry.seq, live, told);
        }
    }

    /// Ends the subscription of who was kicked, if it has the entry; when the entry is new, also if it has not begun.
    fn expel(&mut self, seq: usize, live: bool, told: &mut Told) {
        let ends = match self.phase(Client::KICKED) {
            Some(Phase::Waiting | Phase::Checked(_)) => live,
            Some(Phase::Active(cursor)) => cursor == seq,
            None => false,
        };
        if ends {
            self.set_phase(Client::KICKED, None);
            told.removed.push(Client::KICKED);
        }
    }
}
