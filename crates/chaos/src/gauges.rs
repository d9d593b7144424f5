//! What every process needs while people talk: memory, descriptors, queues, read every few seconds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use chat_checker::{RunClock, history::Gauge};
use futures_util::future::join_all;
use tokio::time::MissedTickBehavior;

use crate::{
    infra::Infra,
    process,
    progress::Progress,
    world::{World, sum_of},
};

pub const EVERY: Duration = Duration::from_secs(5);
/// One that is frozen does not answer.
const ANSWERS_WITHIN: Duration = Duration::from_millis(800);

pub const MEMORY: &str = "resident bytes";
pub const DESCRIPTORS: &str = "open descriptors";
pub const PRODUCER_QUEUE: &str = "producer queue records";
pub const LAG: &str = "consumer lag records";
pub const SOCKETS: &str = "sockets";

const MIB: f64 = 1024.0 * 1024.0;
/// Nothing that so few people do should need more memory in one service.
const SERVICE_BYTES: f64 = 256.0 * MIB;
/// Kafka's heap and what the machine keeps around it; PostgreSQL's shared buffers.
const STORE_BYTES: f64 = 3072.0 * MIB;
const DESCRIPTORS_LIMIT: f64 = 1024.0;
/// The gauges of the services, and what they must not pass: what waits for Kafka is bounded by the producer's setting, and two minutes of load
/// are more than anything is away for.
const METRICS: [(&str, &str, f64); 3] = [
    (PRODUCER_QUEUE, "chat_kafka_producer_queue_records", 20_000.0),
    (LAG, "chat_kafka_consumer_lag_records", 10_000.0),
    (SOCKETS, "chat_gateway_sockets", 1000.0),
];

/// A service as it is observed.
#[derive(Debug)]
struct Observed {
    name: String,
    metrics_url: String,
    pid: Arc<AtomicU32>,
}

/// Reads gauges of all services and stores.
#[derive(Debug)]
pub struct Sampler<'a> {
    infra: &'a Infra,
    services: Vec<Observed>,
    http: reqwest::Client,
    clock: RunClock,
    pub read: Vec<Gauge>,
}

impl<'a> Sampler<'a> {
    pub fn new(infra: &'a Infra, world: &World, clock: RunClock) -> anyhow::Result<Self> {
        let observed = world.services.iter().map(|(name, service)| Observed {
            name: name.clone(),
            metrics_url: service.admin_url("/metrics"),
            pid: Arc::clone(&service.observed_pid),
        });
        let http = reqwest::Client::builder().no_proxy().timeout(ANSWERS_WITHIN).build()?;
        Ok(Self { infra, services: observed.collect(), http, clock, read: Vec::new() })
    }

    /// Reads for ever, and tells.
    pub async fn run(&mut self, progress: Progress) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let now = self.sample().await;
            progress.live(&now);
        }
    }

    /// In a few words, how it is.
    async fn sample(&mut self) -> String {
        let metrics = join_all(self.services.iter().map(|service| self.metrics(service))).await;
        let mono_ns = self.clock.mono_ns();
        let mut read = Vec::new();
        let mut put = |target: &str, name: &str, value: Option<f64>, limit: f64| {
            let gauge = |value| Gauge { mono_ns, target: target.to_owned(), name: name.to_owned(), value, limit };
            read.extend(value.map(gauge));
        };
        for (service, metrics) in self.services.iter().zip(metrics) {
            let pid = Some(service.pid.load(Ordering::Relaxed)).filter(|pid| *pid > 0);
            put(&service.name, MEMORY, pid.and_then(process::resident_bytes), SERVICE_BYTES);
            put(&service.name, DESCRIPTORS, pid.and_then(process::open_descriptors), DESCRIPTORS_LIMIT);
            for (name, metric, limit) in METRICS {
                let value = metrics.as_ref().filter(|text| text.contains(metric)).map(|text| sum_of(text, metric));
                put(&service.name, name, value, limit);
            }
        }
        for name in ["kafka", "redis", "postgres"] {
            let Ok(pid) = self.infra.pid(name) else { continue };
            // PostgreSQL is many processes, which share most of their memory.
            let all = std::iter::once(pid).chain(process::children(pid));
            let bytes: f64 = all.filter_map(process::proportional_bytes).sum();
            put(name, MEMORY, Some(bytes).filter(|bytes| *bytes > 0.0), STORE_BYTES);
        }
        let largest = read.iter().filter(|it| it.name == MEMORY && it.limit <= SERVICE_BYTES).map(|it| it.value);
        let sum = |name: &str| read.iter().filter(|it| it.name == name).map(|it| it.value).sum::<f64>();
        let words = format!(
            "largest service {:.0} MiB, {:.0} sockets, {:.0} records wait for Kafka, consumers lag by {:.0}",
            largest.fold(0.0, f64::max) / MIB,
            sum(SOCKETS),
            sum(PRODUCER_QUEUE),
            sum(LAG)
        );
        self.read.extend(read);
        words
    }

    async fn metrics(&self, service: &Observed) -> Option<String> {
        if service.pid.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.http.get(&service.metrics_url).send().await.ok()?.text().await.ok()
    }
}
