//! All services in this process.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::Duration,
};

use chat_client::{Connection, RestClient, ws_url};
use chat_protocol::{RoomId, frame::RoomCursor};
use chat_service::{Context, config::load_from};
use chat_store::Store;
use chat_testkit::{Isolation, assert_eventually};
use tokio::runtime::{Builder, Runtime};

use crate::{
    config::settings,
    deadline,
    person::{Person, create_group, create_person},
    workers::Workers,
};

const PARTITIONS: i32 = 3;
/// A gateway waits for the workers, whose groups have to form.
const READY_WITHIN: Duration = Duration::from_secs(40);
/// What is not down by then is dropped.
const DOWN_WITHIN: Duration = Duration::from_secs(3);

/// Gateways and workers on an isolated part of the test stack, on a runtime of their own: it may be shared by several tests, each of
/// which has its own runtime. Dropping the last handle stops everything and removes what it left in the stack.
#[derive(Debug)]
pub struct System {
    /// Names of topics, schema and keys.
    pub isolation: Arc<Isolation>,
    store: Store,
    gateways: Mutex<Vec<Gateway>>,
    workers: Workers,
    runtime: Option<Runtime>,
}

/// A gateway in this process.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Its public port.
    pub addr: SocketAddr,
    /// Its lifecycle, readiness and metrics.
    pub context: Context,
}

static SHARED: tokio::sync::Mutex<Weak<System>> = tokio::sync::Mutex::const_new(Weak::new());

