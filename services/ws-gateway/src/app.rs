//! Puts the gateway together, and takes it apart in order.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::{HttpServer, dev::ServerHandle, web};
use anyhow::Context as _;
use chat_kafka::{KafkaMetrics, Producer};
use chat_outbound::Outbound;
use chat_protocol::{ErrorCode, GatewayId, Rejection, RoomId, UserId, limits, redis_key::Channel};
use chat_redis::{OnlineUsers, ReadMarks, RedisPool, RoomListCache, Subscriber, Viewers};
use chat_service::{Backoff, Clock, Context, Lifecycle, retry_forever};
use chat_store::{Membership, Store};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    accounts::{self, Accounts},
    admission::Admission,
    auth::{Authenticator, Logins, Provider, Tokens},
    canary::Canary,
    config::Config,
    error::Refusal,
    hub::{self, Executor, HubHandle, Parts, RingBounds, RingLimits, Timing},
    ingest::Ingest,
    last_seen::LastSeen,
    limits::Limits,
    marks::{Marks, places::Places},
    membership::Memberships,
    metrics::{CanaryMetrics, Metrics, RoomListMetrics},
    pause::Pause,
    rest::HistoryPage,
    room_lists::RoomLists,
    routes,
    waiters::Waiters,
    ws::{
        destination::Destinations,
        typing::{self, TypingTeller},
    },
};

/// A room nobody is subscribed to is kept this long, for those who come back at once.
const IDLE_ROOM: Duration = Duration::from_secs(10);
/// Connections leave within this part of the drain time; the rest is for what they still wait for.
const DRAIN_SPREAD: f64 = 0.7;

/// What handlers and sessions share.
pub struct Gateway {
    pub config: Config,
    pub stomp: Arc<Destinations>,
    pub tokens: Tokens,
    pub auth: Authenticator,
    pub accounts: Accounts,
    pub admission: Admission,
    pub limits: Arc<Limits>,
    pub ingest: Arc<Ingest>,
    pub typing: TypingTeller,
    pub online: OnlineUsers,
    pub store: Store,
    pub marks: Marks,
    pub room_lists: Arc<RoomLists>,
    pub hub: HubHandle,
    /// Says where webhooks may lead; nothing is called from here.
    pub outbound: Outbound,
    pub metrics: Metrics,
    pub lifecycle: Lifecycle,
    /// The WebSocket connections, so that a drain ends when they have.
    pub connections: TaskTracker,
    pub clock: Arc<dyn Clock>,
    /// Connections leave spread over this when the gateway drains.
    pub drain_spread: Duration,
}

impl Gateway {
    /// A page of a room's timeline, as far as the user may see it.
    pub async fn history(
        &self,
        user_id: UserId,
        room_id: RoomId,
        before: Option<i64>,
        after: Option<i64>,
        limit: Option<u32>,
    ) -> Result<HistoryPage, Refusal> {
        if before.is_some() && after.is_some() {
            return Err(Rejection::new(ErrorCode::BadRequest, "give before or after, not both").into());
        }
        if before.is_some_and(|seq| seq < 1) || after.is_some_and(|seq| seq < 0) {
            return Err(Rejection::new(ErrorCode::BadRequest, "before must be at least 1, after at least 0").into());
        }
        let limit = limit.unwrap_or(limits::PAGE_DEFAULT).clamp(1, limits::PAGE_MAX);
        let membership = self.store.membership(room_id, user_id).await?.ok_or_else(Rejection::room_not_found)?;
        self.room_lists.seen([(room_id, membership.head)]);
        let page = match after {
            Some(after) => self.store.page_after(room_id, after.max(membership.joined_seq - 1), limit).await?,
            None => self.store.page_before(room_id, before.unwrap_or(i64::MAX), membership.joined_seq, limit).await?,
        };
        self.still_member(room_id, user_id, membership).await?;
        Ok(HistoryPage { messages: page.entries, more: page.more, head: membership.head })
    }

    /// After something was read for a member: whoever was kicked meanwhile gets nothing of it, because it may be from after the kick.
    pub async fn still_member(&self, room_id: RoomId, user_id: UserId, before: Membership) -> Result<(), Refusal> {
        let now = self.store.membership(room_id, user_id).await?;
        let same = now.is_some_and(|now| now.joined_seq == before.joined_seq);
        if same { Ok(()) } else { Err(Rejection::room_not_found().into()) }
    }
}

/// A running gateway.
pub struct Server {
    /// Where clients connect.
    pub addr: SocketAddr,
    handle: ServerHandle,
    connections: TaskTracker,
    lifecycle: Lifecycle,
    /// Ends what must outlive the connections.
    backstage: CancellationToken,
    producer: Producer,
    drain: Duration,
}

