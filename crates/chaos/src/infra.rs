//! PostgreSQL, Redis and Kafka: a stack of one's own, kept by `deploy/native/stack.sh`.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, anyhow, ensure};
use tokio::{process::Command, time::timeout};

use crate::process;

/// Starting Kafka for the first time fetches it.
const COMMAND_LIMIT: Duration = Duration::from_mins(5);

#[derive(Debug)]
pub struct Infra {
    script: PathBuf,
    pub dir: PathBuf,
    port_offset: u16,
    /// Whether it ran before: then it is left running.
    found_running: bool,
    addresses: HashMap<String, String>,
    /// Two runners on one stack would break each other's runs. Free when this one has ended, however it did.
    _lock: File,
}

impl Infra {
    /// Starts what does not run.
    pub async fn start(script: &Path, dir: &Path, port_offset: u16) -> anyhow::Result<Self> {
        let script = script.canonicalize().with_context(|| {
            format!("{} is not there: run it from the project's directory, or name it with --stack", script.display())
        })?;
        fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        let dir = dir.canonicalize()?;
        let lock = File::create(dir.join(".chaos.lock"))?;
        lock.try_lock().map_err(|_| {
            anyhow!("another chat-chaos uses {}: give this one its own --stack-dir and --port-offset", dir.display())
        })?;
        let mut infra = Self { script, dir, port_offset, found_running: false, addresses: HashMap::new(), _lock: lock };
        infra.found_running = infra.command(&["status"]).await?.contains(" running ");
        if let Err(error) = infra.command(&["up", "infra"]).await {
            infra.stop().await?;
            return Err(error);
        }
        infra.addresses = addresses(&infra.command(&["env", "test"]).await?);
        Ok(infra)
    }

    /// Stops what was started.
    pub async fn stop(&self) -> anyhow::Result<()> {
        if !self.found_running {
            self.command(&["down"]).await?;
        }
        Ok(())
    }

    pub fn postgres_url(&self) -> anyhow::Result<&str> {
        self.address("CHAT_TEST_POSTGRES_URL")
    }

    pub fn redis_url(&self) -> anyhow::Result<&str> {
        self.address("CHAT_TEST_REDIS_URL")
    }

    pub fn kafka_brokers(&self) -> anyhow::Result<&str> {
        self.address("CHAT_TEST_KAFKA_BROKERS")
    }

    fn address(&self, name: &str) -> anyhow::Result<&str> {
        self.addresses.get(name).map(String::as_str).ok_or_else(|| anyhow!("stack.sh env test does not name {name}"))
    }

    /// The process id of `kafka`, `redis` or `postgres`.
    pub fn pid(&self, name: &str) -> anyhow::Result<u32> {
        let path = self.dir.join("pids").join(format!("{name}.pid"));
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let pid = text.trim().split_once(' ').and_then(|(pid, started)| Some((pid.parse().ok()?, started)));
        let (pid, started) = pid.ok_or_else(|| anyhow!("{}: no pid and start time", path.display()))?;
        // Another program may have got the pid later.
        ensure!(process::start_time(pid).as_deref() == Some(started), "{name} does not run");
        Ok(pid)
    }

    /// Lets whatever was stopped or killed go on: a run that was broken off may have left it so.
    pub async fn wake(&self) {
        for name in ["postgres", "redis", "kafka"] {
            if let Ok(pid) = self.pid(name) {
                // It may be gone.
                drop(process::signal("CONT", pid, &process::children(pid)).await);
            }
        }
        if let Err(error) = self.command(&["up", "infra"]).await {
            eprintln!("{error:#}");
        }
    }

    /// Runs the script, which takes names such as `kill redis`; what it said.
    pub async fn command(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let running = Command::new(&self.script)
            .args(arguments)
            .env("STACK_DIR", &self.dir)
            .env("PORT_OFFSET", self.port_offset.to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let what = || format!("stack.sh {}", arguments.join(" "));
        let output = timeout(COMMAND_LIMIT, running).await.with_context(what)?.with_context(what)?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{}: {said}{}", what(), String::from_utf8_lossy(&output.stderr));
        Ok(said)
    }
}

/// `export NAME=value` lines.
fn addresses(text: &str) -> HashMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn addresses_are_read_from_shell_lines() {
        let read = super::addresses("# x\nexport A=postgres://u:p@h/d?x=1\nexport B=b\n");
        assert_eq!((read["A"].as_str(), read["B"].as_str(), read.len()), ("postgres://u:p@h/d?x=1", "b", 2));
    }
}
