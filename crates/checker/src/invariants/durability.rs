//! **I1** Every acknowledged send is stored exactly once, or is one dead letter *and* its sender was shown a rejection. A send that was
//! accepted and then refused by the rules (not a member any more, an id used twice) was answered too: it needs no dead letter, but the refusal
//! must be true.
//!
//! **I2** A send of which every attempt was rejected is stored nowhere and was received by nobody.

use std::collections::{HashMap, HashSet};

use crate::{
    findings::{Findings, Found, Invariant},
    history::{Key, Op},
    run::{Act, Command, Interval, Room},
};

pub(super) fn check(findings: &mut Findings) {
    let run = findings.run;
    // A rejection is pushed once; when the connection was lost meanwhile, the topic has it.
    let refused: HashSet<&Key> =
        run.topics.iter().filter(|(_, it)| it.refused).filter_map(|(_, it)| it.key.as_ref()).collect();
    let mut letters: HashMap<&Key, u32> = HashMap::new();
    for (_, letter) in &run.dead_letters {
        if let Some(key) = &letter.key {
            *letters.entry(key).or_default() += 1;
        }
    }
    for (id, command) in (0..).zip(&run.commands.all) {
        let room = run.rooms.find(command.key.room);
        let stored = room.and_then(|room| room.row_of(id));
        if let Some((ok_ns, at)) = command.ok {
            findings.case(Invariant::I1);
            if stored.is_none()
                && let Some((clause, what)) = lost(
                    room,
                    command,
                    letters.get(&*command.key).copied().unwrap_or(0),
                    refused.contains(&*command.key),
                )
            {
                let found = Found::new(clause, at).when(ok_ns).key(&command.key);
                findings.found(Invariant::I1, found, || format!("{} was acknowledged, but {what}", command.key));
            }
        } else if command.is_failed() {
            findings.case(Invariant::I2);
            if let Some(row) = stored {
                let found =
                    Found::new("stored_after_rejection", row.at).place(command.key.room, row.seq).key(&command.key);
                findings.found(Invariant::I2, found, || {
                    format!("{} was rejected in every attempt, but is stored as seq {}", command.key, row.seq)
                });
            }
        }
    }
    twice(findings);
    aborted_reads(findings);
}

/// Why a send without a row is lost; none when its sender knows better.
fn lost(room: Option<&Room>, command: &Command, letters: u32, refused: bool) -> Option<(&'static str, &'static str)> {
    if command.persisted && letters == 0 {
        return Some(("lost", "its sender was told a place, and it is not stored"));
    }
    let shown = command.refused.as_ref().map(|(code, _)| code.as_str());
    // A dead letter must have been shown to its sender; of a refusal, the record of it will do.
    let refusal = shown.or_else(|| (refused && letters == 0).then_some(""));
    match (letters, refusal) {
        (0, None) => Some(("lost", "it is neither stored nor a dead letter")),
        (0, Some("poison")) => Some(("lost", "it was rejected as poison, and is no dead letter")),
        (0, Some("forbidden" | "room_not_found")) => {
            let always = room.and_then(|room| room.intervals.get(&command.key.sender)).is_some_and(|intervals| {
                let whole = |interval: &Interval| interval.end == i64::MAX;
                intervals.len() == 1 && intervals.iter().any(whole)
            });
            (always && command.op == Op::Send)
                .then_some(("false_refusal", "it was refused for want of a membership that never ended"))
        }
        (_, None) => Some(("dead_letter_unseen", "it is a dead letter, and its sender was shown no rejection")),
        (0 | 1, Some(_)) => None,
        _ => Some(("dead_letter_twice", "it is more than one dead letter")),
    }
}

/// More than one row of an acknowledged send.
fn twice(findings: &mut Findings) {
    let run = findings.run;
    for (_, room) in run.rooms.iter() {
        let mut seen = HashSet::with_capacity(room.rows.len());
        for row in &room.rows {
            let command = run.command(row.command);
            if !seen.insert(row.command) && command.ok.is_some() {
                let found = Found::new("stored_twice", row.at).place(room.id, row.seq).key(&command.key);
                findings.found(Invariant::I1, found, || format!("{} is stored again as seq {}", command.key, row.seq));
            }
        }
    }
}

fn aborted_reads(findings: &mut Findings) {
    let run = findings.run;
    for step in &run.steps {
        let Act::Received { room, seq, command, .. } = step.act else { continue };
        let command = run.command(command);
        if command.is_failed() {
            let found = Found::new("aborted_read", step.at).when(step.mono_ns).place(run.room_id(room), seq);
            findings.found(Invariant::I2, found.key(&command.key), || {
                format!(
                    "{} received {}, which was rejected in every attempt",
                    run.processes.name(step.process),
                    command.key
                )
            });
        }
    }
}
