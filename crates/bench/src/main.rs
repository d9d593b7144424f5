//! `chat-bench`: what PostgreSQL does with the queries of the services on a big database, and how long it takes.

mod database;
mod explain;
mod latency;
mod naive;
mod plans;
mod report;

use std::{
    io::{IsTerminal as _, Write as _, stdout},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use chat_store::Store;
use clap::Parser;
use database::Database;

/// Fills a schema of its own, asserts that every query uses the indexes its file names, and measures room lists and searches. The schema is
/// dropped at the end.
///
/// Exit code: 0 if every plan is as expected, 1 if one is not, 2 if it could not be carried out.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// PostgreSQL: postgres://user:password@host:port/database
    #[arg(long, env = "CHAT_TEST_POSTGRES_URL", hide_env_values = true)]
    url: String,
    /// How many messages; with much fewer, other plans are right
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(200_000..=20_000_000))]
    messages: u64,
    /// How often each call is measured
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    repeats: u16,
    /// Write the tables to this file, as Markdown
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Leave the schema, to look into it or to point a service at it (CHAT__POSTGRES__SCHEMA)
    #[arg(long)]
    keep: bool,
    /// Measure again on a schema that --keep left, and leave it
    #[arg(long, value_name = "NAME", conflicts_with = "messages")]
    schema: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match bench(Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chat-bench: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn bench(cli: Cli) -> anyhow::Result<bool> {
    let database = Database::open(&cli.url, cli.schema.as_deref()).await?;
    println!("schema {}", database.config.schema);
    // An interrupt ends the measuring, not the cleaning up.
    let measured = tokio::select! {
        measured = measure(&database, &cli) => measured,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    if !cli.keep && cli.schema.is_none() {
        database.drop().await.context("the schema could not be dropped")?;
    }
    measured
}

async fn measure(database: &Database, cli: &Cli) -> anyhow::Result<bool> {
    if cli.schema.is_none() {
        database.fill(cli.messages, tell).await?;
    }
    let store = Store::new(&database.config)?;
    tell("plans …", false);
    let plans = plans::check(database).await?;
    tell("room lists …", false);
    let lists = latency::room_lists(database, &store, cli.repeats.into()).await?;
    tell("searches …", false);
    let searches = latency::searches(database, &store, cli.repeats.into()).await?;
    let head = format!(
        "# Queries on {} messages\n\n{}. Table {}, index messages_search {}. {} measurements of each.",
        database.value("SELECT count(*) FROM messages").await?,
        database.value("SELECT 'PostgreSQL ' || current_setting('server_version')").await?,
        database.value("SELECT pg_size_pretty(pg_table_size('messages'))").await?,
        database.value("SELECT pg_size_pretty(pg_relation_size('messages_search'))").await?,
        cli.repeats
    );
    let text = report::markdown(&head, &plans, &lists, &searches);
    tell("done", true);
    println!("\n{text}");
    if let Some(path) = &cli.write {
        std::fs::write(path, &text).with_context(|| path.display().to_string())?;
        println!("written to {}", path.display());
    }
    println!("no plan is asserted of: {}", plans::unchecked().join(", "));
    let faults: Vec<&String> = plans.iter().filter_map(|plan| plan.fault.as_ref()).collect();
    for fault in &faults {
        eprintln!("\n{fault}");
    }
    println!("{} plans, {} not as expected", plans.len(), faults.len());
    Ok(faults.is_empty())
}

/// A line; one that does not last is replaced by the next, and only shown on a terminal.
fn tell(what: &str, lasts: bool) {
    let terminal = stdout().is_terminal();
    let clear = if terminal { "\r\x1b[2K" } else { "" };
    if lasts {
        println!("{clear}{what}");
    } else if terminal {
        print!("{clear}{what}");
        // Nothing is lost but a line of comfort.
        drop(stdout().flush());
    }
}
