//! What the metrics of all services share.

use prometheus::{
    IntGauge, IntGaugeVec, Opts, Registry,
    core::{Collector, Desc},
    process_collector::ProcessCollector,
    proto::MetricFamily,
};

use crate::readiness::Readiness;

/// Histogram buckets in seconds for everything a user waits for: half a millisecond to ten seconds.
pub const LATENCY_SECONDS_BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// A registry that already holds memory, CPU and file descriptors of the process, which service and version it is, and whether it is ready.
pub(crate) fn registry(service: &str, readiness: Readiness) -> prometheus::Result<Registry> {
    let registry = Registry::new();
    registry.register(Box::new(ProcessCollector::for_self()))?;
    let info =
        IntGaugeVec::new(Opts::new("chat_service_info", "The running service, always 1."), &["service", "version"])?;
    info.with_label_values(&[service, env!("CARGO_PKG_VERSION")]).set(1);
    registry.register(Box::new(info))?;
    let gauge = IntGauge::new("chat_service_ready", "What /ready answers: 1 or 0.")?;
    registry.register(Box::new(Ready { gauge, readiness }))?;
    Ok(registry)
}

/// Readiness at the moment somebody looks.
struct Ready {
    gauge: IntGauge,
    readiness: Readiness,
}

impl Collector for Ready {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.gauge.set(self.readiness.is_ready().into());
        self.gauge.collect()
    }
}
