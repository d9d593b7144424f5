//! A service as a process, with its settings.

use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use chat_kafka::KafkaConfig;
use chat_store::PostgresConfig;
use tokio::process::{Child, Command};

use crate::{
    network::Addresses,
    plan::Component,
    world::{PING_SECS, SECRET},
};

/// A service as a process.
#[derive(Debug)]
pub struct Service {
    pub component: Component,
    binary: PathBuf,
    settings: Vec<(String, String)>,
    pub log: PathBuf,
    http_port: u16,
    admin_port: u16,
    child: Option<Child>,
    /// For observers: the pid while it runs, else 0.
    pub observed_pid: Arc<AtomicU32>,
}

impl Service {
    /// Not started yet.
    pub fn new(
        component: Component,
        binaries: &Path,
        settings: Vec<(String, String)>,
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        let binary = binaries.join(component.name());
        let (http_port, admin_port) = (free_port()?, free_port()?);
        Ok(Self { component, binary, settings, log, http_port, admin_port, child: None, observed_pid: Arc::default() })
    }

    /// Whether it was started and not ended by us.
    pub fn is_started(&self) -> bool {
        self.child.is_some()
    }

    /// How it ended, if it has by itself.
    pub fn exit(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    pub fn admin_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.admin_port)
    }

    /// Where clients connect, if it is a gateway.
    pub fn public_url(&self) -> String {
        format!("http://{}", self.public_address())
    }

    /// The same, `host:port`.
    pub fn public_address(&self) -> String {
        format!("127.0.0.1:{}", self.http_port)
    }

    /// Starts the process; does not wait until it is ready.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.binary);
        // Settings of the caller's shell would make runs differ from machine to machine.
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("CHAT__")) {
            command.env_remove(key);
        }
        command.env("CHAT__ADMIN__LISTEN", format!("127.0.0.1:{}", self.admin_port));
        if self.component == Component::WsGateway {
            command.env("CHAT__HTTP__LISTEN", format!("127.0.0.1:{}", self.http_port));
        }
        command.envs(self.settings.iter().cloned()).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let child = command.spawn().with_context(|| {
            format!(
                "{}: build it with cargo build --workspace --bins, or name the directory with --bin-dir",
                self.binary.display()
            )
        })?;
        self.observed_pid.store(child.id().unwrap_or(0), Ordering::Relaxed);
        self.child = Some(child);
        Ok(())
    }

    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.as_ref().and_then(Child::id).ok_or_else(|| anyhow!("{} does not run", self.binary.display()))
    }

    /// SIGKILL, also when it is stopped; how it ended.
    pub async fn kill(&mut self) -> Option<ExitStatus> {
        let mut child = self.child.take()?;
        self.observed_pid.store(0, Ordering::Relaxed);
        child.start_kill().ok()?;
        child.wait().await.ok()
    }

    /// Waits for its end.
    pub async fn ended(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        let mut child = self.child.take().ok_or_else(|| anyhow!("it does not run"))?;
        self.observed_pid.store(0, Ordering::Relaxed);
        tokio::time::timeout(within, child.wait())
            .await
            .map_err(|_| anyhow!("{} did not end within {within:?}", self.binary.display()))?
            .context("wait")
    }
}

/// Everything that differs from the defaults.
pub fn settings(
    component: Component,
    at: &Addresses,
    kafka: &KafkaConfig,
    postgres: &PostgresConfig,
) -> Vec<(String, String)> {
    let mut settings =
        vec![("CHAT__KAFKA__BROKERS", at.kafka.clone()), ("CHAT__KAFKA__TOPIC_PREFIX", kafka.topic_prefix.clone())];
    if component != Component::Broadcaster {
        settings.push(("CHAT__POSTGRES__URL", at.postgres.clone()));
        settings.push(("CHAT__POSTGRES__SCHEMA", postgres.schema.clone()));
        settings.push(("CHAT__POSTGRES__POOL_SIZE", "8".to_owned()));
    }
    if component != Component::Persister {
        settings.push(("CHAT__REDIS__URL", at.redis.clone()));
        settings.push(("CHAT__REDIS__KEY_PREFIX", kafka.topic_prefix.replace('.', ":")));
    }
    if component == Component::WsGateway {
        settings.push(("CHAT__AUTH__SECRET", SECRET.to_owned()));
        settings.push(("CHAT__WS__PING_INTERVAL_SECS", PING_SECS.to_string()));
    }
    settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
