//! Webhooks: other systems are told what happens, by signed HTTP calls.
//!
//! Two halves, joined by a table: the pipeline queues what endpoints want before the offset is committed ([`queue`]); workers send
//! what is due and record what became of it ([`dispatch`], [`lane`]). So an endpoint that is slow or away delays nobody, and
//! what it missed is still there after any restart.

mod config;
mod dispatch;
mod endpoints;
mod event;
mod lane;
mod metrics;
mod queue;
mod sweep;
mod verdict;

use std::sync::Arc;

use chat_outbound::Outbound;
use chat_service::{Clock, Context};
use chat_store::Store;
use tokio::sync::Notify;

pub use self::{config::DeliveriesConfig, queue::Batch};
use self::{endpoints::Endpoints, metrics::WebhookMetrics};

/// Webhooks of this process; cheap to clone.
#[derive(Clone)]
pub struct Webhooks(Arc<Parts>);

struct Parts {
    store: Store,
    outbound: Outbound,
    config: DeliveriesConfig,
    endpoints: Endpoints,
    /// Something was queued.
    queued: Notify,
    metrics: WebhookMetrics,
    clock: Arc<dyn Clock>,
}

impl Webhooks {
    /// Connects to nothing yet.
    pub fn new(store: Store, outbound: Outbound, config: DeliveriesConfig, ctx: &Context) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(Parts {
            store,
            outbound,
            config,
            endpoints: Endpoints::default(),
            queued: Notify::new(),
            metrics: WebhookMetrics::register(&ctx.metrics)?,
            clock: ctx.clock.clone(),
        })))
    }

    /// Learns which endpoints there are; before the first record, so that none is passed over.
    pub async fn load(&self) -> Result<(), chat_store::StoreError> {
        self.0.endpoints.refresh(&self.0.store).await
    }

    /// Starts sending, until the service stops.
    pub fn start(&self, ctx: &Context) {
        let (soft, hard) = (ctx.lifecycle.soft(), ctx.lifecycle.hard());
        ctx.lifecycle.spawn_detached("webhook-endpoints", endpoints::keep_fresh(self.0.clone(), soft.clone()));
        ctx.lifecycle.spawn_detached("webhook-sweep", sweep::run(self.0.clone(), soft.clone()));
        ctx.lifecycle.spawn("webhooks", dispatch::run(self.0.clone(), soft, hard));
    }
}
