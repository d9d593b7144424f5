//! PostgreSQL, Redis and Kafka: a stack of one's own, kept by `deploy/native/stack.sh`.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, anyhow, ensure};
use tokio::{process::Command, time::timeout};

use crate::{
    disk::{self, SmallDisk},
    process,
};

/// Starting Kafka for the first time fetches it.
const COMMAND_LIMIT: Duration = Duration::from_mins(5);
/// Kafka's listener for those who come through a proxy, and the port of that proxy, without the offset.
const KAFKA_PROXIED: (u16, u16) = (29_094, 29_095);
const STORES: [&str; 3] = ["postgres", "redis", "kafka"];

#[derive(Debug)]
pub struct Infra {
    script: PathBuf,
    pub dir: PathBuf,
    port_offset: u16,
    /// Whether it ran before: then it is left running.
    found_running: bool,
    addresses: HashMap<String, String>,
    /// The disk of this run, and the store whose data is on it.
    disk: Mutex<Option<(Arc<SmallDisk>, Option<&'static str>)>>,
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
        let (found_running, none, disk) = (false, HashMap::new(), Mutex::default());
        let mut infra = Self { script, dir, port_offset, found_running, addresses: none, disk, _lock: lock };
        for name in STORES.into_iter().filter(|name| disk::is_mounted(&infra.data(name))) {
            infra.command(&["kill", name]).await.ok();
            disk::unmount_left_over(&infra.data(name));
        }
        disk::unmount_left_over(&infra.dir.join("runs"));
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
        for name in STORES {
            if let Ok(pid) = self.pid(name) {
                // It may be gone.
                drop(process::signal("CONT", pid, &process::children(pid)).await);
            }
        }
        let up = async {
            self.take_off_small_disk().await?;
            self.command(&["up", "infra"]).await
        };
        if let Err(error) = up.await {
            eprintln!("{error:#}");
        }
    }

    /// Moves a store to an empty disk of this size, until [`Self::take_off_small_disk`].
    pub async fn put_on_small_disk(&self, name: &'static str, mib: u64) -> anyhow::Result<()> {
        self.command(&["stop", name]).await?;
        self.keep(SmallDisk::mount(&self.data(name), mib)?, Some(name));
        self.command(&["start", name]).await?;
        Ok(())
    }

    /// Remembers a disk that is not to outlive the run.
    pub fn keep(&self, disk: SmallDisk, store: Option<&'static str>) {
        *self.disk.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::new(disk), store));
    }

    /// Back to the data of before, if a store or a log was on a small disk.
    pub async fn take_off_small_disk(&self) -> anyhow::Result<()> {
        let taken = self.disk.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((disk, store)) = taken else { return Ok(()) };
        if let Some(name) = store {
            // It may have ended by itself.
            drop(self.command(&["kill", name]).await);
        }
        drop(disk);
        if let Some(name) = store {
            self.command(&["start", name]).await?;
        }
        Ok(())
    }

    /// Fills the small disk of this run for a while; how many writes of ours failed.
    pub async fn keep_disk_full(&self, length: Duration) -> anyhow::Result<u64> {
        let none = || anyhow!("there is no small disk");
        let disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(disk, _)| Arc::clone(disk));
        let disk = disk.ok_or_else(none)?;
        let failed = disk.keep_full(length).await?;
        disk.free()?;
        Ok(failed)
    }

    /// Where a store has its data.
    fn data(&self, name: &str) -> PathBuf {
        self.dir.join("data").join(name)
    }

    /// What a store says.
    pub fn log(&self, name: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{name}.log"))
    }

    /// Where Kafka listens for those that come through a proxy, and where it sends them.
    pub fn kafka_proxied_ports(&self) -> (u16, u16) {
        (KAFKA_PROXIED.0 + self.port_offset, KAFKA_PROXIED.1 + self.port_offset)
    }

    /// Runs the script, which takes names such as `kill redis`; what it said.
    pub async fn command(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let running = Command::new(&self.script)
            .args(arguments)
            .env("STACK_DIR", &self.dir)
            .env("PORT_OFFSET", self.port_offset.to_string())
            .env("KAFKA_PROXIED_PORT", self.kafka_proxied_ports().0.to_string())
            .env("KAFKA_ADVERTISED_PORT", self.kafka_proxied_ports().1.to_string())
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
