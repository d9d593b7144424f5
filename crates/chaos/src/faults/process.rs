//! Faults of processes: killed, frozen, asked to end.

use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus, time::Duration};

use chat_checker::history::Evidence;

use super::Target;
use crate::{infra::Infra, process, world::World};

/// A service has half of this for its work in hand.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

pub(super) async fn kill(world: &mut World, infra: &Infra, target: &mut Target) -> anyhow::Result<()> {
    let evidence = &mut target.fault.evidence;
    if !target.component.is_infra() {
        evidence.extend(world.service(&target.name)?.kill().await.and_then(ending));
        return Ok(());
    }
    let pid = infra.pid(&target.name)?;
    infra.command(&["kill", &target.name]).await?;
    // Not our child, so its exit status is not ours to see: it ran, SIGKILL was sent, and it is gone.
    if process::state(pid).is_none_or(|state| state == 'Z') {
        evidence.push(Evidence::Signal(9));
    }
    Ok(())
}

pub(super) async fn start(world: &mut World, infra: &Infra, target: &Target) -> anyhow::Result<()> {
    if target.component.is_infra() {
        infra.command(&["start", &target.name]).await?;
        return Ok(());
    }
    world.service(&target.name)?.start()
}

/// A store is gone after this; a service may still have work in hand.
pub(super) async fn ask_to_end(world: &mut World, infra: &Infra, target: &mut Target) -> anyhow::Result<()> {
    if !target.component.is_infra() {
        return process::signal("TERM", world.service(&target.name)?.pid()?, &[]).await;
    }
    let said = infra.command(&["stop", &target.name]).await?;
    // Not our child, so its exit status is not ours to see: it was asked (PostgreSQL by its own signal), and went.
    if said.contains("stopped") && !said.contains("killed") {
        target.fault.evidence.push(Evidence::Signal(15));
    }
    Ok(())
}

pub(super) async fn await_end(world: &mut World, target: &mut Target) -> anyhow::Result<()> {
    if !target.component.is_infra() {
        target.fault.evidence.extend(ending(world.service(&target.name)?.ended(ENDS_WITHIN).await?));
    }
    Ok(())
}

pub(super) async fn stop(world: &mut World, infra: &Infra, target: &mut Target) -> anyhow::Result<()> {
    let pid = pid(world, infra, target)?;
    process::signal("STOP", pid, &process::children(pid)).await?;
    target.state = process::await_stopped(pid).await;
    Ok(())
}

pub(super) async fn go_on(world: &mut World, infra: &Infra, target: &mut Target) -> anyhow::Result<()> {
    let pid = pid(world, infra, target)?;
    // Still: nobody has woken it in between.
    let still = process::state(pid);
    // PostgreSQL answers from processes of its own; a frozen one has got no new ones.
    process::signal("CONT", pid, &process::children(pid)).await?;
    target.fault.evidence.extend(still.filter(|_| still == target.state).map(Evidence::ProcessState));
    Ok(())
}

fn pid(world: &mut World, infra: &Infra, target: &Target) -> anyhow::Result<u32> {
    if target.component.is_infra() { infra.pid(&target.name) } else { world.service(&target.name)?.pid() }
}

fn ending(status: ExitStatus) -> Option<Evidence> {
    status.signal().map(Evidence::Signal).or(status.code().map(Evidence::ExitCode))
}
