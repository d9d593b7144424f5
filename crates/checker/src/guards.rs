//! What must have happened for a run to prove anything. A run that fails a guard is unknown, not valid.

use std::collections::HashSet;

use crate::{
    Invariant,
    findings::Findings,
    history::{Notifications, Op, PhaseName, Section, Via},
    run::{Act, Run},
};

/// Everything that speaks against a valid verdict.
pub(crate) fn doubts(findings: &mut Findings) -> Vec<String> {
    let run = findings.run;
    let mut doubts = Vec::new();
    cut_dumps(run, &mut doubts);
    let Some(plan) = &run.plan else {
        doubts.push("there is no plan line: nothing says what the run set out to do".to_owned());
        return doubts;
    };
    let sends = || run.commands.all.iter().filter(|command| command.op == Op::Send);
    let ok = sends().filter(|command| command.ok.is_some()).count() as u64;
    if ok < plan.min_ok.max(1) {
        doubts.push(format!("{ok} sends were acknowledged; the plan asks for {}", plan.min_ok.max(1)));
    }
    for planned in &plan.faults {
        let applied = run.faults.iter().map(|(_, fault)| fault).find(|fault| fault.id == planned.id);
        match applied {
            None => doubts.push(format!("fault {} was planned and never applied", planned.id)),
            Some(fault) if (fault.fault, &fault.target) != (planned.fault, &planned.target) => {
                doubts.push(format!("fault {} is not the one that was planned", planned.id));
            }
            Some(fault) if !fault.happened() => {
                doubts.push(format!("fault {}: nothing shows that it happened", planned.id));
            }
            Some(fault) if fault.end_ns.is_none() => doubts.push(format!("fault {} was never healed", planned.id)),
            Some(_) => {}
        }
    }
    let exercised = [
        ("gaps filled", run.exercised.gap_fills, plan.exercise.gap_fills),
        ("subscriptions resumed", run.resumes, plan.exercise.resumes),
        ("rebalances", run.exercised.rebalances, plan.exercise.rebalances),
    ];
    for (what, seen, wanted) in exercised {
        if seen < wanted {
            doubts.push(format!("{what}: {seen}; the plan asks for {wanted}"));
        }
    }
    for (phase, name) in [(PhaseName::SilentTail, "silent tail"), (PhaseName::FinalReads, "final reads")] {
        if run.end_of(phase).is_none() {
            doubts.push(format!("the {name} did not run to the end"));
        }
    }
    final_reads(run, &mut doubts);
    if plan.notifications != Notifications::NotRecorded && run.notified.is_empty() {
        doubts.push("notifications were to be recorded, and there is none".to_owned());
    }
    for invariant in Invariant::ALL {
        if let Some(why) = not_checked(run, invariant) {
            if invariant != Invariant::I14 {
                doubts.push(format!("{invariant} was not checked: {why}"));
            }
            findings.note(invariant, why);
        }
    }
    doubts
}

/// Why an invariant cannot be judged at all.
pub(crate) fn not_checked(run: &Run, invariant: Invariant) -> Option<String> {
    if invariant == Invariant::I14
        && run.plan.as_ref().is_none_or(|plan| plan.notifications == Notifications::NotRecorded)
    {
        return Some("notifications were not recorded".to_owned());
    }
    let killed = run.faults.iter().map(|(_, fault)| fault).filter(|fault| fault.happened() && fault.group.is_some());
    if invariant == Invariant::I12 {
        let unread = killed.clone().find(|kill| !run.offsets.iter().any(|(_, offset)| offset.fault == kill.id));
        if let Some(kill) = unread {
            return Some(format!("no committed offsets were read at {}", kill.id));
        }
    }
    if invariant == Invariant::I12
        && let Some(kill) = killed.clone().find(|kill| !run.stored.contains_key(&kill.id))
    {
        return Some(format!("what was stored at {} was not read", kill.id));
    }
    let needed = |section: &&Section| {
        !matches!(**section, Section::Offsets | Section::Stored) || killed.clone().next().is_some()
    };
    let missing = invariant.needs().iter().filter(needed).find(|section| !run.has_dump(**section))?;
    Some(format!("there is no complete dump of the {}", missing.name()))
}

fn cut_dumps(run: &Run, doubts: &mut Vec<String>) {
    for section in Section::ALL {
        let read = run.read.get(&section).copied().unwrap_or(0);
        match run.announced.get(&section) {
            Some(count) if *count != read => {
                doubts.push(format!("the dump of the {} has {read} of {count} records", section.name()));
            }
            None if read > 0 => doubts.push(format!("the dump of the {} has no end", section.name())),
            _ => {}
        }
    }
}

/// Every client must have read all its rooms at last.
fn final_reads(run: &Run, doubts: &mut Vec<String>) {
    let mut read = HashSet::new();
    let mut processes = HashSet::new();
    for step in &run.steps {
        processes.insert(step.process);
        if let Act::Received { room, via: Via::Final, .. } = step.act {
            read.insert((step.process, room));
        }
    }
    let mut nameless: Vec<_> = processes.iter().filter(|process| !run.clients.contains_key(process)).collect();
    nameless.sort();
    if let Some(process) = nameless.first() {
        doubts.push(format!("process {} has no client line: nothing says who it is", run.processes.name(**process)));
    }
    let mut clients: Vec<_> = run.clients.iter().collect();
    clients.sort_by_key(|(process, _)| **process);
    for (process, client) in clients {
        let unread =
            run.rooms.iter().find(|(id, room)| room.current(client.user).is_some() && !read.contains(&(*process, *id)));
        if let Some((_, room)) = unread {
            doubts.push(format!("{} did not read room {} at last", client.process, room.id));
        }
    }
}
