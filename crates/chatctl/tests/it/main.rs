//! The binary against the real Kafka.

#![expect(clippy::unwrap_used, reason = "tests")]

mod dlt;
mod dlt_replay;

use std::{process::Stdio, sync::Arc, time::Duration};

use chat_kafka::{DeadLetters, KafkaMetrics, Producer, ProducerConfig, Record};
use chat_testkit::Isolation;
use tokio::process::Command;

const DEADLINE: Duration = Duration::from_mins(1);

/// How a run of chatctl ended.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// One test's topics, set up by `chatctl setup`.
struct Stage {
    isolation: Isolation,
    metrics: KafkaMetrics,
}

impl Stage {
    async fn new() -> Self {
        let metrics = KafkaMetrics::register(&prometheus::Registry::new()).unwrap();
        let stage = Self { isolation: Isolation::new().await, metrics };
        let setup = stage.chatctl(&["setup"]).await;
        assert_eq!(setup.code, Some(0), "{}", setup.err);
        stage
    }

    /// Runs it without a terminal, as ann.
    async fn chatctl(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatctl"));
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).env("USER", "ann");
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("CHAT__")) {
            command.env_remove(key);
        }
        command.envs(self.isolation.kafka_env()).envs(self.isolation.postgres_env());
        let output = tokio::time::timeout(DEADLINE, command.output()).await.expect("an end").unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs it, expects success, and returns what it printed.
    async fn well(&self, arguments: &[&str]) -> String {
        let ran = self.chatctl(arguments).await;
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// Runs it, expects exit code 1, and returns what it complained.
    async fn refused(&self, arguments: &[&str]) -> String {
        let ran = self.chatctl(arguments).await;
        assert_eq!(ran.code, Some(1), "{arguments:?}: {}{}", ran.out, ran.err);
        ran.err
    }

    fn producer(&self) -> Producer {
        Producer::new(&self.isolation.kafka(), &ProducerConfig::default(), "test", &self.metrics).unwrap()
    }

    /// Puts a record of `source` aside as its service does.
    async fn bury(&self, source: &str, partition: i32, key: &str, value: &str, reason: &str) {
        let record = Record {
            topic: Arc::from(source),
            partition,
            offset: 5,
            timestamp_ms: Some(1_795_259_129_718),
            broker_timestamp: false,
            key: Some(key.to_owned().into()),
            payload: Some(value.to_owned().into()),
            headers: vec![("type".to_owned(), "Test".into())],
        };
        let group = self.isolation.topics().group("persister");
        DeadLetters::new(self.producer(), group, 1_000).send(&record, "poison", reason).await.unwrap();
    }
}

#[tokio::test]
async fn setup_creates_the_topics_once() {
    let stage = Stage::new().await;
    assert!(stage.well(&["setup"]).await.contains("all 7 topics are there"));
}
