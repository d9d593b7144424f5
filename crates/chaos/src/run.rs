//! One run: load, fault, heal, quiesce, silence, last reads, dumps, verdict.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use chat_checker::{
    Reader, Report, RunClock, attach_context, check,
    history::{Budgets, Exercise, Exercised, Fault, Gauge, Notifications, Phase, PhaseName, Plan, Record},
    render,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::watch;

use crate::{
    broken::Broken,
    clients::{self, Load, Person, Stage},
    dumps::{self, Collected},
    faults::{self, topic_of},
    gauges::Sampler,
    history::History,
    infra::Infra,
    plan::{Cell, Component, FaultName},
    plot,
    progress::Progress,
    script::{Script, Step, Timing},
    world::{REBALANCES, World},
};

const QUIESCE_WITHIN: Duration = Duration::from_mins(1);

/// What a run needs to know.
#[derive(Debug)]
pub struct Setting<'a> {
    pub infra: &'a Infra,
    pub binaries: &'a Path,
    pub load: Load,
    pub timing: Timing,
    pub progress: Progress,
    /// Services are broken on purpose.
    pub broken: Option<Broken>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    pub report: Report,
    pub directory: PathBuf,
    /// What the checker cannot know: groups that did not come to the end of their topics, partitions that changed hands without need.
    pub remarks: Vec<String>,
}

/// Carries out a script. What it left behind under the same name is replaced.
async fn run(setting: &Setting<'_>, script: &Script, seed: u64) -> anyhow::Result<Outcome> {
    let name = setting.broken.map_or_else(|| script.name.clone(), Broken::run_name);
    let directory = setting.infra.dir.join("runs").join(format!("{seed}-{name}"));
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| directory.display().to_string())?;
    }
    fs::create_dir_all(&directory)?;
    let clock = RunClock::start();
    let history = Arc::new(History::create(&directory.join("history.jsonl"), clock)?);
    history.put(&Record::Plan(plan(script, seed, setting.timing)));

    let cells: Vec<Cell> = script.steps.iter().map(|step| step.cell).collect();
    for cell in &cells {
        faults::prepare(setting.infra, *cell).await?;
    }
    setting.progress.step("starting the services");
    let mut world = World::start(setting.infra, setting.binaries, &cells, setting.broken, &directory).await?;
    world.settle().await;
    let observed = observe(setting, script, seed, &mut world, &history).await;
    world.end().await;
    setting.infra.take_off_small_disk().await?;
    let Observed { remarks, faults, gauges } = observed?;
    history.finish()?;
    if script.plot {
        let title = format!("{} minutes of load and faults, seed {seed}", minutes_of(&gauges));
        plot::draw(&directory.join("plot.svg"), &title, &gauges, &faults)?;
    }

    setting.progress.step("checking");
    let checking = directory.clone();
    let report = tokio::task::spawn_blocking(move || verdict(&checking)).await??;
    Ok(Outcome { report, directory, remarks })
}

fn minutes_of(gauges: &[Gauge]) -> u64 {
    gauges.last().map_or(0, |last| last.mono_ns / 60_000_000_000)
}

fn plan(script: &Script, seed: u64, timing: Timing) -> Plan {
    let mut planned = Vec::new();
    for step in &script.steps {
        planned.extend(faults::planned(step.cell, planned.len()));
    }
    Plan {
        run: script.name.clone(),
        seed,
        min_ok: timing.min_ok,
        faults: planned,
        exercise: Exercise { resumes: timing.resumes, ..Exercise::default() },
        // Somebody who is here is so for as long as a delivery may take, before and after.
        budgets: Budgets { presence_ms: 5000, ..Budgets::default() },
        // A mark that was acknowledged is in Kafka until it is in PostgreSQL: whatever Redis loses excuses none.
        redis_loss_window_ms: 0,
        notifications: Notifications::NotViewing,
    }
}

fn verdict(directory: &Path) -> anyhow::Result<Report> {
    let mut reader = Reader::default();
    reader.read_path(directory)?;
    let mut report = check(&reader.finish());
    attach_context(&mut report)?;
    fs::write(directory.join("report.txt"), render(&report, false))?;
    fs::write(directory.join("report.json"), serde_json::to_vec_pretty(&report)?)?;
    Ok(report)
}

