//! The loop: `chat-events` → decode → webhooks queued → news per room → members (PostgreSQL) − viewers (Redis) → pushes queued → user
//! channels; read marks → pushes taken back; offsets.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use chat_kafka::{Consumer, DeadLetters, Record};
use chat_protocol::{Entry, ErrorCode, RoomId, UserId, push::UserPush, redis_key::Channel};
use chat_redis::{OnlineUsers, Outdated, RedisPool, RoomListCache, Viewers};
use chat_service::{Clock, Patience, fail_point};
use chat_store::{Listeners, ReadUpTo, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    audience::{self, Announcement},
    decode,
    error::Error,
    metrics::Metrics,
    news::{self, RoomNews},
    persist::persist,
    web_push::{PushQueue, farthest},
    webhooks::{self, Webhooks},
};

/// Rooms looked up and told at once. Bounds memory: a room has up to [`chat_protocol::limits::ROOM_MEMBERS`] members.
const ROOMS_AT_ONCE: usize = 50;
/// Publishes in one pipeline: what Redis has to answer within one time limit.
const PUBLISHES_AT_ONCE: usize = 1_000;

/// What the loop works with.
pub struct Pipeline {
    pub store: Store,
    pub redis: RedisPool,
    pub viewers: Viewers,
    pub online: OnlineUsers,
    /// Where pushes wait; `None`: nothing is pushed.
    pub queue: Option<PushQueue>,
    /// Name of the topic with read marks.
    pub read_events: String,
    pub room_lists: RoomListCache,
    pub webhooks: Webhooks,
    pub dead_letters: DeadLetters,
    pub metrics: Metrics,
    pub patience: Patience,
    pub clock: Arc<dyn Clock>,
    /// Ends the wait for PostgreSQL.
    pub hard_stop: CancellationToken,
}

type Members = HashMap<RoomId, Listeners>;

/// Runs until the consumer is told to stop. An error ends the process.
pub async fn run(mut consumer: Consumer, mut pipeline: Pipeline) -> Result<(), Error> {
    let ended = pipeline.consume(&mut consumer).await;
    consumer.close().await;
    ended
}

impl Pipeline {
    async fn consume(&mut self, consumer: &mut Consumer) -> Result<(), Error> {
        while let Some(batch) = consumer.next_batch().await? {
            let span = tracing::debug_span!("notifier.batch", records = batch.records.len());
            // Boxed, because the database client's futures are large.
            let work = Box::pin(self.process(&batch.records).instrument(span));
            let Some(processed) = consumer.hold(work).await else { break };
            processed?;
            consumer.done(&batch);
        }
        Ok(())
    }

    async fn process(&mut self, records: &[Record]) -> Result<(), Error> {
        let timer = self.metrics.batch_seconds.start_timer();
        let messages = self.decode(records).await?;
        self.metrics.messages.inc_by(messages.len() as u64);
        let of_senders: Vec<ReadUpTo> = messages.iter().map(decode::mark_of_sender).collect();
        let news = news::by_room(messages);
        // Whoever is told looks at the room list next, and this service may be ahead of the broadcaster. What fails here is tried again
        // before anybody is told.
        self.patience.attempt(|| self.room_lists.settle()).await;
        fail_point("notifier.before-publish").await;
        for rooms in news.chunks(ROOMS_AT_ONCE) {
            let told = match self.members_of(rooms).await? {
                Ok(members) => self.tell(rooms, &members).await?,
                Err(error) => Err(error),
            };
            if let Err(error) = told {
                self.give_up(records, rooms, &error).await?;
            }
        }
        // After the messages: what of them was read is not pushed.
        self.take_back(records, of_senders).await?;
        fail_point("notifier.published").await;
        timer.observe_duration();
        Ok(())
    }

    async fn decode(&self, records: &[Record]) -> Result<Vec<Entry>, Error> {
        let mut messages = Vec::with_capacity(records.len());
        let mut outdated = Outdated::default();
        let mut hooks = webhooks::Batch::default();
        let is_event = |(_, record): &(usize, &Record)| *record.topic != *self.read_events;
        for (place, record) in records.iter().enumerate().filter(is_event) {
            let event = decode::event(record).inspect(|event| outdated.add_event(event));
            let event = event.and_then(|event| self.webhooks.add(&mut hooks, place, &event).map(|()| event));
            match event.and_then(decode::news) {
                Ok(message) => messages.extend(message),
                Err(reason) => self.dead_letters.send(record, ErrorCode::Poison.as_str(), &reason).await?,
            }
        }
        self.room_lists.owe(outdated);
        let (refused, reason) = self.webhooks.queue(hooks, &self.hard_stop).await?;
        for place in refused {
            self.dead_letters.send(&records[place], ErrorCode::Poison.as_str(), &reason).await?;
        }
        Ok(messages)
    }

    /// The members, with all that decides what they are told.
    async fn members_of(&self, rooms: &[RoomNews]) -> Result<Result<Members, StoreError>, Error> {
        let ids: Vec<RoomId> = rooms.iter().map(|room| room.room_id).collect();
        persist(&self.hard_stop, || self.store.listeners_of(&ids)).await
    }

