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
    history::{Budgets, Exercise, Exercised, Gauge, Phase, PhaseName, Plan, Record},
    render,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::watch;

use crate::{
    broken::Broken,
    clients::{self, Load, Person, Stage},
    dumps::{self, Collected},
    faults::{self, topic_of},
    history::History,
    infra::Infra,
    plan::{Cell, Component, FaultName},
    process,
    progress::Progress,
    world::{REBALANCES, World},
};

const WARM_UP: Duration = Duration::from_secs(10);
/// Load goes on after the fault until its budget is used up, and for this long: whatever is not well by then shows.
const LONGER: Duration = Duration::from_secs(6);
const QUIESCE_WITHIN: Duration = Duration::from_mins(1);
const SILENCE: Duration = Duration::from_secs(10);
/// Nothing that a run of a minute does should need more memory in one service.
const RESIDENT_LIMIT: f64 = 512.0 * 1024.0 * 1024.0;

/// What a run needs to know.
#[derive(Debug)]
pub struct Setting<'a> {
    pub infra: &'a Infra,
    pub binaries: &'a Path,
    pub load: Load,
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

/// Runs a cell. What it left behind under the same name is replaced.
pub async fn run(setting: &Setting<'_>, cell: Cell, seed: u64) -> anyhow::Result<Outcome> {
    let directory =
        setting.infra.dir.join("runs").join(format!("{seed}-{}", setting.broken.map_or(cell.name(), Broken::run_name)));
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| directory.display().to_string())?;
    }
    fs::create_dir_all(&directory)?;
    let clock = RunClock::start();
    let history = Arc::new(History::create(&directory.join("history.jsonl"), clock)?);
    history.put(&Record::Plan(plan(cell, seed)));

    faults::prepare(setting.infra, cell).await?;
    setting.progress.step("starting the services");
    let mut world = World::start(setting.infra, setting.binaries, cell, setting.broken, &directory).await?;
    world.settle().await;
    let remarks = observe(setting, cell, seed, &mut world, &history).await;
    world.end().await;
    setting.infra.take_off_small_disk().await?;
    let remarks = remarks?;
    history.finish()?;

    setting.progress.step("checking");
    let checking = directory.clone();
    let report = tokio::task::spawn_blocking(move || verdict(&checking)).await??;
    Ok(Outcome { report, directory, remarks })
}

fn plan(cell: Cell, seed: u64) -> Plan {
    Plan {
        run: cell.name(),
        seed,
        min_ok: 300,
        faults: faults::planned(cell),
        exercise: Exercise { resumes: 10, ..Exercise::default() },
        budgets: Budgets::default(),
        redis_loss_window_ms: 1000,
        notifications: false,
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

/// Everything between the start of the services and the last dump.
async fn observe(
    setting: &Setting<'_>,
    cell: Cell,
    seed: u64,
    world: &mut World,
    history: &Arc<History>,
) -> anyhow::Result<Vec<String>> {
    let (progress, clock) = (setting.progress, history.clock());
    let mut rng = StdRng::seed_from_u64(seed);
    let addresses = world.addresses();
    let people = clients::gather(setting.load, &world.store, &addresses[0], history).await?;
    let (stage, stages) = watch::channel(Stage::Talk);
    let mut all = clients::start(&people, &addresses, setting.load, seed, history, &stages);
    let mut collected = Collected::default();

    progress.step(&format!("warm-up: {} clients in {} rooms", people.len(), setting.load.rooms));
    let load_ns = clock.mono_ns();
    tokio::time::sleep(WARM_UP + Duration::from_millis(rng.random_range(0..3000))).await;
    read_gauges(world, history, &mut collected);
    let settled = world.counter(REBALANCES).await;

    progress.step(&format!("fault: {} of {}", cell.what(), cell.subject));
    let struck = faults::strike(world, setting.infra, cell, clock).await?;
    for fault in struck.faults {
        let took = seconds(fault.end_ns.unwrap_or(0) - fault.start_ns.unwrap_or(0));
        progress.step(&format!("{} healed after {took:.1} s, {:?}; load goes on", fault.target, fault.evidence));
        history.put(&Record::Fault(fault));
    }
    collected.offsets = struck.offsets;
    tokio::time::sleep(cell.budget() + LONGER).await;
    read_gauges(world, history, &mut collected);

    stage.send_replace(Stage::Finish);
    phase(history, PhaseName::Load, load_ns);
    let quiesce_ns = clock.mono_ns();
    progress.step("quiesce");
    let mut remarks = struck.remarks;
    remarks.extend(quiesce(world).await);
    phase(history, PhaseName::Quiesce, quiesce_ns);

    stage.send_replace(Stage::Listen);
    let silence_ns = clock.mono_ns();
    progress.step("silent tail");
    tokio::time::sleep(SILENCE).await;
    phase(history, PhaseName::SilentTail, silence_ns);
    stage.send_replace(Stage::Leave);
    while let Some(left) = all.join_next().await {
        left.context("a client")?;
    }
    read_gauges(world, history, &mut collected);

    progress.step("last reads and dumps");
    let reads_ns = clock.mono_ns();
    last_reads(world, &people, history, &mut collected).await?;
    phase(history, PhaseName::FinalReads, reads_ns);
    let gap_fills = world.counter("chat_gateway_gap_pages_total").await;
    let rebalances = world.counter(REBALANCES).await;
    if cell.fault == FaultName::Stop5
        && cell.subject.components().iter().any(|it| it.is_consumer())
        && rebalances > settled
    {
        remarks.push(format!("{} rebalances, although the pause was shorter than a session", rebalances - settled));
    }
    history.put(&Record::Exercised(Exercised { gap_fills, rebalances }));
    dumps::dump(world, collected, history).await?;
    Ok(remarks)
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

fn read_gauges(world: &World, history: &History, collected: &mut Collected) {
    for (name, service) in &world.services {
        let Some(value) = service.pid().ok().and_then(process::resident_bytes) else { continue };
        let (target, mono_ns) = (name.clone(), history.clock().mono_ns());
        let gauge = Gauge { mono_ns, target, name: "resident bytes".to_owned(), value, limit: RESIDENT_LIMIT };
        collected.gauges.push(gauge);
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Runs a cell, but not for ever.
pub async fn run_within(setting: &Setting<'_>, cell: Cell, seed: u64) -> anyhow::Result<Outcome> {
    const LIMIT: Duration = Duration::from_mins(5);
    match tokio::time::timeout(LIMIT, run(setting, cell, seed)).await {
        Ok(outcome) => outcome,
        Err(_) => bail!("not over after {LIMIT:?}"),
    }
}
