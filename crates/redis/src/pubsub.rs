//! One Pub/Sub connection per process, kept alive by a loop of our own: the client library's stops after a few attempts.

use std::{
    collections::{HashMap, HashSet},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use chat_protocol::redis_key::{Channel, Keys};
use chat_service::Backoff;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture};
use redis::{
    Client, Msg,
    aio::{PubSub, PubSubSink},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{RedisConfig, RedisError, RedisPool, SubscriberEvent, outbox::Outbox};

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const CONFIRM_WITHIN: Duration = Duration::from_secs(2);
/// Resubscribing thousands of channels may take longer than one.
const COMMAND_WITHIN: Duration = Duration::from_secs(5);
const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBE_BACK_WITHIN: Duration = Duration::from_secs(3);
const REQUESTS: usize = 1_024;

/// What a handle asks for.
enum Request {
    Subscribe(Vec<Channel>, oneshot::Sender<()>),
    Unsubscribe(Vec<Channel>),
    Reconnect,
}

/// Asks the subscriber for channels; clones share it.
#[derive(Debug, Clone)]
pub struct SubscriberHandle {
    requests: mpsc::Sender<Request>,
    connected: Arc<AtomicBool>,
}

impl SubscriberHandle {
    /// Subscribes, and waits until Redis confirmed. After [`RedisError::NotConfirmed`] the channels stay wanted: they are
    /// subscribed as soon as Redis is back, before [`SubscriberEvent::Connected`].
    pub async fn subscribe(&self, channels: Vec<Channel>) -> Result<(), RedisError> {
        let (confirm, confirmed) = oneshot::channel();
        self.requests.send(Request::Subscribe(channels, confirm)).await.map_err(|_| RedisError::NotConfirmed)?;
        match timeout(CONFIRM_WITHIN, confirmed).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(RedisError::NotConfirmed),
        }
    }

    /// Unsubscribes. Nothing is counted: one unsubscribe ends any number of subscribes.
    pub async fn unsubscribe(&self, channels: Vec<Channel>) {
        if self.requests.send(Request::Unsubscribe(channels)).await.is_err() {
            tracing::debug!("unsubscribe after the subscriber ended");
        }
    }

    /// Begins a new connection, and leaves on the old one whatever has not been read yet.
    pub async fn reconnect(&self) {
        if self.requests.send(Request::Reconnect).await.is_err() {
            tracing::debug!("reconnect after the subscriber ended");
        }
    }

    /// Whether messages come: connected, everything subscribed, and no probe missing.
    pub fn connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }
}

/// The loop that owns the connection.
pub struct Subscriber {
    client: Client,
    pool: RedisPool,
    keys: Keys,
    /// A channel of this process's own: what it publishes there must come back.
    probe_channel: String,
    requests: mpsc::Receiver<Request>,
    /// What must be subscribed.
    wanted: HashSet<Channel>,
    /// Changes not yet sent on the present connection: channel → whether to subscribe.
    changes: HashMap<Channel, bool>,
    /// To be told when the changes are confirmed.
    waiting: Vec<oneshot::Sender<()>>,
    outbox: Outbox,
    connected: Arc<AtomicBool>,
}

impl Subscriber {
    /// Prepares a subscriber whose receiver takes up to `capacity` events before messages are dropped.
    pub fn new(
        config: &RedisConfig,
        pool: RedisPool,
        capacity: usize,
    ) -> Result<(Self, SubscriberHandle, mpsc::Receiver<SubscriberEvent>), RedisError> {
        let (sender, events) = mpsc::channel(capacity);
        let (asking, requests) = mpsc::channel(REQUESTS);
        let connected = Arc::new(AtomicBool::new(false));
        let subscriber = Self {
            client: Client::open(config.url.expose()).map_err(RedisError::Config)?,
            pool,
            keys: config.keys(),
            probe_channel: format!("{}chat:probe:{}", config.key_prefix, uuid::Uuid::now_v7()),
            requests,
            wanted: HashSet::new(),
            changes: HashMap::new(),
            waiting: Vec::new(),
            outbox: Outbox::new(sender),
            connected: Arc::clone(&connected),
        };
        Ok((subscriber, SubscriberHandle { requests: asking, connected }, events))
    }

