//! **I6** On one subscription, what is received goes up by exactly one from where it began: no skip, no repeat, no step back. Across its
//! connections, a client goes on no later than where it had got to.
//!
//! **I8** What was acknowledged before something else was first sent to the same room has the lower place.
//!
//! **I9** Sends of one connection to one room, none of them repeated, are stored in the order in which they were sent.

use std::collections::HashMap;

use crate::{
    findings::{Findings, Found, Invariant},
    history::Via,
    run::{Act, Room, Run, Step},
};

pub(super) fn check(findings: &mut Findings) {
    screens(findings);
    let run = findings.run;
    for (_, room) in run.rooms.iter() {
        real_time(findings, room);
    }
    first_in_first_out(findings);
}

/// A subscription: what comes next, if that is known yet.
struct Cursor {
    next: Option<i64>,
    begun: bool,
}

fn screens(findings: &mut Findings) {
    let run = findings.run;
    let mut cursors: HashMap<(u32, u32), Cursor> = HashMap::new();
    // Per client and room, how far it has got without a gap.
    let mut reached: HashMap<(u32, u32), i64> = HashMap::new();
    for step in &run.steps {
        let (connection, client) = (step.connection, step.process);
        match step.act {
            Act::Subscribed { room, after } => {
                if let Some(after) = after {
                    resumed(findings, step, room, after, &mut reached);
                }
                cursors.insert((connection, room), Cursor { next: after.map(|after| after + 1), begun: false });
            }
            Act::Told { room, after: Some(after) } => {
                let cursor = cursors.entry((connection, room)).or_insert(Cursor { next: None, begun: false });
                if let Some(next) = cursor.next.filter(|next| !cursor.begun && *next != after + 1)
                    && !begins_membership(run, client, room, after + 1)
                {
                    let found = Found::new("moved_start", step.at).when(step.mono_ns).place(run.room_id(room), after);
                    findings.found(Invariant::I6, found, || {
                        format!(
                            "{} asked for seq {next} and was given a subscription from {}",
                            run.processes.name(client),
                            after + 1
                        )
                    });
                }
                if !cursor.begun {
                    cursor.next = Some(after + 1);
                    reached.insert((client, room), after);
                }
            }
            Act::Received { room, seq, via: Via::Live, .. } => {
                let cursor = cursors.entry((connection, room)).or_insert(Cursor { next: None, begun: false });
                let next = cursor.next.unwrap_or(seq);
                *cursor = Cursor { next: Some(seq + 1), begun: true };
                findings.case(Invariant::I6);
                if seq != next {
                    misplaced(findings, step, room, seq, next);
                }
                let reached = reached.entry((client, room)).or_insert(seq);
                *reached = (*reached).max(seq);
            }
            Act::Received { room, seq, .. } => {
                let reached = reached.entry((client, room)).or_insert(seq);
                *reached = (*reached).max(seq);
            }
            Act::Ended { room: Some(room) } => {
                cursors.remove(&(connection, room));
            }
            Act::Connected | Act::Told { .. } | Act::Ended { room: None } => {}
        }
    }
}

/// A client names the place it has got to; naming a later one would hide a gap.
fn resumed(findings: &mut Findings, step: &Step, room: u32, after: i64, reached: &mut HashMap<(u32, u32), i64>) {
    let run = findings.run;
    let known = reached.get(&(step.process, room)).copied();
    if let Some(known) = known.filter(|known| after > *known)
        && !begins_membership(run, step.process, room, after + 1)
    {
        let found = Found::new("resumed_too_late", step.at).when(step.mono_ns).place(run.room_id(room), known + 1);
        findings.found(Invariant::I6, found, || {
            format!("{} had got to seq {known} and went on after {after}", run.processes.name(step.process))
        });
    }
    reached.entry((step.process, room)).or_insert(after);
}

fn begins_membership(run: &Run, client: u32, room: u32, seq: i64) -> bool {
    let intervals = run.user_of(client).and_then(|user| run.rooms.get(room).intervals.get(&user));
    intervals.is_some_and(|intervals| intervals.iter().any(|interval| interval.start == seq))
}

fn misplaced(findings: &mut Findings, step: &Step, room: u32, seq: i64, next: i64) {
    let clause = match seq {
        _ if seq > next => "skip",
        _ if seq == next - 1 => "duplicate",
        _ => "step_back",
    };
    if seq < next {
        findings.deliveries(room).duplicate += 1;
    }
    let run = findings.run;
    let found = Found::new(clause, step.at).when(step.mono_ns).place(run.room_id(room), seq);
    findings.found(Invariant::I6, found, || {
        format!("{} received seq {seq} where {next} was next", run.processes.name(step.process))
    });
}

fn real_time(findings: &mut Findings, room: &Room) {
    let run = findings.run;
    // Of the rows above, the one that was acknowledged first.
    let mut earliest: Option<(u64, i64)> = None;
    for row in room.rows.iter().rev() {
        let command = run.command(row.command);
        if command.attempts > 0 {
            findings.case(Invariant::I8);
            if let Some((ok_ns, later)) = earliest.filter(|(ok_ns, _)| *ok_ns < command.first_invoke_ns) {
                let found = Found::new("overtaken", command.invoke_at).when(command.first_invoke_ns);
                findings.found(Invariant::I8, found.place(room.id, row.seq).key(&command.key), || {
                    let sent = command.first_invoke_ns;
                    format!("seq {later} was acknowledged at {ok_ns} ns, before seq {} was sent at {sent} ns", row.seq)
                });
            }
        }
        // A dead letter that was replayed has a later place, and its sender was told.
        if let Some((ok_ns, _)) = command.ok.filter(|_| command.refused.is_none())
            && earliest.is_none_or(|(earlier, _)| ok_ns < earlier)
        {
            earliest = Some((ok_ns, row.seq));
        }
    }
}

fn first_in_first_out(findings: &mut Findings) {
    let run = findings.run;
    let mut sent: Vec<_> = (0_u32..)
        .zip(&run.commands.all)
        .filter(|(_, command)| command.attempts == 1 && command.refused.is_none())
        .collect();
    // REST calls are not pipelined: several may be under way at once.
    sent.retain(|(_, command)| run.connections[command.connection as usize].opened_ns.is_some());
    sent.sort_by_key(|(_, command)| (command.connection, command.invoke_at));
    let mut last: HashMap<(u32, chat_protocol::RoomId), i64> = HashMap::new();
    for (id, command) in sent {
        let key = &command.key;
        let Some(row) = run.rooms.find(key.room).and_then(|room| room.row_of(id)) else { continue };
        findings.case(Invariant::I9);
        let before = last.insert((command.connection, key.room), row.seq);
        if let Some(before) = before.filter(|before| *before > row.seq) {
            let found = Found::new("reordered", command.invoke_at).when(command.first_invoke_ns);
            findings.found(Invariant::I9, found.place(key.room, row.seq).key(key), || {
                format!("{key} was sent after what is stored as seq {before}, and is stored as {}", row.seq)
            });
        }
    }
}
