//! **I14** Whoever is away is notified of each message of others, at least once and with the same id on a repeat; nobody is notified who was here
//! all the time, muted the room, wrote it, or was no member. The plan says who is away: members without a connection, or members whose
//! connections have not subscribed the room; and a notification may stand for several messages, the newest up to its place.
//!
//! Away and here meet at a race that nobody can win; only who was away, or here, from well before to well after a message is judged.

use std::collections::{HashMap, HashSet};

use chat_protocol::UserId;

use crate::{
    findings::{Findings, Found, Invariant},
    history::Notifications,
    run::{Notified, Room},
};

use super::presence::Presence;

pub(super) fn check(findings: &mut Findings) {
    let run = findings.run;
    let Some(plan) = run.plan.as_ref().filter(|plan| plan.notifications != Notifications::NotRecorded) else { return };
    let presence = Presence::new(run, plan.notifications, plan.budgets.presence_ms * 1_000_000);
    let mut ids: HashMap<(u32, UserId, i64), &str> = HashMap::new();
    let mut told: HashSet<(u32, UserId, i64)> = HashSet::new();
    for notified in &run.notified {
        findings.case(Invariant::I14);
        let room = run.rooms.get(notified.room);
        told.extend(stands_for(room, notified).map(|seq| (notified.room, notified.user, seq)));
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
        let row = room.row(notified.seq);
        let sent = row.map(|row| run.command(row.command).first_invoke_ns);
        let unwanted = if room.interval(notified.user, notified.seq).is_none() {
            Some("was no member")
        } else if muted(room, notified.user) {
            Some("had muted the room")
        } else if row.is_some_and(|row| row.sender == notified.user) {
            Some("wrote it")
        } else if sent.is_none() {
            Some("cannot read what is not stored")
        } else {
            sent.filter(|sent| presence.here(notified.user, notified.room, *sent)).map(|_| "was here")
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
                // Deleted before it was told of, it is no news.
                let news = plan.notifications == Notifications::Offline || !room.is_deleted(row.seq);
                if !member || !news || !presence.away(*user, id, command.first_invoke_ns) {
                    continue;
                }
                findings.case(Invariant::I14);
                if !told.contains(&(id, *user, row.seq)) {
                    let found = Found::new("not_notified", row.at).place(room.id, row.seq).key(&command.key);
                    findings.found(Invariant::I14, found, || {
                        format!("{user} was away and never notified of seq {}", row.seq)
                    });
                }
            }
        }
    }
}

/// The places of the messages that a notification stands for.
fn stands_for(room: &Room, notified: &Notified) -> impl Iterator<Item = i64> {
    let (seq, user) = (notified.seq, notified.user);
    let end = room.rows.partition_point(|row| row.seq <= seq);
    let others = room.rows[..end].iter().rev().filter(move |row| row.kind.is_message() && row.sender != user);
    others.take(notified.count as usize).map(|row| row.seq)
}

fn muted(room: &Room, user: UserId) -> bool {
    room.memberships.iter().any(|(_, membership)| membership.user == user && membership.muted)
}
