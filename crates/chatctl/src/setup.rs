//! `chatctl setup`: topics and tables.

use std::{
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use chat_service::Backoff;

use crate::{cli::SetupArguments, config, config::Config, one_sentence};

const REACHABLE_WITHIN: Duration = Duration::from_secs(3);

pub async fn run(file: Option<&Path>, arguments: &SetupArguments) -> Result<ExitCode> {
    let config = config::load(file)?;
    let deadline = Instant::now() + arguments.wait;
    let (kafka, postgres) =
        tokio::join!(until(deadline, "Kafka", || topics(&config)), until(deadline, "PostgreSQL", || tables(&config)));
    // Both are reported, even if the first failed.
    match (kafka, postgres) {
        (Err(kafka), Err(postgres)) => Err(anyhow!("{}\nchatctl: {}", one_sentence(&kafka), one_sentence(&postgres))),
        (kafka, postgres) => kafka.and(postgres).map(|()| ExitCode::SUCCESS),
    }
}

async fn topics(config: &Config) -> Result<()> {
    let topics = config.kafka.topics().all();
    let setup = &config.setup;
    // Quicker to say that Kafka is away than the request below.
    chat_kafka::cluster_reachable(&config.kafka, REACHABLE_WITHIN).await?;
    let mut created = chat_kafka::ensure_topics(&config.kafka, &topics, setup.partitions, setup.replication).await?;
    let log = config.kafka.topics().dead_letter_log();
    created.extend(chat_kafka::ensure_compacted_topic(&config.kafka, &log, setup.replication).await?);
    println!("kafka     {}: {}", config.kafka.brokers, summary(&created, topics.len() + 1, "topic"));
    if !created.is_empty() {
        println!(
            "          {} partitions (of {log} 1, compacted), replication {}",
            setup.partitions, setup.replication
        );
    }
    Ok(())
}

async fn tables(config: &Config) -> Result<()> {
    let applied = chat_store::migrate(&config.postgres).await?;
    let done = if applied.is_empty() { "up to date".to_owned() } else { format!("applied {}", applied.join(", ")) };
    println!("postgres  schema {}: {done}", config.postgres.schema);
    Ok(())
}

fn summary(created: &[String], all: usize, what: &str) -> String {
    let kept = all - created.len();
    match (created.len(), kept) {
        (0, _) => format!("all {all} {what}s are there"),
        (_, 0) => format!("created {}", created.join(", ")),
        _ => format!("created {}; {kept} were there", created.join(", ")),
    }
}

/// Repeats a step until it succeeds or the time is up. Says once per distinct error what it waits for.
async fn until<F: Future<Output = Result<()>>>(
    deadline: Instant,
    what: &str,
    mut step: impl FnMut() -> F,
) -> Result<()> {
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    let mut told = String::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let error = match tokio::time::timeout(left.max(Duration::from_secs(5)), step()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => anyhow!("no answer"),
        };
        let wait = backoff.next_delay();
        if Instant::now() + wait >= deadline {
            return Err(error).with_context(|| format!("{what} is not ready: is the stack up? try `make up`"));
        }
        let reason = one_sentence(&error);
        if reason != told {
            eprintln!("waiting for {what}: {reason}");
            told = reason;
        }
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said() {
        let names = ["a".to_owned(), "b".to_owned()];
        assert_eq!(summary(&[], 6, "topic"), "all 6 topics are there");
        assert_eq!(summary(&names, 2, "topic"), "created a, b");
        assert_eq!(summary(&names, 6, "topic"), "created a, b; 4 were there");
    }

    #[tokio::test]
    async fn a_step_is_repeated_until_it_succeeds_or_the_time_is_up() {
        let mut tries = 0;
        let flaky = || {
            tries += 1;
            let result = if tries < 3 { Err(anyhow!("away")) } else { Ok(()) };
            async move { result }
        };
        until(Instant::now() + Duration::from_mins(1), "it", flaky).await.unwrap();
        assert_eq!(tries, 3);
        let error = until(Instant::now(), "it", || async { Err(anyhow!("away")) }).await.unwrap_err();
        assert_eq!(format!("{error:#}"), "it is not ready: is the stack up? try `make up`: away");
    }
}
