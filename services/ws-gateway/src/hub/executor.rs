//! Carries out what the hub wants: Redis subscriptions, database reads, registration of viewers. Results go back as inputs.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytestring::ByteString;
use chat_protocol::{ErrorCode, GatewayId, Rejection, RoomId, TimelineKind, UserId, redis_key::Channel};
use chat_redis::{OnlineUsers, SubscriberHandle, Viewers};
use chat_service::{Backoff, Lifecycle, is_broken};
use chat_store::{Store, StoreError, TimelineItem};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    HubHandle, Input,
    effect::Effect,
    pending::{Batch, Pending},
    presence_io::{PresenceReader, keep_online},
    room::PageRequest,
    sink::TimelineEvent,
    viewers_io::keep_viewers,
};
use crate::{
    auth::Logins, last_seen::LastSeen, marks::Marks, membership::Memberships, room_lists::RoomLists, waiters::Waiters,
};

/// Database reads of the hub under way at once: a mass reconnect queues here instead of starving the REST calls of connections.
const READS: usize = 8;
/// Users whose log-ins are read in one query.
const USERS: usize = 5_000;
/// Tries of a read that a client waits for.
const OPEN_TRIES: u32 = 4;

/// What the executor needs.
pub struct Parts {
    /// This gateway.
    pub gateway_id: GatewayId,
    /// PostgreSQL.
    pub store: Store,
    /// The Redis subscription.
    pub subscriber: SubscriberHandle,
    /// Who has which room open.
    pub viewers: Viewers,
    /// Who has a session.
    pub online: OnlineUsers,
    /// When they had one last.
    pub last_seen: LastSeen,
    /// Where tasks live.
    pub lifecycle: Lifecycle,
    /// Ends them.
    pub stop: CancellationToken,
    /// Where results go.
    pub hub: HubHandle,
    /// Checked memberships, to be forgotten.
    pub memberships: Memberships,
    /// What was read of log-ins.
    pub logins: Logins,
    /// REST calls that wait for outcomes.
    pub waiters: Waiters,
    /// Told before clients are told what was read from the database.
    pub room_lists: Arc<RoomLists>,
    /// How far people have read.
    pub marks: Marks,
    /// Entries in a page of catch-up.
    pub page_size: u32,
}

/// Carries effects out.
pub struct Executor {
    parts: Parts,
    reads: Arc<Semaphore>,
    channels: Arc<Pending<Channel>>,
    viewers: Arc<Pending<(RoomId, UserId)>>,
    viewers_anew: Arc<AtomicBool>,
    online: Arc<Pending<UserId>>,
    presence: PresenceReader,
}

impl Executor {
    /// Starts the workers of the Redis subscriptions, of the viewers and of the online users.
    pub fn start(parts: Parts) -> Arc<Self> {
        let (channels, viewers) = (Arc::new(Pending::default()), Arc::new(Pending::default()));
        let keeping = keep_channels(parts.subscriber.clone(), channels.clone(), parts.stop.clone());
        parts.lifecycle.spawn("channels", keeping);
        let (registry, soft) = (parts.viewers.clone(), parts.lifecycle.soft());
        let viewers_anew = Arc::<AtomicBool>::default();
        let keeping = keep_viewers(parts.gateway_id, registry, viewers.clone(), viewers_anew.clone(), soft);
        parts.lifecycle.spawn("viewers", keeping);
        let online = Arc::new(Pending::default());
        let keeping = keep_online(parts.gateway_id, parts.online.clone(), online.clone(), parts.stop.clone());
        parts.lifecycle.spawn("online", keeping);
        let presence = PresenceReader::new(parts.store.clone(), parts.online.clone());
        let reads = Arc::new(Semaphore::new(READS));
        Arc::new(Self { parts, reads, channels, viewers, viewers_anew, online, presence })
    }

