//! The smallest service: one task, ready at once, ends on the first signal. The tests of this crate run it.

use std::process::ExitCode;
use std::time::Duration;

use chat_service::{ConfigError, Context, Secret, Validate};
use serde::{Deserialize, Serialize};

const DEFAULTS: &str = r#"
[admin]
listen = "127.0.0.1:0"

[minimal]
token = ""
# What the task does: "run", "end", "panic" or "ignore" (the shutdown).
task = "run"
"#;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Config {
    minimal: Minimal,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Minimal {
    token: Secret,
    task: String,
}

impl Validate for Config {
    fn validate(&self) -> Result<(), ConfigError> {
        match self.minimal.task.as_str() {
            "run" | "end" | "panic" | "ignore" => Ok(()),
            _ => Err(ConfigError::invalid("minimal.task", "must be run, end, panic or ignore")),
        }
    }
}

async fn run(config: Config, context: Context) -> Result<(), std::io::Error> {
    let started = context.readiness.latch("task");
    let (soft, hard) = (context.lifecycle.soft(), context.lifecycle.hard());
    context.lifecycle.spawn("task", async move {
        tracing::info_span!("minimal.start", room.id = 7, attempt = 1).in_scope(|| {
            tracing::info!(attempt = 2, "task started");
        });
        drop(started);
        match config.minimal.task.as_str() {
            "end" => {}
            "panic" => panic!("as configured"),
            "ignore" => loop {
                tokio::time::sleep(Duration::from_mins(1)).await;
            },
            _ => soft.cancelled().await,
        }
    });
    // Tasks that are bound to a thread work here as well.
    let local = tokio::task::spawn_local(async move { hard.is_cancelled() });
    local.await.map(drop).map_err(std::io::Error::other)
}

fn main() -> ExitCode {
    chat_service::main("minimal", DEFAULTS, run)
}
