//! Doing it: to whom, how it ends, and what shows that it happened.

mod process;

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use chat_checker::{
    RunClock,
    history::{Evidence, Fault, Offset, PlannedFault, Stored},
};

use crate::{
    disk,
    infra::Infra,
    plan::{Action, Cell, Component},
    snapshot,
    world::World,
};

/// Room for a new store and the data of a run, and not much more.
fn disk_mib(component: Component) -> u64 {
    match component {
        Component::Postgres => 256,
        Component::Kafka => 128,
        _ => 32,
    }
}

/// What was done.
#[derive(Debug)]
pub struct Struck {
    pub faults: Vec<Fault>,
    /// Committed offsets at a kill, and what was stored by then.
    pub offsets: Vec<Offset>,
    pub stored: Vec<Stored>,
    /// What must not have happened, and the checker cannot know.
    pub remarks: Vec<String>,
}

/// As the checker is told before; `earlier` is how many faults of the run come before.
pub fn planned(cell: Cell, earlier: usize) -> Vec<PlannedFault> {
    let fault = cell.action().kind();
    let numbered = cell.targets().into_iter().zip(earlier + 1..);
    numbered.map(|((_, target), number)| PlannedFault { id: format!("f{number}"), fault, target }).collect()
}

/// What has to be done before the services are started.
pub async fn prepare(infra: &Infra, cell: Cell) -> anyhow::Result<()> {
    if cell.action() != Action::FillDisk {
        return Ok(());
    }
    for component in cell.subject.components().into_iter().filter(|component| component.is_infra()) {
        infra.put_on_small_disk(component.name(), disk_mib(component)).await?;
    }
    Ok(())
}

/// A process that is hit.
#[derive(Debug)]
struct Target {
    component: Component,
    name: String,
    fault: Fault,
    /// In what state it was seen when it had been stopped.
    state: Option<char>,
}

/// Applies the fault of a cell, to all its targets at once, and heals it.
pub async fn strike(
    world: &mut World,
    infra: &Infra,
    cell: Cell,
    earlier: usize,
    clock: RunClock,
) -> anyhow::Result<Struck> {
    let mut targets = targets(cell, earlier, clock);
    let mut struck = Struck { faults: Vec::new(), offsets: Vec::new(), stored: Vec::new(), remarks: Vec::new() };
    for target in &mut targets {
        target.fault.start_ns = Some(clock.mono_ns());
        match cell.action() {
            Action::Kill { .. } => process::kill(world, infra, target).await?,
            Action::Restart => process::ask_to_end(world, infra, target).await?,
            Action::Pause => process::stop(world, infra, target).await?,
            Action::Lose { .. } | Action::Reset => world.network.cut(cell.action()),
            Action::FillDisk => fill(world, infra, target, cell.spec().hold).await?,
        }
    }
    if cell.action() != Action::FillDisk {
        tokio::time::sleep(cell.spec().hold).await;
    }
    // Stores first: of a service that was killed, they tell how far it was before it runs again, and stores what it had committed too early.
    targets.sort_by_key(|target| !target.component.is_infra());
    for target in &mut targets {
        match cell.action() {
            Action::Kill { start_again } => {
                let read = snapshot::read(world, target.component, &target.fault.id).await?;
                target.fault.group = read.group;
                struck.offsets.extend(read.offsets);
                struck.stored.extend(read.stored);
                if start_again {
                    process::start(world, infra, target).await?;
                }
            }
            Action::Restart => {
                process::await_end(world, target).await?;
                process::start(world, infra, target).await?;
            }
            Action::Pause => process::go_on(world, infra, target).await?,
            Action::Lose { .. } | Action::Reset => target.fault.evidence.extend(world.network.heal()),
            // A store may have given up. It is started again, and not repaired.
            Action::FillDisk if target.component.is_infra() => process::start(world, infra, target).await?,
            Action::FillDisk => {
                let service = world.service(&target.name)?;
                if let Some(status) = service.exit() {
                    struck
                        .remarks
                        .push(format!("{} ended with {status} when its log could not be written", target.name));
                    service.start()?;
                }
            }
        }
        // What stays away is healed when it went: the others must take over.
        let stays = cell.action() == Action::Kill { start_again: false };
        target.fault.end_ns = if stays { target.fault.start_ns } else { Some(clock.mono_ns()) };
    }
    struck.faults.extend(targets.into_iter().map(|target| target.fault));
    Ok(struck)
}

fn targets(cell: Cell, earlier: usize, clock: RunClock) -> Vec<Target> {
    let now = clock.mono_ns();
    let length = u64::try_from(cell.spec().hold.as_nanos()).unwrap_or(0);
    let budget_ms = u64::try_from(cell.budget().as_millis()).ok();
    let target = |((component, name), planned): ((Component, String), PlannedFault)| Target {
        component,
        name,
        fault: Fault {
            id: planned.id,
            fault: planned.fault,
            target: planned.target,
            planned_start_ns: now,
            planned_end_ns: now + length,
            start_ns: None,
            end_ns: None,
            evidence: Vec::new(),
            group: None,
            budget_ms,
        },
        state: None,
    };
    cell.targets().into_iter().zip(planned(cell, earlier)).map(target).collect()
}

/// Fills the disk, and shows that this was noticed: by a store that complains, or else by our own writes beside its log.
async fn fill(world: &mut World, infra: &Infra, target: &mut Target, hold: Duration) -> anyhow::Result<()> {
    let is_infra = target.component.is_infra();
    let log: PathBuf = if is_infra { infra.log(&target.name) } else { world.service(&target.name)?.log.clone() };
    let size = || std::fs::metadata(&log).map(|it| it.len()).with_context(|| log.display().to_string());
    let before = size()?;
    let ours = infra.keep_disk_full(hold).await?;
    let failed = if is_infra { disk::complaints(&log, before) } else { ours };
    target.fault.evidence.push(Evidence::FailedWrites(failed));
    Ok(())
}

/// What a service consumes.
pub fn topic_of(component: Component, world: &World) -> Option<String> {
    let topics = world.kafka.topics();
    match component {
        Component::Persister => Some(topics.messages()),
        Component::Broadcaster | Component::Notifier => Some(topics.events()),
        Component::ReadReceipt => Some(topics.read_events()),
        _ => None,
    }
}
