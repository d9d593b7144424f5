//! **I7** Nothing is missing, the tail included: at the end of the silence, with nobody speaking any more, every subscribed member has
//! every place of its membership from where its subscription began; and what it reads at last is all of its membership.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    findings::{Findings, Found, Invariant},
    history::{PhaseName, Via},
    run::{Act, At, Room, Run, Step},
};

/// A client in a room.
struct Watch {
    at: At,
    /// The last place before the subscription; none until something says it.
    after: Option<i64>,
    subscription: Option<u32>,
    live: Vec<i64>,
    last_read: Vec<i64>,
}

pub(super) fn check(findings: &mut Findings) {
    let run = findings.run;
    let deadline = run.end_of(PhaseName::SilentTail).unwrap_or(u64::MAX);
    for ((process, id), mut watch) in watches(run, deadline) {
        let room = run.rooms.get(id);
        watch.live.sort_unstable();
        watch.live.dedup();
        findings.deliveries(id).unique += watch.live.len() as u64;
        let Some(current) = run.user_of(process).and_then(|user| room.current(user)) else { continue };
        if watch.subscription.is_some() {
            let from = watch.after.map_or(i64::MAX, |after| after + 1).max(current.start);
            missing(findings, id, room, &watch, from, process);
        }
        if !watch.last_read.is_empty() {
            let read: HashSet<i64> = watch.last_read.iter().copied().collect();
            findings.case(Invariant::I7);
            // Changes are read as the messages that they changed.
            let entries = || room.rows.iter().filter(|row| row.seq >= current.start && !row.kind.is_change());
            if let Some(row) = entries().find(|row| !read.contains(&row.seq)) {
                let key = &run.command(row.command).key;
                let found = Found::new("final_read_incomplete", watch.at).place(room.id, row.seq).key(key);
                findings.found(Invariant::I7, found, || {
                    format!("{} read the room at last without seq {}", run.processes.name(process), row.seq)
                });
            }
        }
    }
}

fn missing(findings: &mut Findings, id: u32, room: &Room, watch: &Watch, from: i64, process: u32) {
    let run = findings.run;
    let last = watch.live.last().copied().unwrap_or(0);
    for row in room.rows.iter().filter(|row| row.seq >= from) {
        findings.case(Invariant::I7);
        findings.deliveries(id).expected += 1;
        if watch.live.binary_search(&row.seq).is_ok() {
            continue;
        }
        findings.deliveries(id).missing += 1;
        let key = &run.command(row.command).key;
        let clause = if row.seq > last { "tail_lost" } else { "missing" };
        findings.found(Invariant::I7, Found::new(clause, watch.at).place(room.id, row.seq).key(key), || {
            format!("{} never received seq {}; the last it has is {last}", run.processes.name(process), row.seq)
        });
    }
}

/// Every client in every room it subscribed to or read, as it stands at the deadline.
fn watches(run: &Run, deadline: u64) -> BTreeMap<(u32, u32), Watch> {
    let mut watches: BTreeMap<(u32, u32), Watch> = BTreeMap::new();
    let mut rooms_of: HashMap<u32, Vec<u32>> = HashMap::new();
    let new = |at| Watch { at, after: None, subscription: None, live: Vec::new(), last_read: Vec::new() };
    for step in &run.steps {
        let Step { at, process, connection, .. } = *step;
        let in_time = step.mono_ns <= deadline;
        match step.act {
            Act::Subscribed { room, after } if in_time => {
                let watch = watches.entry((process, room)).or_insert_with(|| new(at));
                // Going on where it was keeps the beginning; a subscription to what comes begins anew.
                watch.after = after.map(|after| watch.after.map_or(after, |earlier| earlier.min(after)));
                watch.subscription = Some(connection);
                rooms_of.entry(connection).or_default().push(room);
            }
            Act::Told { room, after } if in_time => {
                let watch = watches.entry((process, room)).or_insert_with(|| new(at));
                watch.after = watch.after.or(after);
                watch.subscription = Some(connection);
                rooms_of.entry(connection).or_default().push(room);
            }
            Act::Received { room, seq, via, .. } => {
                let watch = watches.entry((process, room)).or_insert_with(|| new(at));
                match via {
                    Via::Final => watch.last_read.push(seq),
                    Via::Live if in_time => {
                        watch.at = at;
                        watch.after = watch.after.or(Some(seq - 1));
                        watch.live.push(seq);
                    }
                    Via::Live | Via::History => {}
                }
            }
            Act::Ended { room } if in_time => {
                let ended = room.map_or_else(|| rooms_of.remove(&connection).unwrap_or_default(), |room| vec![room]);
                for room in ended {
                    if let Some(watch) =
                        watches.get_mut(&(process, room)).filter(|watch| watch.subscription == Some(connection))
                    {
                        watch.subscription = None;
                    }
                }
            }
            _ => {}
        }
    }
    watches
}