    /// Keeps the connection until `stop` is cancelled or the receiver is dropped.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut receiver_gone = pin!(Outbox::closed(self.outbox.sender()));
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        loop {
            let lost = tokio::select! {
                () = stop.cancelled() => return,
                () = &mut receiver_gone => return,
                lost = self.connect_and_serve(&mut backoff) => lost,
            };
            if self.connected.swap(false, Ordering::Relaxed) {
                self.outbox.state(SubscriberEvent::Disconnected);
            }
            let delay = backoff.next_delay();
            tracing::warn!(
                reason = lost,
                ?delay,
                channels = self.wanted.len(),
                "redis subscriber not connected, reconnecting"
            );
            tokio::select! {
                () = stop.cancelled() => return,
                () = &mut receiver_gone => return,
                () = self.meanwhile(sleep(delay)) => {}
            }
        }
    }

    async fn connect_and_serve(&mut self, backoff: &mut Backoff) -> String {
        let client = self.client.clone();
        match self.meanwhile(timeout(CONNECT_WITHIN, client.get_async_pubsub())).await {
            Ok(Ok(connection)) => self.serve(connection, backoff).await,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no connection in time".to_owned(),
        }
    }

    /// Waits for something while there is no connection: requests are noted, events delivered.
    async fn meanwhile<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let mut wait = pin!(wait);
        loop {
            tokio::select! {
                done = &mut wait => return done,
                Some(request) = self.requests.recv() => self.note(request),
                () = self.outbox.deliver_delayed() => {}
            }
        }
    }

    /// Serves one connection until it is lost, and says why.
    async fn serve(&mut self, connection: PubSub, backoff: &mut Backoff) -> String {
        let (sink, mut messages) = connection.split();
        let mut probes = interval_at(Instant::now() + PROBE_EVERY, PROBE_EVERY);
        probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut probe: Option<(String, Instant)> = None;
        let mut probing: BoxFuture<'static, Result<(), RedisError>> = std::future::pending().boxed();

        // First everything that is wanted, in one command.
        self.changes.clear();
        let mut names: Vec<String> = self.wanted.iter().map(|channel| self.keys.channel(*channel)).collect();
        names.push(self.probe_channel.clone());
        let mut command: Option<BoxFuture<'static, Result<(), String>>> =
            Some(send_changes(sink.clone(), names, Vec::new()));
        let mut confirming = std::mem::take(&mut self.waiting);
        loop {
            if command.is_none() && !(self.changes.is_empty() && self.waiting.is_empty()) {
                let (add, remove): (Vec<_>, Vec<_>) = self.changes.drain().partition(|(_, add)| *add);
                let names = |changes: Vec<(Channel, bool)>| {
                    changes.into_iter().map(|(channel, _)| self.keys.channel(channel)).collect()
                };
                command = Some(send_changes(sink.clone(), names(add), names(remove)));
                confirming = std::mem::take(&mut self.waiting);
            }
            let probe_due = probe.as_ref().map_or_else(Instant::now, |(_, due)| *due);
            let lost = tokio::select! {
                message = messages.next() => match message {
                    Some(message) => {
                        self.deliver(&message, &mut probe);
                        continue;
                    }
                    None => "connection closed".to_owned(),
                },
                sent = async { command.as_mut().expect("guarded").await }, if command.is_some() => match sent {
                    Ok(()) => {
                        command = None;
                        if !self.connected.swap(true, Ordering::Relaxed) {
                            tracing::info!(channels = self.wanted.len(), "redis subscriber connected");
                            backoff.reset();
                            self.outbox.state(SubscriberEvent::Connected);
                        }
                        for confirm in confirming.drain(..) {
                            // Whoever waited may have given up.
                            confirm.send(()).ok();
                        }
                        continue;
                    }
                    Err(error) => error,
                },
                Some(request) = self.requests.recv() => {
                    if matches!(request, Request::Reconnect) {
                        "asked for a new connection".to_owned()
                    } else {
                        self.note(request);
                        continue;
                    }
                }
                () = self.outbox.deliver_delayed() => continue,
                _ = probes.tick(), if probe.is_none() => {
                    let nonce = uuid::Uuid::now_v7().to_string();
                    probing = publish(self.pool.clone(), self.probe_channel.clone(), nonce.clone()).boxed();
                    probe = Some((nonce, Instant::now() + PROBE_BACK_WITHIN));
                    continue;
                }
                published = &mut probing => {
                    probing = std::future::pending().boxed();
                    match published {
                        Ok(()) => continue,
                        Err(error) => error.to_string(),
                    }
                }
                () = sleep_until(probe_due), if probe.is_some() => "probe did not come back".to_owned(),
            };
            // Unconfirmed requests are confirmed by the next connection.
            self.waiting.append(&mut confirming);
            return lost;
        }
    }

    fn deliver(&mut self, message: &Msg, probe: &mut Option<(String, Instant)>) {
        let (name, payload) = (message.get_channel_name(), message.get_payload_bytes());
        if let Some(channel) = self.keys.parse_channel(name) {
            self.outbox.message(channel, Bytes::copy_from_slice(payload));
        } else if name == self.probe_channel && probe.as_ref().is_some_and(|(nonce, _)| nonce.as_bytes() == payload) {
            *probe = None;
        }
    }

    fn note(&mut self, request: Request) {
        match request {
            Request::Subscribe(channels, confirm) => {
                self.wanted.extend(&channels);
                self.changes.extend(channels.into_iter().map(|channel| (channel, true)));
                self.waiting.retain(|waiting| !waiting.is_closed());
                self.waiting.push(confirm);
            }
            Request::Unsubscribe(channels) => {
                for channel in &channels {
                    self.wanted.remove(channel);
                }
                self.changes.extend(channels.into_iter().map(|channel| (channel, false)));
            }
            // There is none: the next one is new.
            Request::Reconnect => {}
        }
    }
}

/// Sends queued changes as one command each way, and waits for the confirmations.
fn send_changes(mut sink: PubSubSink, add: Vec<String>, remove: Vec<String>) -> BoxFuture<'static, Result<(), String>> {
    async move {
        let changes = async {
            if !add.is_empty() {
                sink.subscribe(add).await?;
            }
            if !remove.is_empty() {
                sink.unsubscribe(remove).await?;
            }
            Ok::<(), redis::RedisError>(())
        };
        match timeout(COMMAND_WITHIN, changes).await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(_) => Err("subscription not confirmed in time".to_owned()),
        }
    }
    .boxed()
}

async fn publish(pool: RedisPool, channel: String, payload: String) -> Result<(), RedisError> {
    pool.run(redis::pipe().publish(channel, payload).ignore()).await
}
