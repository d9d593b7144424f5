//! **I15** Things happen in time: after each fault, the first acknowledged send and the delivery of everything sent before; a new connection
//! after a lost one; an answer to every send while the connection stands; away from faults, the delivery of a message. Gauges of memory and
//! queues stay below their limits.

use std::collections::HashMap;

use crate::{
    findings::{Findings, Found, Invariant},
    history::{Budgets, PhaseName, Via},
    report::Lag,
    run::{Act, At, Run, Step},
};

const MS: u64 = 1_000_000;
/// Slower than this is a delivery that waited for something: a healthy system needs milliseconds.
const WAITED_NS: u64 = 1000 * MS;

/// How the system came back after a fault.
#[derive(Debug, Clone)]
pub(crate) struct Recovery {
    /// Index of the fault.
    pub fault: usize,
    pub start_ns: u64,
    /// When the fault, and those that overlap it, were over.
    pub healed_ns: u64,
    pub budget_first_ok_ns: u64,
    pub budget_caught_up_ns: u64,
    /// None: nothing was sent afterwards; or it was, and nothing was acknowledged.
    pub first_ok_ns: Option<u64>,
    pub sent_after: bool,
    /// The last delivery of what was sent during the fault, or of what was sent soon after and had to wait.
    pub caught_up: Option<(u64, At, u32, i64)>,
}

impl Recovery {
    pub(crate) fn met(&self) -> bool {
        let late = self.caught_up.is_some_and(|(took, ..)| took > self.budget_caught_up_ns);
        !late && !self.first_ok_late()
    }

    fn first_ok_late(&self) -> bool {
        self.first_ok_ns.map_or(self.sent_after, |took| took > self.budget_first_ok_ns)
    }
}

/// The recoveries of all faults that happened and were healed.
pub(crate) fn recoveries(run: &Run) -> Vec<Recovery> {
    let budgets = budgets(run);
    let mut oks: Vec<u64> = run.commands.all.iter().filter_map(|command| command.ok.map(|(ns, _)| ns)).collect();
    oks.sort_unstable();
    let last_sent = run.commands.all.iter().map(|command| command.last_invoke_ns).max().unwrap_or(0);
    let times: Vec<_> = run.faults.iter().map(|(_, fault)| (fault.start_ns, fault.end_ns)).collect();
    let mut all = Vec::new();
    for (index, (_, fault)) in run.faults.iter().enumerate() {
        let (Some(start_ns), Some(end_ns)) = (fault.start_ns, fault.end_ns) else { continue };
        let mut healed_ns = end_ns;
        // A fault that begins before this one is over prolongs it, and so on.
        while let Some(later) = times.iter().find_map(|(start, end)| {
            start.zip(*end).filter(|(start, end)| *start <= healed_ns && *end > healed_ns).map(|(_, end)| end)
        }) {
            healed_ns = later;
        }
        let own = fault.budget_ms.map(|budget| budget * MS);
        let first_ok = oks.get(oks.partition_point(|ns| *ns < healed_ns)).map(|ns| ns - healed_ns);
        let budget_first_ok_ns = own.unwrap_or(budgets.first_ok_ms * MS);
        all.push(Recovery {
            fault: index,
            start_ns,
            healed_ns,
            budget_first_ok_ns,
            budget_caught_up_ns: own.unwrap_or(budgets.caught_up_ms * MS),
            first_ok_ns: first_ok,
            sent_after: last_sent > healed_ns,
            caught_up: None,
        });
    }
    for (step, subscribed_ns) in deliveries(run) {
        let Act::Received { room, seq, command, .. } = step.act else { continue };
        let command = run.command(command);
        let sent_ns = command.first_invoke_ns;
        // Once, to somebody who was there: it waited for nothing but the system.
        let waited =
            command.attempts == 1 && subscribed_ns <= sent_ns && step.mono_ns.saturating_sub(sent_ns) > WAITED_NS;
        for recovery in &mut all {
            let allowed_until = recovery.healed_ns + recovery.budget_caught_up_ns;
            // A process is started again at once, and is not back for that: what is sent soon after waits too. Not so soon, near the end of
            // the budget, it is judged by the budget of a delivery.
            let soon = recovery.budget_caught_up_ns - (recovery.budget_caught_up_ns / 2).min(budgets.delivery_ms * MS);
            let during = recovery.start_ns <= sent_ns
                && (sent_ns < recovery.healed_ns || (waited && sent_ns <= recovery.healed_ns + soon));
            let then = subscribed_ns <= allowed_until;
            let took = step.mono_ns.saturating_sub(recovery.healed_ns);
            if during && then && recovery.caught_up.is_none_or(|(most, ..)| took > most) {
                recovery.caught_up = Some((took, step.at, room, seq));
            }
        }
    }
    all
}

fn budgets(run: &Run) -> Budgets {
    run.plan.as_ref().map(|plan| plan.budgets).unwrap_or_default()
}

/// Everything that steady clients received on subscriptions, with the time at which the subscription began.
fn deliveries(run: &Run) -> impl Iterator<Item = (&Step, u64)> {
    let mut begun: HashMap<(u32, u32), u64> = HashMap::new();
    run.steps.iter().filter_map(move |step| match step.act {
        Act::Subscribed { room, .. } | Act::Told { room, .. } => {
            begun.insert((step.connection, room), step.mono_ns);
            None
        }
        Act::Received { room, command, via: Via::Live, .. } if !run.is_slow(step.process) => {
            (run.command(command).attempts > 0).then_some(())?;
            begun.get(&(step.connection, room)).map(|begun| (step, *begun))
        }
        _ => None,
    })
}

