//! `chat-chaos`: breaks one part of the system while people talk, and has the checker prove that nothing was lost.

mod broken;
mod clients;
mod disk;
mod dumps;
mod faults;
mod gauges;
mod history;
mod infra;
mod network;
mod plan;
mod plot;
mod process;
mod progress;
mod run;
mod script;
mod service;
mod snapshot;
mod soak;
mod table;
mod world;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, bail, ensure};
use broken::Broken;
use chat_checker::Verdict;
use clap::Parser;
use infra::Infra;
use plan::{Action, Cell, FaultName, Link, Subject};
use progress::Progress;
use run::{Outcome, Setting};
use script::{Script, Timing};
use table::Line;

/// Runs the five services as real processes under load, breaks one part, heals it, and checks every promise.
///
/// Each combination of a component, or a pair of them, and a fault is a cell; without a choice, all are run, one to two minutes each. The schedule
/// is drawn from the seed; the run N of a cell has the seed SEED + N - 1. Histories, logs and reports are kept under
/// STACK_DIR/runs/<seed>-<component>-<fault>/, and a line for every run in STACK_DIR/results.jsonl.
///
/// Exit code: 0 if every run is valid, 1 if one is not, 2 if one could not be carried out, 130 when interrupted.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  chat-chaos --fault kill                      every component is killed once\n  \
                  chat-chaos --component persister --runs 3    every fault of one component, three times\n  \
                  chat-chaos --fault stop30 --component kafka --seed 7\n  \
                  chat-chaos --fault blackhole --link redis    each service is cut off from Redis once\n  \
                  chat-chaos --component kafka+postgres        two at once"
)]
struct Cli {
    /// What is broken: a service or a store, two at once (kafka+postgres), or all-gateways; several with commas [default: everything]
    #[arg(long, value_delimiter = ',')]
    component: Vec<Subject>,
    /// How; several with commas [default: every way]
    #[arg(long, value_enum, value_delimiter = ',')]
    fault: Vec<FaultName>,
    /// From what a service is cut off; several with commas [default: everything, one after the other]
    #[arg(long, value_enum, value_delimiter = ',')]
    link: Vec<Link>,
    /// Break the services themselves, and have the checker notice: exit code 0 if it does. Needs binaries with the feature `fail-points`
    #[arg(long, value_enum, conflicts_with_all = ["component", "fault"])]
    broken: Option<Broken>,
    /// Where the schedule is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often each cell is run
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    runs: u64,
    /// Shorter phases, for the tests: see docs/TESTING.md
    #[arg(long)]
    short: bool,
    /// One run of so many minutes with one fault after the other, instead of a run for each cell
    #[arg(long, value_name = "MINUTES", conflicts_with_all = ["runs", "short"], value_parser = clap::value_parser!(u64).range(1..=1440))]
    soak: Option<u64>,
    /// How many clients
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(4..=1000))]
    clients: u16,
    /// How many rooms
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(2..=200))]
    rooms: u16,
    /// Between two messages of one client, on average
    #[arg(long, value_name = "MS", default_value_t = 400, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pause_ms: u64,
    /// Where the binaries of the services are [default: beside this one]
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// The script that keeps PostgreSQL, Redis and Kafka
    #[arg(long, value_name = "FILE", default_value = "deploy/native/stack.sh")]
    stack: PathBuf,
    /// Their data, and what is kept of the runs. A stack that runs there is used and left running
    #[arg(long, value_name = "DIR", default_value = ".stack-chaos")]
    stack_dir: PathBuf,
    /// Moves their ports; those that the kernel gives to outgoing connections (from 32768) are sometimes taken
    #[arg(long, default_value_t = 1500)]
    port_offset: u16,
    /// List the cells with their budgets, and exit
    #[arg(long)]
    list: bool,
    /// Print what is in STACK_DIR/results.jsonl as a table of Markdown, and exit
    #[arg(long)]
    results: bool,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    match Box::pin(execute(Cli::parse())).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chat-chaos: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    let results = cli.stack_dir.join("results.jsonl");
    if cli.results {
        let text = std::fs::read_to_string(&results).with_context(|| results.display().to_string())?;
        print!("{}", table::markdown(&text)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut cells =
        cli.broken.map_or_else(|| plan::cells(&cli.component, &cli.fault, &cli.link), |broken| vec![broken.cell()]);
    ensure!(!cells.is_empty(), "there is no such cell; --list without a choice prints all of them");
    if cli.list {
        list(&cells);
        return Ok(ExitCode::SUCCESS);
    }
    let beside = || Some(std::env::current_exe().ok()?.parent()?.to_owned());
    let binaries = cli.bin_dir.clone().or_else(beside).context("--bin-dir is needed")?;
    let progress = Progress::start();
    progress.step("starting PostgreSQL, Redis and Kafka");
    // Signals are caught from here on: what was started is to be stopped.
    let interrupted = interruption();
    tokio::pin!(interrupted);
    let infra = tokio::select! {
        infra = Infra::start(&cli.stack, &cli.stack_dir, cli.port_offset) => infra?,
        () = &mut interrupted => return Ok(ExitCode::from(130)),
    };
    let pause = Duration::from_millis(cli.pause_ms);
    let length = Duration::from_mins(cli.soak.unwrap_or(0));
    let load = clients::Load { clients: cli.clients.into(), rooms: cli.rooms.into(), pause, length };
    let timing = if cli.short { Timing::SHORT } else { Timing::NORMAL };
    let setting = Setting { infra: &infra, binaries: &binaries, load, timing, progress, broken: cli.broken };
    let mut lines = Vec::new();
    let mut code = 0;
    let left_out = without_disks(&mut cells, &infra);
    lines.extend(left_out.into_iter().map(|cell| Line::impossible(cell, cli.seed)));
    if cells.is_empty() {
        infra.stop().await?;
        bail!("nothing of this can be done here");
    }
    let rounds = (0..cli.runs).flat_map(|round| cells.iter().map(move |cell| (*cell, cli.seed + round)));
    let scripts: Vec<(Script, u64)> = match cli.soak {
        Some(_) => vec![(soak::script(&cells, length, cli.seed), cli.seed)],
        None => rounds.map(|(cell, seed)| (Script::of(cell, timing), seed)).collect(),
    };
    for (number, (script, seed)) in scripts.iter().enumerate() {
        progress.run(number + 1, scripts.len(), script, *seed);
        let outcome = tokio::select! {
            outcome = Box::pin(run::run_within(&setting, script, *seed)) => outcome,
            () = &mut interrupted => { code = 130; break }
        };
        match outcome {
            Ok(outcome) => {
                tell(&outcome, progress);
                let told = Line::of(script, *seed, &outcome);
                let good = match cli.broken {
                    Some(broken) => broken.caught(&outcome.report, progress),
                    None => told.iter().all(|line| line.good),
                };
                code = code.max(u8::from(!good));
                if cli.broken.is_none() {
                    told.iter().try_for_each(|line| table::append(&results, line))?;
                }
                lines.extend(told);
            }
            Err(error) => {
                progress.step(&format!("not carried out: {error:#}"));
                code = 2;
                let line = Line::broken(script, *seed);
                table::append(&results, &line)?;
                lines.push(line);
                // The fault may not have been healed.
                infra.wake().await;
            }
        }
    }
    if code == 130 {
        infra.wake().await;
    }
    infra.stop().await?;
    if !lines.is_empty() {
        println!("\n{}", table::render(&lines, progress.colours()));
    }
    Ok(ExitCode::from(code))
}

/// All cells with their budgets, and how many they are.
fn list(cells: &[Cell]) {
    for cell in cells {
        println!("{:<21} {:<18} {:>3} s", cell.subject, cell.what(), cell.budget().as_secs());
    }
    println!("{} cells", cells.len());
}

/// Takes out what needs a disk of its own, if none can be mounted, and says so.
fn without_disks(cells: &mut Vec<Cell>, infra: &Infra) -> Vec<Cell> {
    if !cells.iter().any(|cell| cell.action() == Action::FillDisk) {
        return Vec::new();
    }
    let Some(why) = disk::impossible(&infra.dir) else { return Vec::new() };
    let left_out: Vec<Cell> = cells.extract_if(.., |cell| cell.action() == Action::FillDisk).collect();
    eprintln!("not possible here, and left out: disk-full ({why}); mounting needs root, or CAP_SYS_ADMIN");
    left_out
}

/// What is wrong with a run; the whole report is beside its history.
fn tell(outcome: &Outcome, progress: Progress) {
    let report = &outcome.report;
    progress.step(&format!("{} ({})", report.verdict.as_str(), outcome.directory.display()));
    if report.verdict == Verdict::Invalid {
        for broken in report.invariants.iter().filter(|it| it.violations > 0) {
            let first = broken.findings.first().map(|finding| format!("{}: {}", finding.clause, finding.message));
            progress.step(&format!(
                "{} broken {} times: {}",
                broken.invariant,
                broken.violations,
                first.unwrap_or_default()
            ));
        }
    }
    for doubt in &report.doubts {
        progress.step(&format!("not proved: {doubt}"));
    }
    for remark in &outcome.remarks {
        progress.step(&format!("not well: {remark}"));
    }
}

/// Ctrl-C, or SIGTERM.
async fn interruption() {
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => drop(pressed),
        _ = terminate.recv() => {}
    }
    eprintln!("interrupted: stopping what was started");
}