/// Runs the service until it is told to stop.
pub async fn run(config: Config, context: Context) -> anyhow::Result<()> {
    Server::start(config, &context)?.serve().await
}

impl Server {
    /// Binds the public port and starts everything; the port may be 0 in tests.
    pub fn start(config: Config, context: &Context) -> anyhow::Result<Self> {
        let lifecycle = context.lifecycle.clone();
        // Hub and subscription outlive the soft token: connections that drain still get their answers.
        let backstage = lifecycle.hard().child_token();
        let gateway_id = GatewayId::generate();
        let metrics = Metrics::register(&context.metrics)?;
        let store = Store::new(&config.postgres)?;
        let kafka_metrics = KafkaMetrics::register(&context.metrics)?;
        let producer = Producer::new(&config.kafka, &config.producer, "ws-gateway", &kafka_metrics)?;
        let redis = RedisPool::new(&config.redis)?;
        let (subscriber, subscriptions, events) =
            Subscriber::new(&config.redis, redis.clone(), config.delivery.redis_queue)?;

        let logins = Logins::new(store.clone(), redis.clone());
        let (hub, inputs) = HubHandle::new();
        let (memberships, waiters) = (Memberships::new(store.clone()), Waiters::default());
        let lists = RoomListMetrics::register(&context.metrics)?;
        let redis_within = config.delivery.redis_within();
        let marks = Marks::new(store.clone(), ReadMarks::new(redis.clone()), Pause::new(redis_within));
        let (cache, pause) = (RoomListCache::new(redis.clone()), Pause::new(redis_within));
        let room_lists = Arc::new(RoomLists::new(store.clone(), cache, marks.clone(), lists, pause));
        let online = OnlineUsers::new(redis.clone());
        let last_seen = LastSeen::new(context.clock.clone(), metrics.presence.last_seen.clone());
        let executor = Executor::start(Parts {
            gateway_id,
            store: store.clone(),
            subscriber: subscriptions.clone(),
            viewers: Viewers::new(redis.clone()),
            online: online.clone(),
            last_seen: last_seen.clone(),
            lifecycle: lifecycle.clone(),
            stop: backstage.clone(),
            hub: hub.clone(),
            memberships: memberships.clone(),
            logins: logins.clone(),
            waiters: waiters.clone(),
            room_lists: room_lists.clone(),
            marks: marks.clone(),
            page_size: config.delivery.page_entries,
        });
        let timing = Timing {
            gap_wait: Duration::from_millis(config.delivery.gap_wait_ms),
            head_check: Duration::from_millis(config.delivery.head_check_ms),
            idle_room: IDLE_ROOM,
        };
        let rings = RingBounds {
            room: RingLimits { events: config.delivery.ring_events, bytes: config.delivery.ring_bytes },
            total_bytes: config.delivery.ring_total_bytes,
        };
        lifecycle.spawn("redis-subscriber", subscriber.run(backstage.clone()));
        lifecycle.spawn("hub", hub::run(timing, rings, inputs, events, executor, metrics.clone(), backstage.clone()));

        lifecycle.spawn("last-seen", last_seen.write(store.clone(), backstage.clone()));
        let (typing, typing_waiting) = TypingTeller::new(memberships.clone());
        lifecycle.spawn("typing", typing::publish(redis.clone(), typing_waiting, backstage.clone()));

        let clock = context.clock.clone();
        lifecycle.spawn_detached("sweep-logins", accounts::sweep(store.clone(), lifecycle.soft()));
        let (tokens, auth, accounts) = who_is_who(&config, context, &store, logins, &metrics, &backstage)?;
        let connections = TaskTracker::new();
        let limits = Arc::new(Limits::new(&config.limits, &redis, redis_within, metrics.rate_limited.clone()));
        let admission = Admission::new(&config, gateway_id, clock.clone(), redis.clone(), metrics.sockets.clone())?;
        lifecycle.spawn("user-sessions", admission.user_sessions.clone().keep(hub.clone(), lifecycle.soft()));
        let gateway = web::Data::new(Gateway {
            stomp: Arc::new(Destinations::new(&config.stomp)?),
            auth,
            accounts,
            admission,
            limits: limits.clone(),
            ingest: Arc::new(Ingest {
                gateway_id,
                producer: producer.clone(),
                busy_above: config.producer.queue_records / 2,
                topics: config.kafka.topics(),
                memberships,
                waiters,
                limits,
                places: Places::new(store.clone()),
                store: store.clone(),
                room_lists: room_lists.clone(),
                clock: clock.clone(),
            }),
            typing,
            online,
            tokens,
            store,
            marks,
            room_lists,
            hub,
            outbound: Outbound::new(&config.outbound)?,
            metrics,
            lifecycle: lifecycle.clone(),
            connections: connections.clone(),
            clock,
            drain_spread: context.common.shutdown.drain().mul_f64(DRAIN_SPREAD),
            config,
        });
        let (addr, handle) = open_port(&gateway)?;
        // Not before the port is open: ready means that clients can come.
        let subscribed = wait_for_dependencies(context, &gateway.store, &redis, &subscriptions, gateway_id);
        let (delivery, canaries) =
            (context.readiness.condition("delivery"), CanaryMetrics::register(&context.metrics)?);
        let canary = Canary::new(Arc::clone(&gateway.ingest), &gateway.config.delivery, delivery, canaries);
        lifecycle.spawn("canary", canary.run(subscribed, lifecycle.soft()));
        tracing::info!(http.addr = %addr, gateway.id = %gateway_id, "gateway listening");
        Ok(Self { addr, handle, connections, lifecycle, producer, drain: context.common.shutdown.drain(), backstage })
    }