/// What was seen between the start of the services and the last dump.
struct Observed {
    remarks: Vec<String>,
    /// With their names.
    faults: Vec<(Fault, String)>,
    gauges: Vec<Gauge>,
}

async fn observe(
    setting: &Setting<'_>,
    script: &Script,
    seed: u64,
    world: &mut World,
    history: &Arc<History>,
) -> anyhow::Result<Observed> {
    let progress = setting.progress;
    let addresses = world.addresses();
    let (people, wanderers) = clients::gather(setting.load, &world.store, &addresses[0], history).await?;
    let (stage, stages) = watch::channel(Stage::Talk);
    let mut all = clients::start(&people, wanderers, &addresses, setting.load, seed, history, &stages);
    let mut collected = Collected::default();
    progress.step(&format!("warm-up: {} clients in {} rooms", people.len(), setting.load.rooms));

    let mut sampler = Sampler::new(setting.infra, world, history.clock())?;
    let talking = Box::pin(talk(setting, script, seed, world, history, &stage, &mut collected));
    let talked = tokio::select! {
        talked = talking => talked,
        () = sampler.run(progress) => bail!("the gauges ended"),
    };
    let (faults, mut remarks) = talked?;
    collected.gauges.clone_from(&sampler.read);
    while let Some(left) = all.join_next().await {
        left.context("a client")?;
    }

    progress.step("last reads and dumps");
    let reads_ns = history.clock().mono_ns();
    last_reads(world, &people, history, &mut collected).await?;
    phase(history, PhaseName::FinalReads, reads_ns);
    remarks.extend(world.ended_by_themselves());
    let gap_fills = world.counter("chat_gateway_gap_pages_total").await;
    let rebalances = world.counter(REBALANCES).await;
    history.put(&Record::Exercised(Exercised { gap_fills, rebalances }));
    dumps::dump(world, collected, history).await?;
    Ok(Observed { remarks, faults, gauges: sampler.read })
}

/// Load with all its faults, to the end of the silence.
async fn talk(
    setting: &Setting<'_>,
    script: &Script,
    seed: u64,
    world: &mut World,
    history: &History,
    stage: &watch::Sender<Stage>,
    collected: &mut Collected,
) -> anyhow::Result<(Vec<(Fault, String)>, Vec<String>)> {
    let (progress, timing, clock) = (setting.progress, setting.timing, history.clock());
    let mut rng = StdRng::seed_from_u64(seed);
    let load_ns = clock.mono_ns();
    tokio::time::sleep(timing.warm_up + rng.random_range(Duration::ZERO..timing.spread)).await;
    let settled = world.counter(REBALANCES).await;

    let (mut faults, mut remarks) = (Vec::new(), Vec::new());
    for (index, Step { cell, pause }) in script.steps.iter().enumerate() {
        let number = format!("{} of {}", index + 1, script.steps.len());
        progress.step(&format!("fault {number}: {} of {}", cell.what(), cell.subject));
        let struck = faults::strike(world, setting.infra, *cell, faults.len(), clock).await?;
        for fault in struck.faults {
            let took = seconds(fault.end_ns.unwrap_or(0) - fault.start_ns.unwrap_or(0));
            progress.step(&format!("{} healed after {took:.1} s, {:?}; load goes on", fault.target, fault.evidence));
            history.put(&Record::Fault(fault.clone()));
            faults.push((fault, format!("{} {}", cell.subject, cell.what())));
        }
        remarks.extend(struck.remarks);
        collected.offsets.extend(struck.offsets);
        collected.stored.extend(struck.stored);
        let budget = if timing.whole_budget { cell.budget() } else { Duration::ZERO };
        tokio::time::sleep(budget + *pause).await;
    }

    stage.send_replace(Stage::Finish);
    phase(history, PhaseName::Load, load_ns);
    let quiesce_ns = clock.mono_ns();
    progress.step("quiesce");
    remarks.extend(quiesce(world).await);
    phase(history, PhaseName::Quiesce, quiesce_ns);
    let rebalances = world.counter(REBALANCES).await;
    let paused = script
        .only()
        .filter(|cell| cell.fault == FaultName::Stop5 && cell.subject.components().iter().any(|it| it.is_consumer()));
    if paused.is_some() && rebalances > settled {
        remarks.push(format!("{} rebalances, although the pause was shorter than a session", rebalances - settled));
    }

    stage.send_replace(Stage::Listen);
    let silence_ns = clock.mono_ns();
    progress.step("silent tail");
    tokio::time::sleep(timing.silence).await;
    phase(history, PhaseName::SilentTail, silence_ns);
    stage.send_replace(Stage::Leave);
    Ok((faults, remarks))
}