    /// Dead letters of the rooms whose members PostgreSQL will never tell.
    async fn give_up(&self, records: &[Record], rooms: &[RoomNews], error: &StoreError) -> Result<(), Error> {
        let rooms: HashSet<String> = rooms.iter().map(|room| room.room_id.to_string()).collect();
        let theirs = |record: &&Record| {
            *record.topic != *self.read_events && record.key_str().is_some_and(|key| rooms.contains(key))
        };
        for record in records.iter().filter(theirs) {
            // Others of these rooms' records are no news, or dead letters already.
            if let Ok(Some(_)) = decode::message(record) {
                self.dead_letters.send(record, ErrorCode::Poison.as_str(), &error.to_string()).await?;
            }
        }
        Ok(())
    }

    /// Queues pushes and publishes to everybody concerned; the latter is given up while Redis stays away.
    async fn tell(&mut self, rooms: &[RoomNews], members: &Members) -> Result<Result<(), StoreError>, Error> {
        let ids: Vec<RoomId> = rooms.iter().map(|room| room.room_id).collect();
        let viewers = match self.patience.attempt(|| self.room_lists.settle()).await {
            Some(()) => self.patience.attempt(|| self.viewers.viewers(&ids)).await,
            None => None,
        };
        let announcements = self.announcements(rooms, members, viewers.as_ref());
        if let Err(error) = self.queue(&announcements, viewers.is_some()).await? {
            return Ok(Err(error));
        }
        if viewers.is_none() || !self.publish(announcements).await? {
            self.metrics.rooms_dropped.inc_by(rooms.len() as u64);
        }
        Ok(Ok(()))
    }

    /// What is told to whom; while nobody knows who looks, to all.
    fn announcements(
        &self,
        rooms: &[RoomNews],
        members: &Members,
        viewers: Option<&HashMap<RoomId, HashSet<UserId>>>,
    ) -> Vec<Announcement> {
        let (no_members, no_viewers, now) = (Listeners::default(), HashSet::new(), self.clock.now());
        let of_room = |news: &RoomNews| {
            let viewers = viewers.and_then(|viewers| viewers.get(&news.room_id)).unwrap_or(&no_viewers);
            audience::announcements(news, members.get(&news.room_id).unwrap_or(&no_members), viewers, now)
        };
        rooms.iter().flat_map(of_room).collect()
    }

    /// Stores pushes for those who have devices and no session; while nobody knows who has, for all who have devices, a little later.
    async fn queue(&mut self, announcements: &[Announcement], redis: bool) -> Result<Result<(), StoreError>, Error> {
        let Some(queue) = &self.queue else { return Ok(Ok(())) };
        let with_devices = match persist(&self.hard_stop, || queue.with_devices(announcements)).await? {
            Ok(users) if !users.is_empty() => users,
            settled => return Ok(settled.map(drop)),
        };
        let users: Vec<UserId> = with_devices.iter().copied().collect();
        // Redis may be back without those whose leases ended while it was away.
        let online = if redis { self.patience.attempt(|| self.online.online(&users)).await.flatten() } else { None };
        let pushes = queue.pushes(announcements, &with_devices, online.as_ref());
        persist(&self.hard_stop, || queue.store(&pushes, online.is_some())).await
    }

    /// One publish per recipient; `false` when Redis stays away.
    async fn publish(&mut self, announcements: Vec<Announcement>) -> Result<bool, Error> {
        let pushes = pushes(announcements)?;
        for some in pushes.chunks(PUBLISHES_AT_ONCE) {
            if self.patience.attempt(|| self.redis.publish_all(some)).await.is_none() {
                return Ok(false);
            }
            self.metrics.notifications.inc_by(some.len() as u64);
        }
        Ok(true)
    }

    /// What is read is not pushed any more, or taken back.
    async fn take_back(&self, records: &[Record], of_senders: Vec<ReadUpTo>) -> Result<(), Error> {
        let Some(queue) = &self.queue else { return Ok(()) };
        let marks = records.iter().filter(|record| *record.topic == *self.read_events).filter_map(decode::mark);
        let marks = farthest(marks.chain(of_senders));
        if let Err(error) = persist(&self.hard_stop, || queue.read(&marks)).await? {
            // No mark can be at fault: all that is in it was parsed.
            tracing::error!(%error, "pushes not taken back");
        }
        Ok(())
    }
}

/// A notification's bytes are shared by all who get it.
fn pushes(announcements: Vec<Announcement>) -> Result<Vec<(Channel, Bytes)>, serde_json::Error> {
    let mut pushes = Vec::new();
    for told in announcements {
        let payload = Bytes::from(serde_json::to_vec(&UserPush::Notification(told.notification))?);
        pushes.extend(told.recipients.into_iter().map(|user| (Channel::User(user), payload.clone())));
    }
    Ok(pushes)
}
