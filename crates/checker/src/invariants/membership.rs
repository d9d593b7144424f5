//! **I10** Only members write and read: nothing above the entry that ended a membership reaches the one who left or was kicked, nothing below
//! the entry that began it either, and no row was written by somebody who was no member at its place. Who was a member is taken from the
//! entries of the same sequence, and the stored memberships say the same. A change of a message from before one came arrives without its text.

use crate::{
    findings::{Findings, Found, Invariant},
    history::{BodyHash, Op},
    run::{Act, Room, Step},
};

pub(super) fn check(findings: &mut Findings) {
    let run = findings.run;
    for (_, room) in run.rooms.iter() {
        writers(findings, room);
        stored(findings, room);
    }
    for step in &run.steps {
        readers(findings, step);
    }
}

fn writers(findings: &mut Findings, room: &Room) {
    for row in &room.rows {
        findings.case(Invariant::I10);
        // Whoever is kicked may be named by nobody who is a member: an operator.
        if row.kind.membership_op() == Some(Op::Kick) || room.interval(row.sender, row.seq).is_some() {
            continue;
        }
        let key = &findings.run.command(row.command).key;
        findings.found(
            Invariant::I10,
            Found::new("written_by_stranger", row.at).place(room.id, row.seq).key(key),
            || format!("seq {} is by {}, who was no member then", row.seq, row.sender),
        );
    }
}

fn readers(findings: &mut Findings, step: &Step) {
    let run = findings.run;
    let Act::Received { room: id, seq, command, hash, .. } = step.act else { return };
    let Some(user) = run.user_of(step.process) else { return };
    findings.case(Invariant::I10);
    let room = run.rooms.get(id);
    if room.interval(user, seq).is_some() {
        let withheld = room.row(seq).is_some_and(|row| room.is_withheld(user, row));
        if withheld && hash.is_some_and(|hash| hash != BodyHash::of("")) {
            let found = Found::new("shown_from_before", step.at).when(step.mono_ns).place(room.id, seq);
            findings.found(Invariant::I10, found.key(&run.command(command).key), || {
                let who = run.processes.name(step.process);
                format!(
                    "{who} was shown the text of a message from before its membership, with the change at seq {seq}"
                )
            });
        }
        return;
    }
    let intervals = room.intervals.get(&user);
    let ended = intervals.and_then(|all| all.iter().rfind(|interval| interval.end < seq));
    let clause = if ended.is_some() { "after_leaving" } else { "before_joining" };
    findings.deliveries(id).unexpected += 1;
    let found = Found::new(clause, step.at).when(step.mono_ns).place(room.id, seq).key(&run.command(command).key);
    findings.found(Invariant::I10, found, || {
        let who = run.processes.name(step.process);
        match ended {
            Some(interval) => format!("{who} received seq {seq}, but its membership ended with seq {}", interval.end),
            None => format!("{who} received seq {seq}, before it was a member"),
        }
    });
}

fn stored(findings: &mut Findings, room: &Room) {
    for (at, membership) in &room.memberships {
        findings.case(Invariant::I10);
        let end = membership.left_seq.unwrap_or(i64::MAX);
        let last = room.intervals.get(&membership.user).and_then(|intervals| intervals.last());
        if last.is_none_or(|last| (last.start, last.end) != (membership.joined_seq, end)) {
            let found = Found::new("membership_disagrees", *at).place(room.id, membership.joined_seq);
            findings.found(Invariant::I10, found, || {
                let user = membership.user;
                format!(
                    "{user} is stored as a member of seq {} to {end}; the room's entries say {last:?}",
                    membership.joined_seq
                )
            });
        }
    }
}
