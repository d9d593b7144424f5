//! The system of one run: services as processes, on a schema, topics and keys of their own.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use chat_kafka::KafkaConfig;
use chat_service::Secret;
use chat_store::{PostgresConfig, Store};
use uuid::Uuid;

use crate::{
    broken::Broken,
    disk::SmallDisk,
    infra::Infra,
    network::Network,
    plan::{Action, Cell, Component},
    service::{self, Service},
};

/// Room for the log of a service.
const LOG_DISK_MIB: u64 = 16;
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
    pub network: Network,
    /// Where clients find the gateways.
    fronts: Vec<String>,
    postgres: PostgresConfig,
    http: reqwest::Client,
}

impl World {
    /// Makes schema and topics, and starts all services that the cells need, until they are ready. `run_dir` gets their logs.
    pub async fn start(
        infra: &Infra,
        binaries: &Path,
        cells: &[Cell],
        broken: Option<Broken>,
        run_dir: &Path,
    ) -> anyhow::Result<Self> {
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
        if let Some(broken) = broken {
            broken.prepare(&postgres).await?;
        }
        chat_kafka::ensure_topics(&kafka, &topics, PARTITIONS, 1).await.context("topics")?;
        let store = Store::new(&postgres)?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        // Of all cells of a run, at most one needs a proxy or a small disk.
        let special = cells.iter().find(|cell| cell.action().is_cut() || cell.action() == Action::FillDisk);
        let cell = *special.or(cells.first()).context("a run without a fault")?;
        let network = Network::start(infra, cell).await?;
        let mut world = Self { kafka, store, services: BTreeMap::new(), network, fronts: Vec::new(), postgres, http };

        let logs = run_dir.join("logs");
        fs::create_dir_all(&logs)?;
        for component in Component::ALL.into_iter().filter(|component| !component.is_infra()) {
            let needed = cells.iter().map(|cell| cell.instances(component)).max();
            for number in 1..=needed.unwrap_or(1) {
                let name = format!("{}-{number}", component.name());
                let at = world.network.addresses(&name);
                let mut settings = service::settings(component, &at, &world.kafka, &world.postgres);
                settings.extend(broken.map(|broken| ("FAILPOINTS".to_owned(), broken.fail_points().to_owned())));
                let mut log = logs.join(format!("{name}.log"));
                if cell.action() == Action::FillDisk && cell.targets().iter().any(|(_, target)| *target == name) {
                    log = on_small_disk(infra, &logs, &name)?;
                    // So that there is something to be written while the disk is full.
                    settings.push(("CHAT__LOG__FILTER".to_owned(), "debug".to_owned()));
                }
                let service = Service::new(component, binaries, settings, log)?;
                if component == Component::WsGateway {
                    let front = world.network.front(&name, &service.public_address()).await?;
                    world.fronts.push(format!("http://{front}"));
                }
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
            let url = service.admin_url("/ready");
            while !self.http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                if let Some(status) = service.exit() {
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

    /// Services that ended without having been told to.
    pub fn ended_by_themselves(&mut self) -> Vec<String> {
        let ended = |(name, service): (&String, &mut Service)| Some(format!("{name} ended: {}", service.exit()?));
        self.services.iter_mut().filter_map(ended).collect()
    }

    /// Where clients find the gateways.
    pub fn addresses(&self) -> Vec<String> {
        self.fronts.clone()
    }

    /// The address of a gateway that is ready.
    pub async fn live_address(&self) -> Option<String> {
        for service in self.services.values().filter(|service| service.component == Component::WsGateway) {
            let url = service.admin_url("/ready");
            if self.http.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Some(service.public_url());
            }
        }
        None
    }

    /// Sum of a counter over all services that answer.
    pub async fn counter(&self, name: &str) -> u64 {
        let mut sum = 0.0;
        for service in self.services.values().filter(|service| service.is_started()) {
            let url = service.admin_url("/metrics");
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
            keep_log(&service.log);
        }
        let topics = self.kafka.topics().all();
        let clean = async {
            tokio::join!(chat_store::drop_schema(&self.postgres), chat_kafka::delete_topics(&self.kafka, &topics))
        };
        // Best effort: what is left over has a name that no other run uses.
        drop(tokio::time::timeout(CLEAN_UP_WITHIN, clean).await);
    }
}

/// What is on a small disk goes with it.
fn keep_log(log: &Path) {
    let on_disk = log.parent().filter(|directory| directory.to_string_lossy().ends_with("-disk"));
    if let (Some(logs), Some(name)) = (on_disk.and_then(Path::parent), log.file_name()) {
        // Best effort: it is for people.
        drop(fs::copy(log, logs.join(name)));
    }
}

/// A log of its own disk, which the run fills.
fn on_small_disk(infra: &Infra, logs: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let directory = logs.join(format!("{name}-disk"));
    fs::create_dir_all(&directory)?;
    infra.keep(SmallDisk::mount(&directory, LOG_DISK_MIB)?, None);
    Ok(directory.join(format!("{name}.log")))
}

/// Sum of all series of a metric in the text format.
pub fn sum_of(text: &str, name: &str) -> f64 {
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