pub(super) fn check(findings: &mut Findings) -> Lag {
    let recoveries = recoveries(findings.run);
    for recovery in &recoveries {
        recovered(findings, recovery);
    }
    reconnects(findings, &recoveries);
    answers(findings);
    gauges(findings);
    lag(findings, &recoveries)
}

fn recovered(findings: &mut Findings, recovery: &Recovery) {
    let run = findings.run;
    let (at, fault) = &run.faults[recovery.fault];
    let name = format!("{:?} of {} ({})", fault.fault, fault.target, fault.id);
    findings.case(Invariant::I15);
    if recovery.first_ok_late() {
        findings.found(Invariant::I15, Found::new("slow_recovery", *at).when(recovery.healed_ns), || {
            let took =
                recovery.first_ok_ns.map_or_else(|| "never".to_owned(), |took| format!("{} ms later", took / MS));
            format!(
                "after {name}, the first send was acknowledged {took}; allowed are {} ms",
                recovery.budget_first_ok_ns / MS
            )
        });
    }
    if let Some((took, at, room, seq)) = recovery.caught_up.filter(|(took, ..)| *took > recovery.budget_caught_up_ns) {
        let found = Found::new("slow_catch_up", at).when(recovery.healed_ns + took).place(run.room_id(room), seq);
        findings.found(Invariant::I15, found, || {
            format!(
                "{name} was over for {} ms when seq {seq} arrived; allowed are {} ms",
                took / MS,
                recovery.budget_caught_up_ns / MS
            )
        });
    }
}

fn reconnects(findings: &mut Findings, recoveries: &[Recovery]) {
    let run = findings.run;
    let budget = budgets(run).reconnect_ms * MS;
    let end = run.end_of(PhaseName::SilentTail).unwrap_or(0);
    let mut opened: HashMap<u32, Vec<u64>> = HashMap::new();
    for connection in &run.connections {
        opened.entry(connection.process).or_default().extend(connection.opened_ns);
    }
    for times in opened.values_mut() {
        times.sort_unstable();
    }
    for connection in run.connections.iter().filter(|connection| connection.lost) {
        let Some(lost_ns) = connection.closed_ns else { continue };
        findings.case(Invariant::I15);
        let healed = recoveries
            .iter()
            .filter(|it| it.start_ns <= lost_ns && lost_ns < it.healed_ns)
            .map(|it| it.healed_ns)
            .max();
        let from = healed.unwrap_or(lost_ns);
        let times = &opened[&connection.process];
        let again = times.get(times.partition_point(|ns| *ns <= lost_ns)).copied();
        if again.unwrap_or(end).saturating_sub(from) > budget {
            let found = Found::new("slow_reconnect", connection.at).when(lost_ns);
            findings.found(Invariant::I15, found, || {
                let took = again.map_or_else(|| "never".to_owned(), |ns| format!("after {} ms", (ns - from) / MS));
                format!("{} came back {took}; allowed are {} ms", run.processes.name(connection.process), budget / MS)
            });
        }
    }
}

fn answers(findings: &mut Findings) {
    let run = findings.run;
    let budget = budgets(run).answer_ms * MS;
    let end = run.end_of(PhaseName::SilentTail).unwrap_or(0);
    for command in run.commands.all.iter().filter(|command| command.attempts > 0) {
        findings.case(Invariant::I15);
        let until = run.connections[command.connection as usize].closed_ns.unwrap_or(end);
        if !command.answered && until.saturating_sub(command.last_invoke_ns) > budget {
            let found = Found::new("unanswered", command.invoke_at).when(command.last_invoke_ns).key(&command.key);
            findings.found(Invariant::I15, found, || {
                format!("{} had no answer of any kind in {} ms", command.key, budget / MS)
            });
        }
    }
}

fn gauges(findings: &mut Findings) {
    for (at, gauge) in &findings.run.gauges {
        findings.case(Invariant::I15);
        if gauge.value > gauge.limit {
            findings.found(Invariant::I15, Found::new("unbounded", *at).when(gauge.mono_ns), || {
                format!("{} of {} is {}; its limit is {}", gauge.name, gauge.target, gauge.value, gauge.limit)
            });
        }
    }
}

fn lag(findings: &mut Findings, recoveries: &[Recovery]) -> Lag {
    let run = findings.run;
    let budget = budgets(run).delivery_ms * MS;
    let mut worst = Lag::default();
    for (step, begun) in deliveries(run) {
        let Act::Received { room, seq, command, .. } = step.act else { continue };
        let command = run.command(command);
        let sent = command.first_invoke_ns;
        if begun > sent || command.attempts != 1 {
            continue;
        }
        let took = step.mono_ns.saturating_sub(sent);
        let shaken = recoveries
            .iter()
            .any(|it| it.start_ns.saturating_sub(budget) <= sent && sent <= it.healed_ns + it.budget_caught_up_ns);
        worst.offer(took / MS, run.room_id(room), seq, shaken);
        findings.case(Invariant::I15);
        if took > budget && !shaken {
            let found =
                Found::new("slow_delivery", step.at).when(step.mono_ns).place(run.room_id(room), seq).key(&command.key);
            findings.found(Invariant::I15, found, || {
                format!(
                    "{} received seq {seq} {} ms after it was sent; allowed are {} ms",
                    run.processes.name(step.process),
                    took / MS,
                    budget / MS
                )
            });
        }
    }
    worst
}
