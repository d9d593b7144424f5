//! The command line.

use std::{
    io::{IsTerminal as _, Write as _, stdout},
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use chat_experiments::{
    document,
    figures::grouped,
    mark_cost,
    read_receipts::{self, Case, Place, Strategy},
};
use clap::{Args, Parser, Subcommand};

/// Experiments on read marks, with a table at the end.
///
/// Exit code: 0 if it went as it must, 1 if a strategy lost what it must not lose (or the unprotected control lost nothing), 2 if it could not
/// be carried out.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare ways to move a read mark forward: marks per second, milliseconds until told, retries, lost updates, CPU time
    ///
    /// Works in a schema and under key names of its own; the schema is dropped at the end, the keys expire.
    ReadReceipts(ReadReceipts),
    /// Measure what one read mark costs every process of a running system, from the client's command to the stored row
    ///
    /// Makes people and rooms of its own in that system's database and leaves them there: use a stack of its own.
    ReadMarkCost(ReadMarkCost),
}

#[derive(Debug, Args)]
struct ReadReceipts {
    /// PostgreSQL: postgres://user:password@host:port/database
    #[arg(long, env = "CHAT_TEST_POSTGRES_URL", hide_env_values = true)]
    postgres: String,
    /// Redis: redis://host:port
    #[arg(long, env = "CHAT_TEST_REDIS_URL")]
    redis: String,
    /// Folder of the native stack that both run in; without it, no CPU time is measured
    #[arg(long, value_name = "FOLDER")]
    stack: Option<PathBuf>,
    /// Readers at the same time
    #[arg(long, value_delimiter = ',', default_value = "1,8,64,256", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    readers: Vec<u16>,
    /// How often everything is measured; the table shows medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    rounds: u8,
    /// How long each measurement takes, in milliseconds
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u16).range(20..=60_000))]
    cell_ms: u16,
    /// Connections to PostgreSQL; readers wait for a free one
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// One round of 100 ms each, with 1 and 16 readers: says whether it works, not how fast it is
    #[arg(long, conflicts_with_all = ["readers", "rounds", "cell_ms"])]
    quick: bool,
    /// Put the table into this document, between its marks
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ReadMarkCost {
    /// The system's public address
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Its PostgreSQL, where people and rooms are made
    #[arg(long, env = "CHAT__POSTGRES__URL", hide_env_values = true)]
    postgres: String,
    /// The secret that its gateways sign access tokens with
    #[arg(long, env = "CHAT__AUTH__SECRET", hide_env_values = true)]
    secret: String,
    /// Folder of the native stack that it runs in, for the CPU time of its processes
    #[arg(long, value_name = "FOLDER")]
    stack: PathBuf,
    /// Rooms to measure, each as members:sessions; that many of the members are connected and read
    #[arg(long, value_delimiter = ',', default_value = "10:10,1000:10,1000:200")]
    rooms: Vec<mark_cost::Room>,
    /// Marks in each room, shared by its sessions; each session makes one after the other, at most 100 a second
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    marks: u32,
    /// How long the idle system is measured first, in seconds: what it uses is taken off
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=600))]
    idle_secs: u16,
    /// Put the table into this document, between its marks
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// Whether everything went as it must.
pub async fn run(cli: Cli) -> anyhow::Result<bool> {
    match cli.command {
        Command::ReadReceipts(arguments) => compare(arguments).await,
        Command::ReadMarkCost(arguments) => cost(arguments).await,
    }
}

async fn compare(arguments: ReadReceipts) -> anyhow::Result<bool> {
    let (readers, rounds, cell) = if arguments.quick {
        (vec![1, 16], 1, Duration::from_millis(100))
    } else {
        let readers = arguments.readers.iter().map(|readers| usize::from(*readers)).collect();
        (readers, usize::from(arguments.rounds), Duration::from_millis(arguments.cell_ms.into()))
    };
    let people = readers.iter().copied().max().unwrap_or(1);
    let settings = read_receipts::Settings {
        place: Place {
            postgres: arguments.postgres,
            redis: arguments.redis,
            connections: arguments.connections.into(),
            people,
            long: if arguments.quick { 10_000 } else { 50_000 },
            short: 1_000,
        },
        stack: arguments.stack,
        readers,
        cases: Case::ALL.to_vec(),
        strategies: Strategy::ALL.to_vec(),
        rounds,
        cell,
    };
    let started = Instant::now();
    let lines = read_receipts::run(&settings, |what| progress(what, started)).await?;
    progress("", started);
    let marks: usize = lines.iter().flat_map(|line| &line.cells).map(|cell| cell.times.count()).sum();
    let text = format!(
        "{} marks in {rounds} rounds of {} ms for each line; {} connections to PostgreSQL; {}. Medians of the rounds; counts are sums.\n\n{}",
        grouped(chat_experiments::figures::number(marks)),
        cell.as_millis(),
        settings.place.connections,
        machine()?,
        read_receipts::markdown(&lines)
    );
    println!("{text}");
    let faults = read_receipts::faults(&lines);
    for fault in &faults {
        eprintln!("{fault}");
    }
    if let Some(path) = arguments.write {
        document::write(&path, "strategies", &text)?;
        println!("written to {}", path.display());
    }
    println!("took {:.0} s", started.elapsed().as_secs_f64());
    Ok(faults.is_empty())
}

async fn cost(arguments: ReadMarkCost) -> anyhow::Result<bool> {
    let settings = mark_cost::Settings {
        url: arguments.url,
        postgres: arguments.postgres,
        secret: arguments.secret,
        stack: arguments.stack,
        marks: usize::try_from(arguments.marks)?,
        idle: Duration::from_secs(arguments.idle_secs.into()),
    };
    let started = Instant::now();
    // Code that was never run is slow: Kafka's is compiled while it runs.
    if let Some(room) = arguments.rooms.first() {
        let warm_up = mark_cost::run(&settings, *room, |what| progress(&format!("warming up: {what}"), started));
        warm_up.await.context("warming up")?;
    }
    let mut costs = Vec::new();
    for room in arguments.rooms {
        let cost = mark_cost::run(&settings, room, |what| progress(&format!("{room}: {what}"), started)).await;
        costs.push((room, cost.with_context(|| format!("room {room}"))?));
    }
    progress("", started);
    let text = format!("Measured on {}.\n\n{}", machine()?, mark_cost::markdown(&costs));
    println!("{text}");
    if let Some(path) = arguments.write {
        document::write(&path, "cost", &text)?;
        println!("written to {}", path.display());
    }
    println!("took {:.0} s", started.elapsed().as_secs_f64());
    Ok(true)
}

/// What figures depend on.
fn machine() -> anyhow::Result<String> {
    let build = if cfg!(debug_assertions) { "debug build" } else { "release build" };
    Ok(format!("{} CPUs, {build}", std::thread::available_parallelism()?))
}

/// A line that is replaced by the next, only on a terminal.
fn progress(what: &str, started: Instant) {
    if stdout().is_terminal() {
        let seconds = started.elapsed().as_secs();
        print!("\r\x1b[2K{}", if what.is_empty() { String::new() } else { format!("{seconds:>4} s  {what}") });
        // Nothing is lost but a line of comfort.
        drop(stdout().flush());
    }
}
