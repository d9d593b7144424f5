//! **I3** Every row and everything received goes back to a send: same room, same key, same body (for a changed message, the body of the
//! change). System entries go back to a change of membership that its actor asked for.
//!
//! **I4** A place in a room and a key are used once, and a room's places are exactly 1, 2, 3 … up to its head. The number of a row is how
//! many messages there are up to it.
//!
//! **I5** All observers and the database agree on what a place holds, and on the place a sender was told.

use std::collections::{HashMap, HashSet};

use crate::{
    findings::{Findings, Found, Invariant},
    history::{BodyHash, Kind},
    run::{Act, Room, Run, Step, StoredRow},
};

pub(super) fn check(findings: &mut Findings) {
    let run = findings.run;
    for (id, room) in run.rooms.iter() {
        rows(findings, id, room);
        places(findings, room);
    }
    for step in &run.steps {
        received(findings, step);
    }
    told(findings);
}

fn rows(findings: &mut Findings, id: u32, room: &Room) {
    let run = findings.run;
    let mut changes: HashMap<_, u64> = HashMap::new();
    for row in &room.rows {
        findings.case(Invariant::I3);
        let command = run.command(row.command);
        let found = |clause| Found::new(clause, row.at).place(room.id, row.seq).key(&command.key);
        if command.attempts == 0 {
            let asked = row.kind.membership_op().is_some_and(|op| {
                let stored = changes.entry((row.sender, op)).or_default();
                *stored += 1;
                run.membership_ops.get(&(id, row.sender, op)).is_some_and(|asked| *stored <= *asked)
            });
            if !asked {
                findings.found(Invariant::I3, found("phantom_row"), || {
                    format!("seq {} holds {}, which nobody sent{}", row.seq, command.key, elsewhere(run, row.command))
                });
            }
        } else if let Some(hash) = row.hash.filter(|_| row.kind.is_message())
            && !room.is_last(&run.commands, row, hash)
        {
            findings.found(Invariant::I3, found("corrupted_row"), || {
                format!("seq {} holds a body that {} never had last", row.seq, command.key)
            });
        }
    }
}

/// Says so when a key was sent to another room.
fn elsewhere(run: &Run, command: u32) -> String {
    let key = &run.command(command).key;
    let sent = run.commands.all.iter().find(|other| {
        other.attempts > 0 && other.key.sender == key.sender && other.key.client_message_id == key.client_message_id
    });
    sent.map(|other| format!(" there: it was sent to room {}", other.key.room)).unwrap_or_default()
}

fn places(findings: &mut Findings, room: &Room) {
    let mut keys = HashSet::with_capacity(room.rows.len());
    let (mut last, mut messages) = (0, 0);
    for row in &room.rows {
        findings.case(Invariant::I4);
        messages += i64::from(row.kind.is_message());
        let key = &findings.run.command(row.command).key;
        let found = |clause| Found::new(clause, row.at).place(room.id, row.seq).key(key);
        if row.seq == last {
            findings.found(Invariant::I4, found("duplicate_seq"), || format!("seq {last} is stored twice"));
        } else if row.seq != last + 1 {
            findings.found(Invariant::I4, found("gap"), || format!("after seq {last} comes seq {}", row.seq));
        }
        last = row.seq;
        if row.number != messages {
            findings.found(Invariant::I4, found("number_wrong"), || {
                format!("seq {last} has number {}; up to it there are {messages} messages", row.number)
            });
            messages = row.number;
        }
        if !keys.insert(row.command) {
            findings
                .found(Invariant::I4, found("duplicate_key"), || format!("{key} is stored twice, again as seq {last}"));
        }
    }
}

fn received(findings: &mut Findings, step: &Step) {
    let run = findings.run;
    let Act::Received { room: id, seq, command: command_id, hash, kind, target, .. } = step.act else { return };
    let (room, command) = (run.rooms.get(id), run.command(command_id));
    let who = run.processes.name(step.process);
    let found = |clause| Found::new(clause, step.at).when(step.mono_ns).place(room.id, seq).key(&command.key);
    findings.case(Invariant::I3);
    findings.case(Invariant::I5);
    let row = room.row(seq);
    let known = row.is_some_and(|row| row.command == command_id);
    if command.attempts == 0 && !(known && kind.membership_op().is_some()) {
        findings.found(Invariant::I3, found("phantom"), || {
            format!("{who} received {} at seq {seq}, which nobody sent{}", command.key, elsewhere(run, command_id))
        });
    }
    let Some(row) = row else {
        findings.deliveries(id).unexpected += 1;
        findings.found(Invariant::I5, found("not_stored"), || format!("{who} received seq {seq}, which is not stored"));
        return;
    };
    if row.command != command_id || row.kind != kind || row.target != target {
        findings.deliveries(id).unexpected += 1;
        findings.found(Invariant::I5, found("disagreement"), || {
            format!(
                "{who} received {kind:?} {} at seq {seq}; stored there is {:?} {}",
                command.key,
                row.kind,
                run.command(row.command).key
            )
        });
    } else if let Some(hash) = hash
        && !run.user_of(step.process).is_some_and(|user| room.is_withheld(user, row))
        && !fits(run, room, row, kind, hash)
    {
        findings.found(Invariant::I3, found("corrupted"), || {
            format!("{who} received seq {seq} with a body that {} did not have there or later", command.key)
        });
    }
}

fn fits(run: &Run, room: &Room, row: &StoredRow, kind: Kind, hash: BodyHash) -> bool {
    if kind.is_message() {
        return room.may_show(&run.commands, row.seq, row, hash);
    }
    let message = row.target.and_then(|target| room.row(target));
    !kind.is_change() || message.is_some_and(|message| room.may_show(&run.commands, row.seq, message, hash))
}

fn told(findings: &mut Findings) {
    let run = findings.run;
    for (id, command) in (0..).zip(&run.commands.all) {
        let row = run.rooms.find(command.key.room).and_then(|room| room.row_of(id));
        for (seq, at) in command.told.into_iter().chain(command.told_other) {
            findings.case(Invariant::I5);
            let stored = row.map(|row| row.seq);
            if stored.is_some_and(|stored| stored != seq) || (command.told_other.is_some() && stored.is_none()) {
                let found = Found::new("told_otherwise", at).place(command.key.room, seq).key(&command.key);
                findings.found(Invariant::I5, found, || {
                    format!("the sender of {} was told seq {seq}; it is stored as {stored:?}", command.key)
                });
            }
        }
    }
}
