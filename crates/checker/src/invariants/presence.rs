//! Who was here, and who was away, when something was sent: for notifications.

use std::collections::HashMap;

use chat_protocol::UserId;

use super::liveness::recoveries;
use crate::{
    history::Notifications,
    run::{Act, Run},
};

/// A connection, or a subscription of a room.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// Asked for.
    asked: u64,
    /// It stood.
    from: Option<u64>,
    to: u64,
}

impl Span {
    fn covers(self, (from, to): (u64, u64)) -> bool {
        self.from.is_some_and(|begun| begun <= from) && self.to >= to
    }

    fn touches(self, (from, to): (u64, u64)) -> bool {
        self.asked <= to && self.to >= from
    }
}

pub(super) struct Presence {
    mode: Notifications,
    connections: HashMap<UserId, Vec<Span>>,
    subscriptions: HashMap<(UserId, u32), Vec<Span>>,
    /// While a fault is felt.
    shaken: Vec<(u64, u64)>,
    margin_ns: u64,
}

impl Presence {
    pub(super) fn new(run: &Run, mode: Notifications, margin_ns: u64) -> Self {
        let mut connections: HashMap<UserId, Vec<Span>> = HashMap::new();
        for connection in &run.connections {
            if let (Some(user), Some(opened)) = (run.user_of(connection.process), connection.opened_ns) {
                let to = connection.closed_ns.unwrap_or(u64::MAX);
                connections.entry(user).or_default().push(Span { asked: opened, from: Some(opened), to });
            }
        }
        let (mut subscriptions, mut shaken) = (HashMap::new(), Vec::new());
        if mode == Notifications::NotViewing {
            subscriptions = subscribed(run);
            let felt = |it: &super::Recovery| {
                let over = it.healed_ns + it.budget_caught_up_ns.max(it.budget_first_ok_ns);
                (it.start_ns.saturating_sub(margin_ns), over)
            };
            shaken = recoveries(run).iter().map(felt).collect();
        }
        Self { mode, connections, subscriptions, shaken, margin_ns }
    }

    fn window(&self, sent_ns: u64) -> (u64, u64) {
        (sent_ns.saturating_sub(self.margin_ns), sent_ns.saturating_add(self.margin_ns))
    }

    fn is_shaken(&self, (from, to): (u64, u64)) -> bool {
        self.shaken.iter().any(|(start, over)| *start <= to && from <= *over)
    }

    /// From well before to well after, on one connection.
    pub(super) fn here(&self, user: UserId, room: u32, sent_ns: u64) -> bool {
        let window = self.window(sent_ns);
        let spans = match self.mode {
            Notifications::NotViewing => self.subscriptions.get(&(user, room)),
            _ => self.connections.get(&user),
        };
        !self.is_shaken(window) && spans.is_some_and(|spans| spans.iter().any(|span| span.covers(window)))
    }

    /// From well before to well after.
    pub(super) fn away(&self, user: UserId, room: u32, sent_ns: u64) -> bool {
        let window = self.window(sent_ns);
        let connections = || self.connections.get(&user).into_iter().flatten();
        if self.mode != Notifications::NotViewing {
            return !connections().any(|span| span.touches(window));
        }
        let looks = self.subscriptions.get(&(user, room)).is_some_and(|all| all.iter().any(|it| it.touches(window)));
        !looks && !self.is_shaken(window) && connections().any(|span| span.covers(window))
    }
}

/// Every subscription of every user.
fn subscribed(run: &Run) -> HashMap<(UserId, u32), Vec<Span>> {
    let mut all: HashMap<(UserId, u32), Vec<Span>> = HashMap::new();
    let mut open: HashMap<u32, HashMap<u32, Span>> = HashMap::new();
    for step in &run.steps {
        let of_connection = open.entry(step.connection).or_default();
        match step.act {
            Act::Subscribed { room, .. } => {
                of_connection.entry(room).or_insert(Span { asked: step.mono_ns, from: None, to: u64::MAX });
            }
            Act::Told { room, .. } => {
                let span = of_connection.entry(room).or_insert(Span { asked: step.mono_ns, from: None, to: u64::MAX });
                span.from.get_or_insert(step.mono_ns);
            }
            Act::Ended { room } => {
                let ended: Vec<(u32, Span)> = match room {
                    Some(room) => of_connection.remove(&room).map(|span| (room, span)).into_iter().collect(),
                    None => of_connection.drain().collect(),
                };
                let Some(user) = run.user_of(step.process) else { continue };
                for (room, span) in ended {
                    all.entry((user, room)).or_default().push(Span { to: step.mono_ns, ..span });
                }
            }
            Act::Connected | Act::Received { .. } => {}
        }
    }
    for (connection, rooms) in open {
        let Some(user) = run.user_of(run.connections[connection as usize].process) else { continue };
        for (room, span) in rooms {
            all.entry((user, room)).or_default().push(span);
        }
    }
    all
}