    /// Serves until the soft token, then drains: sessions say goodbye one after the other, what they sent is acknowledged.
    pub async fn serve(self) -> anyhow::Result<()> {
        self.lifecycle.soft().cancelled().await;
        // New connections are refused from here on; the others leave by themselves.
        self.connections.close();
        if tokio::time::timeout(self.drain, self.connections.wait()).await.is_err() {
            tracing::warn!(sessions = self.connections.len(), "sessions left at the end of the drain");
        }
        self.handle.stop(true).await;
        self.backstage.cancel();
        self.producer.flush(Duration::from_secs(5)).await.context("records not acknowledged at the end")?;
        Ok(())
    }
}

/// Serves the public port from now on.
fn open_port(gateway: &web::Data<Gateway>) -> anyhow::Result<(SocketAddr, ServerHandle)> {
    let http = &gateway.config.http;
    let listener = TcpListener::bind(http.listen).with_context(|| {
        format!("port of http.listen = {} cannot be had: stop what uses it, or set CHAT__HTTP__LISTEN", http.listen)
    })?;
    let addr = listener.local_addr()?;
    let shared = gateway.clone();
    let server = HttpServer::new(move || routes::app(shared.clone()))
        .workers(http.workers)
        .max_connections(http.max_connections)
        .tcp_nodelay(true)
        .client_request_timeout(Duration::from_secs(5))
        .keep_alive(Duration::from_secs(30))
        .shutdown_timeout(2)
        .disable_signals()
        .listen(listener)?
        .run();
    let handle = server.handle();
    gateway.lifecycle.spawn("http", server);
    Ok((addr, handle))
}

/// Tokens, what they are checked with, and accounts. An identity provider's keys are read until `stop`.
fn who_is_who(
    config: &Config,
    context: &Context,
    store: &Store,
    logins: Logins,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> anyhow::Result<(Tokens, Authenticator, Accounts)> {
    let clock = context.clock.clone();
    let provider = Provider::new(&config.auth, metrics.jwks_fetches.clone())?.map(Arc::new);
    if let Some(provider) = &provider {
        context.lifecycle.spawn_detached("jwks", Arc::clone(provider).keep_fresh(stop.clone()));
    }
    let tokens = Tokens::new(&config.auth, provider, clock.clone());
    let auth = Authenticator::new(tokens.clone(), logins.clone(), store.clone());
    let hashes = metrics.password_hashes.clone();
    let parts = accounts::Parts { store: store.clone(), tokens: tokens.clone(), logins, clock, hashes };
    Ok((tokens, auth, Accounts::new(&config.auth, parts)?))
}

/// Ready when the database answered, this gateway's channel is subscribed, which cancels the token, and a canary came back; whoever is away
/// is named in `/ready` and in the log.
fn wait_for_dependencies(
    context: &Context,
    store: &Store,
    redis: &RedisPool,
    subscriptions: &chat_redis::SubscriberHandle,
    gateway_id: GatewayId,
) -> CancellationToken {
    let subscribed = CancellationToken::new();
    let (postgres_latch, redis_latch) = (context.readiness.latch("postgres"), context.readiness.latch("redis"));
    let (store, stop) = (store.clone(), context.lifecycle.soft());
    context.lifecycle.spawn_detached("wait-for-postgres", async move {
        retry_forever("postgres", &stop, Backoff::default(), || store.ping()).await;
        drop(postgres_latch);
    });
    let (redis, subscriptions, stop) = (redis.clone(), subscriptions.clone(), context.lifecycle.soft());
    let done = subscribed.clone();
    context.lifecycle.spawn_detached("wait-for-redis", async move {
        retry_forever("redis", &stop, Backoff::default(), || redis.ping()).await;
        let own = vec![Channel::Gateway(gateway_id)];
        retry_forever("redis", &stop, Backoff::default(), || subscriptions.subscribe(own.clone())).await;
        drop(redis_latch);
        done.cancel();
    });
    subscribed
}
