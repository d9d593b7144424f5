//! **I14** A member that was offline is notified of each message of others, at least once and with the same id on a repeat; nobody is
//! notified who was online all the time, muted the room, or was no member.
//!
//! Online and offline meet at a race that nobody can win; only who was away, or here, from well before to well after a message is judged.

use std::collections::HashMap;

use chat_protocol::UserId;

use crate::{
    findings::{Findings, Found, Invariant},
    run::{Connection, Room, Run},
};

pub(super) fn check(findings: &mut Findings) {
    let run = findings.run;
    let Some(plan) = run.plan.as_ref().filter(|plan| plan.notifications) else { return };
    let presence = Presence::new(run, plan.budgets.presence_ms * 1_000_000);
    let mut ids: HashMap<(u32, UserId, i64), &str> = HashMap::new();
    for notified in &run.notified {
        findings.case(Invariant::I14);
        let room = run.rooms.get(notified.room);
        let found = |clause| Found::new(clause, notified.at).when(notified.mono_ns).place(room.id, notified.seq);
        let first = *ids.entry((notified.room, notified.user, notified.seq)).or_insert(&notified.id);
        if first != notified.id {
            findings.found(Invariant::I14, found("id_changed"), || {
                format!(
                    "{} was notified of seq {} as {first} and again as {}",
                    notified.user, notified.seq, notified.id
                )
            });
        }
        let sent = room.row(notified.seq).map(|row| run.command(row.command).first_invoke_ns);
        let unwanted = if room.interval(notified.user, notified.seq).is_none() {
            Some("was no member")
        } else if muted(room, notified.user) {
            Some("had muted the room")
        } else if sent.is_none() {
            Some("cannot read what is not stored")
        } else {
            sent.filter(|sent| presence.online(notified.user, *sent)).map(|_| "was online")
        };
        if let Some(why) = unwanted {
            findings.found(Invariant::I14, found("unwanted"), || {
                format!("{} was notified of seq {}, but {why}", notified.user, notified.seq)
            });
        }
    }
    for (id, room) in run.rooms.iter() {
        for (user, intervals) in room.intervals.iter().filter(|(user, _)| !muted(room, **user)) {
            for row in room.rows.iter().filter(|row| row.kind.is_message() && row.sender != *user) {
                let command = run.command(row.command);
                let member = intervals.iter().any(|interval| interval.start <= row.seq && row.seq < interval.end);
                if !member || !presence.offline(*user, command.first_invoke_ns) {
                    continue;
                }
                findings.case(Invariant::I14);
                if !ids.contains_key(&(id, *user, row.seq)) {
                    let found = Found::new("not_notified", row.at).place(room.id, row.seq).key(&command.key);
                    findings.found(Invariant::I14, found, || {
                        format!("{user} was offline and never notified of seq {}", row.seq)
                    });
                }
            }
        }
    }
}

fn muted(room: &Room, user: UserId) -> bool {
    room.memberships.iter().any(|(_, membership)| membership.user == user && membership.muted)
}

struct Presence<'a> {
    connections: HashMap<UserId, Vec<&'a Connection>>,
    margin_ns: u64,
}

impl<'a> Presence<'a> {
    fn new(run: &'a Run, margin_ns: u64) -> Self {
        let mut connections: HashMap<UserId, Vec<&Connection>> = HashMap::new();
        for connection in run.connections.iter().filter(|connection| connection.opened_ns.is_some()) {
            if let Some(user) = run.user_of(connection.process) {
                connections.entry(user).or_default().push(connection);
            }
        }
        Self { connections, margin_ns }
    }

    fn of(&self, user: UserId) -> impl Iterator<Item = (u64, u64)> {
        let all = self.connections.get(&user).into_iter().flatten();
        all.map(|connection| (connection.opened_ns.unwrap_or(0), connection.closed_ns.unwrap_or(u64::MAX)))
    }

    /// One connection from well before to well after.
    fn online(&self, user: UserId, sent_ns: u64) -> bool {
        let (from, to) = (sent_ns.saturating_sub(self.margin_ns), sent_ns.saturating_add(self.margin_ns));
        self.of(user).any(|(opened, closed)| opened <= from && closed >= to)
    }

    /// No connection from well before to well after.
    fn offline(&self, user: UserId, sent_ns: u64) -> bool {
        let (from, to) = (sent_ns.saturating_sub(self.margin_ns), sent_ns.saturating_add(self.margin_ns));
        self.of(user).all(|(opened, closed)| opened > to || closed < from)
    }
}