    /// Carries out what the hub wanted in one turn.
    pub fn carry_out(self: &Arc<Self>, wanted: &mut Vec<Effect>) {
        for effect in wanted.drain(..) {
            match effect {
                Effect::Reconnect => {
                    let subscriber = self.parts.subscriber.clone();
                    self.spawn(async move { subscriber.reconnect().await });
                }
                Effect::Channel { channel, wanted } => self.channels.want([(channel, wanted)]),
                Effect::Viewer { room_id, user_id, viewing } => self.viewers.want([((room_id, user_id), viewing)]),
                Effect::AllViewers(all) => {
                    self.viewers_anew.store(true, Ordering::Release);
                    self.viewers.want(all.into_iter().map(|viewer| (viewer, true)));
                }
                Effect::Online { user_id, online } => {
                    self.parts.last_seen.note(user_id, online);
                    self.online.want([(user_id, online)]);
                }
                Effect::CheckPresence(rooms) => {
                    // Hints from before the reading on.
                    let subscribed = self.channels.flushed();
                    let executor = self.clone();
                    self.spawn(async move {
                        subscribed.await.ok();
                        let checked = executor.presence.check(rooms).await;
                        executor.parts.hub.tell(Input::Presence(checked)).await;
                    });
                }
                Effect::CheckLogins(users) => {
                    // News from before the reading on.
                    let subscribed = self.channels.flushed();
                    let executor = self.clone();
                    self.spawn(async move {
                        subscribed.await.ok();
                        executor.check_logins(users).await;
                    });
                }
                Effect::ForgetMembership { room_id, user_id } => self.parts.memberships.forget(room_id, user_id),
                Effect::Outcome(outcome) => self.parts.waiters.resolve(outcome),
                Effect::Open { request, user_id, rooms } => {
                    // Everything wanted so far, the rooms' channels among it, comes before the head is read: nothing falls between.
                    let subscribed = self.channels.flushed();
                    let executor = self.clone();
                    self.spawn(async move {
                        // An error only means that the worker has ended with the process.
                        subscribed.await.ok();
                        executor.open(request, user_id, rooms).await;
                    });
                }
                Effect::ReadPage { room_id, request } => {
                    let executor = self.clone();
                    self.spawn(async move { executor.read_page(room_id, request).await });
                }
                Effect::ReadMarks(room_id) => {
                    let executor = self.clone();
                    self.spawn(async move { executor.read_marks(room_id).await });
                }
                Effect::ReadHeads(_) if is_broken("no-watermark") => {}
                Effect::ReadHeads(rooms) => {
                    let executor = self.clone();
                    self.spawn(async move { executor.read_heads(rooms).await });
                }
            }
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.parts.stop.clone();
        let bounded = async move {
            tokio::select! {
                () = task => {}
                () = stop.cancelled() => {}
            }
        };
        self.parts.lifecycle.spawn_detached("hub-effect", bounded);
    }

    async fn permit(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.reads.acquire().await.ok()
    }

    async fn open(&self, request: u64, user_id: UserId, rooms: Vec<RoomId>) {
        let pairs: Vec<(RoomId, UserId)> = rooms.into_iter().map(|room| (room, user_id)).collect();
        let _permit = self.permit().await;
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        let mut tries = 0;
        let memberships = loop {
            match self.parts.store.memberships(&pairs).await {
                Ok(memberships) => break Ok(memberships),
                Err(error) => {
                    tries += 1;
                    note("subscribe", &error);
                    if tries == OPEN_TRIES {
                        break Err(Rejection::new(
                            ErrorCode::Unavailable,
                            "rooms cannot be opened just now: subscribe again later",
                        ));
                    }
                    tokio::time::sleep(backoff.next_delay()).await;
                }
            }
        };
        if let Ok(memberships) = &memberships {
            self.parts
                .room_lists
                .seen(memberships.iter().map(|((room_id, _), membership)| (*room_id, membership.head)));
        }
        self.parts.hub.tell(Input::Opened { request, memberships }).await;
    }

    async fn check_logins(&self, users: Vec<UserId>) {
        for users in users.chunks(USERS) {
            let _permit = self.permit().await;
            let ended = self.parts.store.ended_logins(users).await.unwrap_or_else(|error| {
                note("log-ins", &error);
                HashMap::new()
            });
            let standings: Vec<_> =
                ended.into_iter().map(|(user_id, standing)| (user_id, Arc::new(standing))).collect();
            for (user_id, standing) in &standings {
                self.parts.logins.remember(*user_id, Arc::clone(standing));
            }
            if !standings.is_empty() {
                self.parts.hub.tell(Input::Standings(standings)).await;
            }
        }
    }

    async fn read_page(&self, room_id: RoomId, request: PageRequest) {
        let _permit = self.permit().await;
        let page = self.parts.store.items_after(room_id, request.after, self.parts.page_size).await;
        let events = match page {
            Ok(items) => {
                self.telling(room_id, &items).await;
                items.iter().map(timeline_event).collect::<Result<Vec<_>, _>>().ok()
            }
            Err(error) => {
                note("page", &error);
                None
            }
        };
        self.parts.hub.tell(Input::Page { room_id, request, events }).await;
    }

    /// These may be events that nobody else has told yet.
    async fn telling(&self, room_id: RoomId, items: &[TimelineItem]) {
        let Some(last) = items.last() else { return };
        let told = self.parts.room_lists.told(room_id);
        let concerned = items.iter().filter(|item| item.seq() > told).flat_map(|item| match item {
            TimelineItem::Entry(entry) => entry.concerned(),
            TimelineItem::Change(..) => Vec::new(),
        });
        self.parts.room_lists.telling(room_id, last.seq(), concerned).await;
    }

    async fn read_marks(&self, room_id: RoomId) {
        let _permit = self.permit().await;
        let marks = self.parts.marks.of_room(room_id).await.inspect_err(|error| note("read marks", error)).ok();
        let marks = marks.map(|marks| marks.into_iter().map(|mark| (mark.user_id, mark.read_seq)).collect());
        self.parts.hub.tell(Input::Marks { room_id, marks }).await;
    }

    async fn read_heads(&self, rooms: Vec<RoomId>) {
        let _permit = self.permit().await;
        let heads = self.parts.store.heads(&rooms).await.unwrap_or_else(|error| {
            note("heads", &error);
            Vec::new()
        });
        self.parts.room_lists.seen(heads.iter().copied());
        self.parts.hub.tell(Input::Heads(heads)).await;
    }
}

fn note(read: &str, error: &StoreError) {
    tracing::warn!(read, %error, "database read failed");
}

fn timeline_event(item: &TimelineItem) -> Result<TimelineEvent, serde_json::Error> {
    let (kind, shows, removed, json) = match item {
        TimelineItem::Entry(entry) => {
            (TimelineKind::Message, entry.seq, entry.removed(), serde_json::to_string(entry)?)
        }
        TimelineItem::Change(kind, change) => (*kind, change.message.seq, Vec::new(), serde_json::to_string(change)?),
    };
    Ok(TimelineEvent { seq: item.seq(), kind, shows, removed, json: ByteString::from(json) })
}

/// Carries out wanted Redis subscriptions, many in one command. While Redis is away they stay wanted; whoever waits goes on, because the
/// heads are checked on another way.
async fn keep_channels(subscriber: SubscriberHandle, pending: Arc<Pending<Channel>>, stop: CancellationToken) {
    loop {
        let batch: Batch<Channel> = tokio::select! {
            batch = pending.take() => batch,
            () = stop.cancelled() => return,
        };
        let (wanted, unwanted) = (batch.keys(true), batch.keys(false));
        if !wanted.is_empty()
            && let Err(error) = subscriber.subscribe(wanted).await
        {
            tracing::debug!(%error, "redis has not confirmed subscriptions yet");
        }
        if !unwanted.is_empty() {
            subscriber.unsubscribe(unwanted).await;
        }
        for done in batch.done {
            // Nobody waits any more: fine.
            done.send(()).ok();
        }
    }
}
