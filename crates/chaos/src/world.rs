//! The system of one run: services as processes, on a schema, topics and keys of their own.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use chat_kafka::KafkaConfig;
use chat_service::Secret;
use chat_store::{PostgresConfig, Store};
use tokio::process::{Child, Command};
use uuid::Uuid;

use crate::{
    infra::Infra,
    plan::{Cell, Component},
};

/// Key of the access tokens.
pub const SECRET: &str = "a secret of the chaos runs, long enough for HS256";
/// So that rooms spread over two consumers.
const PARTITIONS: i32 = 6;
const READY_WITHIN: Duration = Duration::from_secs(40);
/// A little more than a new group waits for its members.
const SETTLED: Duration = Duration::from_millis(3500);
const SETTLED_WITHIN: Duration = Duration::from_secs(20);
/// How often partitions changed hands.
pub const REBALANCES: &str = "chat_kafka_rebalances_total";
const CLEAN_UP_WITHIN: Duration = Duration::from_secs(20);
/// A frozen or unreachable gateway is noticed by its clients after twice as long. The default, 20 s, would be most of a run.
pub const PING_SECS: u64 = 5;

/// Dropping it kills its processes.
#[derive(Debug)]
pub struct World {
    pub kafka: KafkaConfig,
    pub store: Store,
    pub services: BTreeMap<String, Service>,
    postgres: PostgresConfig,
    http: reqwest::Client,
}

/// A service as a process.
#[derive(Debug)]
pub struct Service {
    pub component: Component,
    binary: PathBuf,
    settings: Vec<(String, String)>,
    log: PathBuf,
    http_port: u16,
    admin_port: u16,
    child: Option<Child>,
}

impl World {
    /// Makes schema and topics, and starts all services the cell needs, until they are ready. `run_dir` gets their logs.
    pub async fn start(infra: &Infra, binaries: &Path, cell: Cell, run_dir: &Path) -> anyhow::Result<Self> {
        let mut id = Uuid::new_v4().simple().to_string();
        id.truncate(10);
        let kafka = KafkaConfig {
            brokers: infra.kafka_brokers()?.to_owned(),
            topic_prefix: format!("chaos-{id}."),
            properties: BTreeMap::new(),
        };
        let url = infra.postgres_url()?.to_owned();
        let postgres = PostgresConfig { url: Secret::new(url.clone()), schema: format!("chaos_{id}"), pool_size: 4 };
        let topics = kafka.topics().all();
        chat_store::migrate(&postgres).await.context("migrations")?;
        chat_kafka::ensure_topics(&kafka, &topics, PARTITIONS, 1).await.context("topics")?;
        let store = Store::new(&postgres)?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let mut world = Self { kafka, store, services: BTreeMap::new(), postgres, http };

        let logs = run_dir.join("logs");
        fs::create_dir_all(&logs)?;
        for component in Component::ALL.into_iter().filter(|component| !component.is_infra()) {
            let hit = component == cell.component;
            let instances = if hit { cell.instances() } else { 1 + usize::from(component == Component::WsGateway) };
            for number in 1..=instances {
                let name = format!("{}-{number}", component.name());
                let service = Service {
                    component,
                    binary: binaries.join(component.name()),
                    settings: settings(component, infra, &world.kafka, &world.postgres)?,
                    log: logs.join(format!("{name}.log")),
                    http_port: free_port()?,
                    admin_port: free_port()?,
                    child: None,
                };
                world.services.insert(name, service);
            }
        }
        for service in world.services.values_mut() {
            service.start()?;
        }
        world.await_ready().await?;
        Ok(world)
    }

