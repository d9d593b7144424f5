//! The workers of a system: the services without clients, in this process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use chat_service::{
    Context,
    config::{Loaded, Validate, load_from},
};
use chat_testkit::Isolation;
use tokio::runtime::Handle;

use crate::config::{defaults, settings};

/// One of each, by name.
#[derive(Debug)]
pub(crate) struct Workers {
    runtime: Handle,
    isolation: Arc<Isolation>,
    running: Mutex<BTreeMap<&'static str, Context>>,
}

impl Workers {
    /// Starts all of them on `runtime`, but one if it is named.
    pub fn start_all_but(without: &str, runtime: Handle, isolation: Arc<Isolation>) -> Self {
        let workers = Self { runtime, isolation, running: Mutex::default() };
        for name in ["persister", "broadcaster", "notifier", "read-receipt"] {
            if name != without {
                workers.start(name);
            }
        }
        workers
    }

    /// Starts one that does not run.
    pub fn start(&self, name: &'static str) {
        let _runtime = self.runtime.enter();
        macro_rules! start {
            ($service:ident) => {{
                let loaded: Loaded<$service::Config> = load(name, &self.isolation);
                let context = Context::new(name, loaded.common);
                // `run` may return at once and leave its tasks running.
                context.lifecycle.spawn_detached(name, $service::run(loaded.service, context.clone()));
                context
            }};
        }
        let context = match name {
            "persister" => start!(persister),
            "broadcaster" => start!(broadcaster),
            "notifier" => start!(notifier),
            "read-receipt" => start!(read_receipt),
            other => panic!("there is no worker {other}"),
        };
        assert!(self.lock().insert(name, context).is_none(), "{name} runs already");
    }

    /// Stops one in good order.
    pub async fn stop(&self, name: &str) {
        let context = self.lock().remove(name).expect("a worker that runs");
        context.lifecycle.trigger();
        context.lifecycle.shutdown_complete().await.expect("a clean end");
    }

    /// All that run; they are not known here any more.
    pub fn take(&self) -> Vec<Context> {
        std::mem::take(&mut *self.lock()).into_values().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Context>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn load<T: serde::de::DeserializeOwned + Validate>(service: &str, isolation: &Isolation) -> Loaded<T> {
    load_from(defaults(service), None, settings(service, isolation)).expect("settings of the tests")
}