/// From a gateway that answers.
async fn last_reads(
    world: &World,
    people: &[Person],
    history: &History,
    collected: &mut Collected,
) -> anyhow::Result<()> {
    let address = world.live_address().await.context("no gateway is ready for the last reads")?;
    let reads = people.iter().map(|person| clients::read_all(person, &address, history));
    for read in futures_util::future::join_all(reads).await {
        collected.unread.extend(read?);
    }
    Ok(())
}

/// Until no group lags; those that still do after a minute.
async fn quiesce(world: &World) -> Vec<String> {
    let until = Instant::now() + QUIESCE_WITHIN;
    loop {
        let mut lagging = Vec::new();
        for component in Component::ALL.into_iter().filter(|component| component.is_consumer()) {
            let Some(topic) = topic_of(component, world) else { continue };
            match chat_kafka::group_lag(&world.kafka, component.name(), &[topic]).await {
                Ok(0) => {}
                Ok(lag) => lagging.push(format!("{} has not done {lag} records", component.name())),
                Err(error) => lagging.push(format!("{}: {error}", component.name())),
            }
        }
        if lagging.is_empty() || Instant::now() > until {
            return lagging;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn phase(history: &History, phase: PhaseName, start_ns: u64) {
    history.put(&Record::Phase(Phase { phase, start_ns, end_ns: Some(history.clock().mono_ns()) }));
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Carries out a script, but not for ever.
pub async fn run_within(setting: &Setting<'_>, script: &Script, seed: u64) -> anyhow::Result<Outcome> {
    let limit = script.limit;
    match tokio::time::timeout(limit, Box::pin(run(setting, script, seed))).await {
        Ok(outcome) => outcome,
        Err(_) => bail!("not over after {limit:?}"),
    }
}

#[cfg(test)]
mod tests {
    use chat_checker::Verdict;

    use super::*;
    use crate::plan::{Component, Subject};

    const CELL: Cell = Cell { subject: Subject::One(Component::Persister), fault: FaultName::Kill, link: None };

    /// The verdict over a run of which only this was written down.
    fn judged(written: impl FnOnce(&History)) -> Report {
        let directory = std::env::temp_dir().join(format!("chat-chaos-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(&directory).unwrap();
        let history = History::create(&directory.join("history.jsonl"), RunClock::start()).unwrap();
        let script = Script::of(CELL, Timing::SHORT);
        history.put(&Record::Plan(plan(&script, 1, Timing::SHORT)));
        written(&history);
        history.finish().unwrap();
        let report = verdict(&directory).unwrap();
        fs::remove_dir_all(&directory).unwrap();
        report
    }

    #[test]
    fn a_run_in_which_the_planned_fault_did_not_happen_proves_nothing() {
        let report = judged(|_| {});
        assert_eq!(report.verdict, Verdict::Unknown);
        assert!(report.doubts.iter().any(|doubt| doubt == "fault f1 was planned and never applied"), "{report:?}");
    }

    #[test]
    fn a_kill_that_nothing_shows_proves_nothing() {
        let report = judged(|history| {
            let planned = faults::planned(CELL, 0).remove(0);
            let mut fault = Fault {
                id: planned.id,
                fault: planned.fault,
                target: planned.target,
                planned_start_ns: 1,
                planned_end_ns: 1,
                start_ns: Some(1),
                end_ns: Some(2),
                evidence: Vec::new(),
                group: None,
                budget_ms: None,
            };
            // It ended, but by itself.
            fault.evidence.push(chat_checker::history::Evidence::ExitCode(0));
            history.put(&Record::Fault(fault));
        });
        assert_eq!(report.verdict, Verdict::Unknown);
        assert!(report.doubts.iter().any(|doubt| doubt == "fault f1: nothing shows that it happened"), "{report:?}");
    }
}
