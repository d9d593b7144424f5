//! What a service is given to run with.

use std::sync::Arc;

use prometheus::Registry;

use crate::clock::{Clock, SystemClock};
use crate::config::Common;
use crate::lifecycle::Lifecycle;
use crate::metrics;
use crate::readiness::Readiness;

/// Everything of the process that a service uses. Clones share it.
#[derive(Debug, Clone)]
pub struct Context {
    /// Name of the service, as in logs and metrics.
    pub name: &'static str,
    /// The common sections of the configuration.
    pub common: Common,
    /// Starts tasks and says when to stop.
    pub lifecycle: Lifecycle,
    /// What `/ready` answers. Take all latches and conditions first thing in the service's `run`.
    pub readiness: Readiness,
    /// What `/metrics` shows.
    pub metrics: Registry,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Context {
    /// A context without signals and admin port, for the Tokio runtime this is called in.
    pub fn new(name: &'static str, common: Common) -> Self {
        let lifecycle = Lifecycle::new(common.shutdown.deadline());
        let readiness = Readiness::new(lifecycle.soft());
        let metrics = metrics::registry(name, readiness.clone()).unwrap_or_else(|error| {
            tracing::error!(%error, "process metrics unavailable");
            Registry::new()
        });
        Self { name, common, lifecycle, readiness, metrics, clock: Arc::new(SystemClock) }
    }

    /// [`Context::new`] with the default common sections.
    pub fn for_test(name: &'static str) -> Self {
        Self::new(name, Common::default())
    }
}
