//! From a run to its report.

use crate::{
    Finding, Invariant, Run,
    findings::Findings,
    guards,
    history::{Fault, Op},
    invariants::{self, Recovery},
    report::{FaultReport, InvariantReport, Report, RoomReport, SCHEMA, SendReport, Status, Verdict},
};

/// Holds the run against all invariants.
pub fn check(run: &Run) -> Report {
    let mut findings = Findings::new(run);
    let lag = invariants::check_all(&mut findings);
    let doubts = guards::doubts(&mut findings);
    let invariants: Vec<_> = Invariant::ALL.into_iter().map(|invariant| judged(&mut findings, invariant)).collect();
    let broken = invariants.iter().any(|it| it.status == Status::Broken);
    let verdict = match (broken, doubts.is_empty()) {
        (true, _) => Verdict::Invalid,
        (false, true) => Verdict::Valid,
        (false, false) => Verdict::Unknown,
    };
    Report {
        schema: SCHEMA,
        verdict,
        run: run.plan.as_ref().map(|plan| plan.run.clone()),
        seed: run.plan.as_ref().map(|plan| plan.seed),
        records: run.records,
        doubts,
        counter_example: earliest(&invariants),
        rooms: rooms(&findings),
        sends: sends(run),
        lag,
        faults: faults(run),
        excused_marks: findings.excused_marks,
        invariants,
    }
}

fn judged(findings: &mut Findings, invariant: Invariant) -> InvariantReport {
    let unchecked = guards::not_checked(findings.run, invariant).is_some();
    let tally = findings.tallies.remove(&invariant).unwrap_or_default();
    // Without the rows everything looks lost: what cannot be judged is not broken.
    let status = match (unchecked, tally.violations) {
        (true, _) => Status::NotChecked,
        (false, 0) => Status::Holds,
        (false, _) => Status::Broken,
    };
    let kept = if unchecked { Vec::new() } else { tally.found };
    InvariantReport {
        invariant,
        title: invariant.title(),
        status,
        cases: tally.cases,
        violations: if unchecked { 0 } else { tally.violations },
        note: tally.note,
        findings: kept,
    }
}

/// The first thing that went wrong; what clients saw goes before what stands in a dump.
fn earliest(invariants: &[InvariantReport]) -> Option<Finding> {
    let first = invariants.iter().filter_map(|it| it.findings.first());
    first.min_by_key(|finding| (finding.mono_ns.unwrap_or(u64::MAX), finding.invariant)).cloned()
}

fn rooms(findings: &Findings) -> Vec<RoomReport> {
    let run = findings.run;
    let mut rooms: Vec<_> = run
        .rooms
        .iter()
        .map(|(id, room)| {
            let counts = findings.deliveries.get(&id).copied().unwrap_or_default();
            RoomReport {
                room: room.id,
                head: room.head(),
                expected: counts.expected,
                unique: counts.unique,
                missing: counts.missing,
                duplicate: counts.duplicate,
                unexpected: counts.unexpected,
            }
        })
        .collect();
    rooms.sort_by_key(|room| room.room);
    rooms
}

fn sends(run: &Run) -> SendReport {
    let mut report = SendReport::default();
    for command in run.commands.all.iter().filter(|command| command.op == Op::Send && command.attempts > 0) {
        report.sent += 1;
        report.retried += u64::from(command.attempts > 1);
        let state = if command.persisted {
            &mut report.persisted
        } else if command.refused.is_some() {
            &mut report.rejected
        } else if command.ok.is_some() {
            &mut report.accepted
        } else if command.unknown {
            &mut report.unknown
        } else if command.busy {
            &mut report.busy
        } else {
            &mut report.unanswered
        };
        *state += 1;
    }
    report
}

fn faults(run: &Run) -> Vec<FaultReport> {
    let recoveries = invariants::recoveries(run);
    let applied = run
        .faults
        .iter()
        .enumerate()
        .map(|(index, (_, fault))| fault_report(fault, recoveries.iter().find(|recovery| recovery.fault == index)));
    let planned = run.plan.iter().flat_map(|plan| &plan.faults);
    let missed = planned.filter(|planned| !run.faults.iter().any(|(_, fault)| fault.id == planned.id));
    let missed = missed.map(|planned| FaultReport {
        id: planned.id.clone(),
        fault: planned.fault,
        target: planned.target.clone(),
        happened: false,
        first_ok_ms: None,
        caught_up_ms: None,
        budget_ms: None,
        met: None,
    });
    applied.chain(missed).collect()
}

fn fault_report(fault: &Fault, recovery: Option<&Recovery>) -> FaultReport {
    let ms = |ns: u64| ns / 1_000_000;
    FaultReport {
        id: fault.id.clone(),
        fault: fault.fault,
        target: fault.target.clone(),
        happened: fault.happened(),
        first_ok_ms: recovery.and_then(|it| it.first_ok_ns).map(ms),
        caught_up_ms: recovery.and_then(|it| it.caught_up).map(|(took, ..)| ms(took)),
        budget_ms: recovery.map(|it| (ms(it.budget_first_ok_ns), ms(it.budget_caught_up_ns))),
        met: recovery.map(Recovery::met),
    }
}
