//! Doing it: to whom, how it ends, and what shows that it happened.

use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus, time::Duration};

use chat_checker::{
    RunClock,
    history::{Evidence, Fault},
};

use crate::{
    infra::Infra,
    plan::{Action, Cell, Component},
    process,
    snapshot::{self, Snapshot},
    world::World,
};

/// A service has half of this for its work in hand.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// What was done.
#[derive(Debug)]
pub struct Struck {
    pub fault: Fault,
    /// What was committed and stored at a kill.
    pub snapshot: Snapshot,
}

impl Struck {
    /// Under its name in the plan.
    pub fn renamed(mut self, id: &str) -> Self {
        self.fault.id.replace_range(.., id);
        self.snapshot.offsets.iter_mut().for_each(|offset| offset.fault.replace_range(.., id));
        self.snapshot.stored.iter_mut().for_each(|stored| stored.fault.replace_range(.., id));
        self
    }
}

/// Applies the fault of a cell, and heals it.
pub async fn strike(world: &mut World, infra: &Infra, cell: Cell, clock: RunClock) -> anyhow::Result<Struck> {
    let mut struck = Struck { fault: planned(cell, clock), snapshot: Snapshot::default() };
    struck.fault.start_ns = Some(clock.mono_ns());
    match (cell.spec().action, cell.component.is_infra()) {
        (Action::Kill { start_again }, false) => kill_service(world, cell, start_again, &mut struck).await?,
        (Action::Kill { .. }, true) => kill_infra(infra, cell, &mut struck).await?,
        (Action::Restart, false) => {
            let service = world.service(&cell.target())?;
            process::signal("TERM", service.pid()?, &[]).await?;
            struck.fault.evidence.extend(ending(service.ended(ENDS_WITHIN).await?));
            service.start()?;
        }
        (Action::Restart, true) => {
            let said = infra.command(&["stop", cell.component.name()]).await?;
            // Not our child, so its exit status is not ours to see: it was asked (PostgreSQL by its own signal), and went.
            if said.contains("stopped") && !said.contains("killed") {
                struck.fault.evidence.push(Evidence::Signal(15));
            }
            infra.command(&["start", cell.component.name()]).await?;
        }
        (Action::Pause(length), is_infra) => {
            let pid =
                if is_infra { infra.pid(cell.component.name())? } else { world.service(&cell.target())?.pid()? };
            // PostgreSQL answers from processes of its own.
            let others = process::children(pid);
            process::signal("STOP", pid, &others).await?;
            let state = process::await_stopped(pid).await;
            tokio::time::sleep(length).await;
            // Still: nobody has woken it in between.
            let still = process::state(pid);
            process::signal("CONT", pid, &others).await?;
            struck.fault.evidence.extend(still.filter(|_| still == state).map(Evidence::ProcessState));
        }
    }
    // What stays away is healed when it went: the others must take over.
    let stays = cell.spec().action == Action::Kill { start_again: false };
    let healed = struck.fault.end_ns.unwrap_or_else(|| clock.mono_ns());
    struck.fault.end_ns = if stays { struck.fault.start_ns } else { Some(healed) };
    Ok(struck)
}

pub fn planned(cell: Cell, clock: RunClock) -> Fault {
    let now = clock.mono_ns();
    let length = if let Action::Pause(length) = cell.spec().action { length } else { Duration::ZERO };
    Fault {
        id: "f1".to_owned(),
        fault: cell.kind(),
        target: cell.target(),
        planned_start_ns: now,
        planned_end_ns: now + u64::try_from(length.as_nanos()).unwrap_or(0),
        start_ns: None,
        end_ns: None,
        evidence: Vec::new(),
        group: None,
        budget_ms: u64::try_from(cell.budget().as_millis()).ok(),
    }
}

async fn kill_service(world: &mut World, cell: Cell, start_again: bool, struck: &mut Struck) -> anyhow::Result<()> {
    let service = world.service(&cell.target())?;
    struck.fault.evidence.extend(service.kill().await.and_then(ending));
    // Before it runs again: it could store what it had committed too early.
    struck.snapshot = snapshot::read(world, cell.component, &struck.fault.id).await?;
    struck.fault.group.clone_from(&struck.snapshot.group);
    if start_again {
        world.service(&cell.target())?.start()?;
    }
    Ok(())
}

async fn kill_infra(infra: &Infra, cell: Cell, struck: &mut Struck) -> anyhow::Result<()> {
    let name = cell.component.name();
    let pid = infra.pid(name)?;
    infra.command(&["kill", name]).await?;
    // Not our child, so its exit status is not ours to see: it ran, SIGKILL was sent, and it is gone.
    if process::state(pid).is_none_or(|state| state == 'Z') {
        struck.fault.evidence.push(Evidence::Signal(9));
    }
    infra.command(&["start", name]).await?;
    Ok(())
}

fn ending(status: ExitStatus) -> Option<Evidence> {
    status.signal().map(Evidence::Signal).or(status.code().map(Evidence::ExitCode))
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
