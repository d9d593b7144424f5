//! **I11** Read marks never go back for any observer and are never above the room's head; what is stored at the end is at least every mark
//! that was acknowledged, and for members every one that anybody was told: a mark may be told before it is stored, and must not be lost then.
//! Excused, and counted, are marks acknowledged within the declared window before a fault of Redis, but none that was told. The number of
//! unread messages is what lies above the mark: messages of others, within the membership.

use std::collections::HashMap;

use chat_protocol::{RoomId, UserId};

use crate::{
    findings::{Findings, Found, Invariant},
    history::{FaultKind, Mark},
    run::{At, MarkSeen, Run},
};

pub(super) fn check(findings: &mut Findings) {
    let run = findings.run;
    observed(findings);
    let stored: HashMap<(RoomId, UserId), i64> =
        run.marks.iter().map(|(_, mark)| ((mark.room, mark.user), mark.seq)).collect();
    for mark in &run.acknowledged_marks {
        survives(findings, mark, &stored);
    }
    for seen in &run.receipts {
        told_is_stored(findings, seen, &stored);
    }
    for (at, mark) in &run.marks {
        below_head(findings, *at, mark.room, mark.seq, "stored");
        unread(findings, *at, mark);
    }
    for (at, mark) in &run.redis_marks {
        below_head(findings, *at, mark.room, mark.seq, "in Redis");
    }
    if findings.excused_marks > 0 {
        let excused = findings.excused_marks;
        findings.note(Invariant::I11, format!("{excused} marks lost in the declared window before a fault of Redis"));
    }
}

fn observed(findings: &mut Findings) {
    let run = findings.run;
    let mut highest: HashMap<(u32, u32, UserId), i64> = HashMap::new();
    for seen in &run.receipts {
        findings.case(Invariant::I11);
        let room = run.rooms.get(seen.room);
        let found = |clause| Found::new(clause, seen.at).when(seen.mono_ns).place(room.id, seen.seq);
        let who = run.processes.name(seen.observer);
        let before = highest.entry((seen.observer, seen.room, seen.user)).or_insert(seen.seq);
        if seen.seq < *before {
            findings.found(Invariant::I11, found("went_back"), || {
                format!("{who} saw the mark of {} at {before} and then at {}", seen.user, seen.seq)
            });
        }
        *before = (*before).max(seen.seq);
        if seen.seq > room.head() {
            findings.found(Invariant::I11, found("above_head"), || {
                format!("{who} saw the mark of {} at {}; the room ends at {}", seen.user, seen.seq, room.head())
            });
        }
    }
}

fn survives(findings: &mut Findings, mark: &MarkSeen, stored: &HashMap<(RoomId, UserId), i64>) {
    let run = findings.run;
    let room = run.rooms.get(mark.room);
    findings.case(Invariant::I11);
    // A mark above the head is answered too, and clamped.
    let promised = mark.seq.min(room.head());
    let kept = stored.get(&(room.id, mark.user)).copied();
    if kept.is_some_and(|kept| kept >= promised) {
        return;
    }
    if may_be_lost(run, mark.mono_ns) {
        findings.excused_marks += 1;
        return;
    }
    let found = Found::new("acknowledged_mark_lost", mark.at).when(mark.mono_ns).place(room.id, promised);
    findings.found(Invariant::I11, found, || {
        let stored = kept.map_or_else(|| "none".to_owned(), |kept| kept.to_string());
        format!("the mark of {} at {promised} was acknowledged; stored is {stored}", mark.user)
    });
}

/// What is stored is what the next one is told who asks: a mark below the one that somebody was told has gone down. With the membership the
/// mark goes too; it begins anew, at the head, with the next one.
fn told_is_stored(findings: &mut Findings, seen: &MarkSeen, stored: &HashMap<(RoomId, UserId), i64>) {
    let run = findings.run;
    let room = run.rooms.get(seen.room);
    if room.current(seen.user).is_none() {
        return;
    }
    findings.case(Invariant::I11);
    let kept = stored.get(&(room.id, seen.user)).copied();
    // What is above the head is a finding of its own.
    if kept.is_some_and(|kept| kept >= seen.seq.min(room.head())) {
        return;
    }
    let found = Found::new("told_mark_lost", seen.at).when(seen.mono_ns).place(room.id, seen.seq);
    findings.found(Invariant::I11, found, || {
        let (who, stored) =
            (run.processes.name(seen.observer), kept.map_or("none".to_owned(), |kept| kept.to_string()));
        format!("{who} saw the mark of {} at {}; stored is {stored}", seen.user, seen.seq)
    });
}

/// Within the declared window before a fault of Redis that loses memory.
fn may_be_lost(run: &Run, acknowledged_ns: u64) -> bool {
    let window_ns = run.plan.as_ref().map_or(0, |plan| plan.redis_loss_window_ms) * 1_000_000;
    run.faults.iter().any(|(_, fault)| {
        fault.target.starts_with("redis")
            && matches!(fault.fault, FaultKind::Kill | FaultKind::DiskFull)
            && fault.happened()
            && fault.start_ns.is_some_and(|start| acknowledged_ns <= start && start - acknowledged_ns <= window_ns)
    })
}

fn below_head(findings: &mut Findings, at: At, room: RoomId, seq: i64, place: &'static str) {
    let head = findings.run.rooms.find(room).map_or(0, crate::run::Room::head);
    findings.case(Invariant::I11);
    if seq > head {
        findings.found(Invariant::I11, Found::new("above_head", at).place(room, seq), || {
            format!("a mark {place} is at {seq}; the room ends at {head}")
        });
    }
}

fn unread(findings: &mut Findings, at: At, mark: &Mark) {
    let Some(told) = mark.unread else { return };
    let Some(room) = findings.run.rooms.find(mark.room) else { return };
    let Some(current) = room.current(mark.user) else { return };
    findings.case(Invariant::I11);
    let counts = |row: &&crate::run::StoredRow| {
        row.seq > mark.seq && row.seq >= current.start && row.kind.is_message() && row.sender != mark.user
    };
    let unread = i64::try_from(room.rows.iter().filter(counts).count()).unwrap_or(i64::MAX);
    if told != unread {
        findings.found(Invariant::I11, Found::new("unread_wrong", at).place(mark.room, mark.seq), || {
            format!("{} is told {told} unread messages above seq {}; there are {unread}", mark.user, mark.seq)
        });
    }
}