    async fn await_ready(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + READY_WITHIN;
        for (name, service) in &mut self.services {
            let url = format!("http://127.0.0.1:{}/ready", service.admin_port);
            while !self.http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                if let Some(status) = service.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                    bail!("{name} ended with {status}; log: {}", service.log.display());
                }
                if Instant::now() > until {
                    bail!("{name} is not ready after {READY_WITHIN:?}; log: {}", service.log.display());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Waits until partitions have not changed hands for a while: a second consumer that joins pauses the first for some seconds, which is not
    /// what is to be measured.
    pub async fn settle(&self) {
        let until = Instant::now() + SETTLED_WITHIN;
        let mut seen = (self.counter(REBALANCES).await, Instant::now());
        while seen.1.elapsed() < SETTLED && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let now = self.counter(REBALANCES).await;
            if now != seen.0 {
                seen = (now, Instant::now());
            }
        }
    }

    pub fn service(&mut self, name: &str) -> anyhow::Result<&mut Service> {
        self.services.get_mut(name).ok_or_else(|| anyhow!("there is no {name}"))
    }

    /// Public addresses of the gateways.
    pub fn addresses(&self) -> Vec<String> {
        let gateways = self.services.values().filter(|service| service.component == Component::WsGateway);
        gateways.map(|gateway| format!("http://127.0.0.1:{}", gateway.http_port)).collect()
    }

    /// The address of a gateway that is ready.
    pub async fn live_address(&self) -> Option<String> {
        for service in self.services.values().filter(|service| service.component == Component::WsGateway) {
            let url = format!("http://127.0.0.1:{}/ready", service.admin_port);
            if self.http.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Some(format!("http://127.0.0.1:{}", service.http_port));
            }
        }
        None
    }

    /// Sum of a counter over all services that answer.
    pub async fn counter(&self, name: &str) -> u64 {
        let mut sum = 0.0;
        for service in self.services.values().filter(|service| service.child.is_some()) {
            let url = format!("http://127.0.0.1:{}/metrics", service.admin_port);
            let Ok(answer) = self.http.get(url).send().await else { continue };
            sum += sum_of(&answer.text().await.unwrap_or_default(), name);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a counter of events")]
        let count = sum as u64;
        count
    }

    /// Kills what runs, and removes schema and topics.
    pub async fn end(mut self) {
        for service in self.services.values_mut() {
            service.kill().await;
        }
        let topics = self.kafka.topics().all();
        let clean = async {
            tokio::join!(chat_store::drop_schema(&self.postgres), chat_kafka::delete_topics(&self.kafka, &topics))
        };
        // Best effort: what is left over has a name that no other run uses.
        drop(tokio::time::timeout(CLEAN_UP_WITHIN, clean).await);
    }
}

impl Service {
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
        self.child = Some(child);
        Ok(())
    }

    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.as_ref().and_then(Child::id).ok_or_else(|| anyhow!("{} does not run", self.binary.display()))
    }

    /// SIGKILL, also when it is stopped; how it ended.
    pub async fn kill(&mut self) -> Option<ExitStatus> {
        let mut child = self.child.take()?;
        child.start_kill().ok()?;
        child.wait().await.ok()
    }

    /// Waits for its end.
    pub async fn ended(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        let mut child = self.child.take().ok_or_else(|| anyhow!("it does not run"))?;
        tokio::time::timeout(within, child.wait())
            .await
            .map_err(|_| anyhow!("{} did not end within {within:?}", self.binary.display()))?
            .context("wait")
    }
}

/// Everything that differs from the defaults.
fn settings(
    component: Component,
    infra: &Infra,
    kafka: &KafkaConfig,
    postgres: &PostgresConfig,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut settings = vec![
        ("CHAT__KAFKA__BROKERS", kafka.brokers.clone()),
        ("CHAT__KAFKA__TOPIC_PREFIX", kafka.topic_prefix.clone()),
    ];
    if component != Component::Broadcaster {
        settings.push(("CHAT__POSTGRES__URL", postgres.url.expose().to_owned()));
        settings.push(("CHAT__POSTGRES__SCHEMA", postgres.schema.clone()));
        settings.push(("CHAT__POSTGRES__POOL_SIZE", "8".to_owned()));
    }
    if component != Component::Persister {
        settings.push(("CHAT__REDIS__URL", infra.redis_url()?.to_owned()));
        settings.push(("CHAT__REDIS__KEY_PREFIX", kafka.topic_prefix.replace('.', ":")));
    }
    if component == Component::WsGateway {
        settings.push(("CHAT__AUTH__SECRET", SECRET.to_owned()));
        settings.push(("CHAT__WS__PING_INTERVAL_SECS", PING_SECS.to_string()));
    }
    Ok(settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Sum of all series of a metric in the text format.
fn sum_of(text: &str, name: &str) -> f64 {
    let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    text.lines().filter(of_name).filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_counter_is_the_sum_of_its_series() {
        let text = "# HELP a_total x\na_total{b=\"1\"} 2\na_total{b=\"2\"} 3\na_total_other 7\n";
        assert!((super::sum_of(text, "a_total") - 5.0).abs() < f64::EPSILON);
    }
}