impl System {
    /// The system of all tests that change nothing about it: two gateways with the default settings.
    pub async fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().await;
        if let Some(system) = shared.upgrade() {
            return system;
        }
        let system = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&system);
        system
    }

    /// Two gateways and the workers, ready.
    pub async fn start() -> Self {
        Self::with_gateways(&[&[], &[]]).await
    }

    /// Gateways with settings of their own, and the workers, ready.
    pub async fn with_gateways(gateways: &[&[(&str, &str)]]) -> Self {
        let system = Self::build(Isolation::with_partitions(PARTITIONS).await, gateways, "").await;
        system.warm_up().await;
        system
    }

    /// Two gateways and the workers on a Redis of the test's own, ready.
    pub async fn on_redis(url: &str) -> Self {
        let isolation = Isolation::with_partitions(PARTITIONS).await.on_redis(url);
        let system = Self::build(isolation, &[&[], &[]], "").await;
        system.warm_up().await;
        system
    }

    /// A gateway and the workers but one, for which a test has something else. The gateway has what it depends on itself: its canary may
    /// need the worker that is not there yet.
    pub async fn without(worker: &str) -> Self {
        let system = Self::build(Isolation::with_partitions(PARTITIONS).await, &[], worker).await;
        let ready = system.add_unready_gateway(&[]).context.readiness;
        assert_eventually!(
            ready.missing().iter().all(|missing| missing == "delivery"),
            within = READY_WITHIN,
            "gateway ready but for delivery: {:?}",
            ready.missing()
        );
        system
    }

    async fn build(isolation: Isolation, gateways: &[&[(&str, &str)]], without: &str) -> Self {
        start_logging();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let isolation = Arc::new(isolation);
        let store = Store::new(&isolation.postgres()).expect("settings of the isolation");
        let workers = Workers::start_all_but(without, runtime.handle().clone(), Arc::clone(&isolation));
        let system = Self { isolation, store, gateways: Mutex::default(), workers, runtime: Some(runtime) };
        for settings in gateways {
            system.add_gateway(settings).await;
        }
        system
    }

    /// Starts another gateway with settings of its own (environment variables).
    pub async fn add_gateway(&self, own_settings: &[(&str, &str)]) -> Gateway {
        let gateway = self.add_unready_gateway(own_settings);
        let ready = &gateway.context.readiness;
        assert_eventually!(ready.is_ready(), within = READY_WITHIN, "gateway ready: {:?}", ready.missing());
        gateway
    }

    /// The same without waiting until it has what it depends on.
    pub fn add_unready_gateway(&self, own_settings: &[(&str, &str)]) -> Gateway {
        let own_settings = own_settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let settings = settings("ws-gateway", &self.isolation).into_iter().chain(own_settings);
        let loaded = load_from(ws_gateway::DEFAULTS, None, settings).expect("settings of the tests");
        let _runtime = self.runtime().enter();
        let context = Context::new("ws-gateway", loaded.common);
        let server = ws_gateway::Server::start(loaded.service, &context).expect("a gateway");
        let gateway = Gateway { addr: server.addr, context: context.clone() };
        context.lifecycle.spawn("gateway", server.serve());
        self.lock_gateways().push(gateway.clone());
        gateway
    }

    /// Stops a worker in good order: `persister`, `broadcaster`, `notifier` or `read-receipt`.
    pub async fn stop_worker(&self, name: &str) {
        deadline(name, Duration::from_secs(20), self.workers.stop(name)).await;
    }

    /// Starts it again.
    pub fn start_worker(&self, name: &'static str) {
        self.workers.start(name);
    }

    /// The gateway that was started `index`-th.
    pub fn gateway(&self, index: usize) -> Gateway {
        self.lock_gateways()[index].clone()
    }

    /// A new account.
    pub async fn person(&self, nickname: &str) -> Person {
        let (store, nickname) = (self.store.clone(), nickname.to_owned());
        // Pooled connections live on the runtime that opened them, and a test's ends before the system does.
        let creating = self.runtime().spawn(async move { create_person(&store, &nickname).await });
        creating.await.expect("an account")
    }

    /// Calls on a gateway on behalf of somebody.
    pub fn rest(&self, gateway: usize, person: &Person) -> RestClient {
        self.gateway(gateway).rest(person)
    }

    /// A group made by its first member.
    pub async fn group(&self, members: &[&Person]) -> RoomId {
        let others: Vec<_> = members[1..].iter().map(|person| person.id).collect();
        self.rest(0, members[0]).create_group_room("group", &others).await.expect("a group")
    }

    /// The same without a persister: written to the database.
    pub async fn group_by_hand(&self, members: &[&Person]) -> RoomId {
        let (store, members) = (self.store.clone(), members.iter().map(|person| person.id).collect());
        let creating = self.runtime().spawn(async move { create_group(&store, members).await });
        creating.await.expect("a group")
    }

    /// A `chat.v1` connection with rooms: room, and the last seq one has.
    pub async fn connect(&self, gateway: usize, person: &Person, rooms: &[(RoomId, Option<i64>)]) -> Connection {
        self.gateway(gateway).connect(person, rooms).await
    }

    /// Until the workers' groups have formed, commands take longer than a test waits.
    async fn warm_up(&self) {
        let person = self.person("first").await;
        let rest = self.rest(0, &person);
        let warm = async { while rest.create_group_room("first", &[]).await.is_err() {} };
        deadline("the first command executed", Duration::from_secs(40), warm).await;
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("there until the drop")
    }

    fn lock_gateways(&self) -> std::sync::MutexGuard<'_, Vec<Gateway>> {
        self.gateways.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gateway {
    /// `http://…`
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// `ws://…/ws/v1/chat`
    pub fn ws_url(&self) -> String {
        ws_url(&self.url())
    }

    /// The value of a metric without labels.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let family = self.context.metrics.gather().into_iter().find(|family| family.name() == name)?;
        let metric = family.get_metric().first()?.clone();
        Some(metric.get_gauge().get_value() + metric.get_counter().get_value())
    }

    /// The value of a counter with one label that has this value; 0 when it was never counted.
    pub fn counter(&self, name: &str, label: &str) -> f64 {
        let families = self.context.metrics.gather();
        let metrics = families
            .iter()
            .filter(|family| family.name() == name)
            .flat_map(prometheus::proto::MetricFamily::get_metric);
        let labelled =
            |metric: &&prometheus::proto::Metric| metric.get_label().iter().any(|pair| pair.value() == label);
        // The sum of nothing is -0.
        metrics.filter(labelled).map(|metric| metric.get_counter().get_value()).sum::<f64>() + 0.0
    }

    /// Calls on behalf of somebody.
    pub fn rest(&self, person: &Person) -> RestClient {
        RestClient::new(&self.url()).expect("an address").with_token(&person.token)
    }

    /// A `chat.v1` connection with rooms: room, and the last seq one has.
    pub async fn connect(&self, person: &Person, rooms: &[(RoomId, Option<i64>)]) -> Connection {
        let rooms = rooms
            .iter()
            .map(|(room_id, after)| RoomCursor { room_id: *room_id, after: *after, presence: false })
            .collect();
        let (connection, welcome) =
            Connection::connect(&self.ws_url(), &person.token, rooms).await.expect("a connection");
        let refused: Vec<_> = welcome.rooms.iter().filter(|room| room.error.is_some()).collect();
        assert!(refused.is_empty(), "{refused:?}");
        connection
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let mut contexts = self.workers.take();
        contexts.extend(self.lock_gateways().drain(..).map(|gateway| gateway.context));
        let Some(runtime) = self.runtime.take() else { return };
        // A test's own runtime must not be blocked on by dropping another.
        let stopping = thread::spawn(move || {
            for context in &contexts {
                context.lifecycle.trigger();
            }
            runtime.block_on(async {
                let down = async {
                    for context in &contexts {
                        drop(context.lifecycle.shutdown_complete().await);
                    }
                };
                drop(tokio::time::timeout(DOWN_WITHIN, down).await);
            });
            for context in &contexts {
                context.lifecycle.trigger();
            }
            runtime.shutdown_timeout(Duration::from_secs(1));
        });
        drop(stopping.join());
    }
}

/// Services are silent in tests unless `CHAT_TEST_LOG` names a filter, such as `info`.
fn start_logging() {
    if let Ok(filter) = std::env::var("CHAT_TEST_LOG") {
        // Set by the first system of the process; the others find it set.
        drop(tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init());
    }
}
