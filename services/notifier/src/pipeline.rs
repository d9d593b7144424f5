//! The loop: `chat-events` → decode → webhooks queued → news per room → members (PostgreSQL) − viewers (Redis) → user channels → offsets.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use chat_kafka::{Consumer, DeadLetters, Record};
use chat_protocol::{Entry, ErrorCode, RoomId, UserId, push::UserPush, redis_key::Channel};
use chat_redis::{Outdated, RedisPool, RoomListCache, Viewers};
use chat_service::{Backoff, Patience, fail_point, retry_forever};
use chat_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    audience, decode,
    error::Error,
    metrics::Metrics,
    news::{self, RoomNews},
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
    pub room_lists: RoomListCache,
    pub webhooks: Webhooks,
    pub dead_letters: DeadLetters,
    pub metrics: Metrics,
    pub patience: Patience,
    /// Ends the wait for PostgreSQL.
    pub hard_stop: CancellationToken,
}

type Members = HashMap<RoomId, Vec<(UserId, i64)>>;

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
        let news = news::by_room(messages);
        // Whoever is told looks at the room list next, and this service may be ahead of the broadcaster. What fails here is tried again
        // before anybody is told.
        self.patience.attempt(|| self.room_lists.settle()).await;
        fail_point("notifier.before-publish").await;
        for rooms in news.chunks(ROOMS_AT_ONCE) {
            match self.members_of(rooms).await? {
                Ok(members) => self.tell(rooms, &members).await?,
                Err(error) => self.give_up(records, rooms, &error).await?,
            }
        }
        fail_point("notifier.published").await;
        timer.observe_duration();
        Ok(())
    }

    async fn decode(&self, records: &[Record]) -> Result<Vec<Entry>, Error> {
        let mut messages = Vec::with_capacity(records.len());
        let mut outdated = Outdated::default();
        let mut hooks = webhooks::Batch::default();
        for (place, record) in records.iter().enumerate() {
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

    /// The members, or the error that no repetition heals; everything else is repeated for as long as it takes.
    async fn members_of(&self, rooms: &[RoomNews]) -> Result<Result<Members, StoreError>, Error> {
        let ids: Vec<RoomId> = rooms.iter().map(|room| room.room_id).collect();
        let attempt = || async {
            match self.store.members_of(&ids).await {
                Err(error) if !error.is_permanent() => Err(error),
                settled => Ok(settled),
            }
        };
        retry_forever("postgres", &self.hard_stop, Backoff::default(), attempt).await.ok_or(Error::Stopped)
    }

    /// Dead letters of the rooms whose members PostgreSQL will never tell.
    async fn give_up(&self, records: &[Record], rooms: &[RoomNews], error: &StoreError) -> Result<(), Error> {
        let rooms: HashSet<String> = rooms.iter().map(|room| room.room_id.to_string()).collect();
        for record in records.iter().filter(|record| record.key_str().is_some_and(|key| rooms.contains(key))) {
            // Others of these rooms' records are no news, or dead letters already.
            if let Ok(Some(_)) = decode::message(record) {
                self.dead_letters.send(record, ErrorCode::Poison.as_str(), &error.to_string()).await?;
            }
        }
        Ok(())
    }

    /// Publishes to everybody concerned, or gives up while Redis stays away.
    async fn tell(&mut self, rooms: &[RoomNews], members: &Members) -> Result<(), Error> {
        let ids: Vec<RoomId> = rooms.iter().map(|room| room.room_id).collect();
        if self.patience.attempt(|| self.room_lists.settle()).await.is_none() {
            self.metrics.rooms_dropped.inc_by(rooms.len() as u64);
            return Ok(());
        }
        let Some(viewers) = self.patience.attempt(|| self.viewers.viewers(&ids)).await else {
            self.metrics.rooms_dropped.inc_by(rooms.len() as u64);
            return Ok(());
        };
        let pushes = pushes(rooms, members, &viewers)?;
        for some in pushes.chunks(PUBLISHES_AT_ONCE) {
            if self.patience.attempt(|| self.redis.publish_all(some)).await.is_none() {
                self.metrics.rooms_dropped.inc_by(rooms.len() as u64);
                return Ok(());
            }
            self.metrics.notifications.inc_by(some.len() as u64);
        }
        Ok(())
    }
}

/// One publish per recipient; a notification's bytes are shared by all who get it.
fn pushes(
    rooms: &[RoomNews],
    members: &Members,
    viewers: &HashMap<RoomId, HashSet<UserId>>,
) -> Result<Vec<(Channel, Bytes)>, serde_json::Error> {
    let (no_members, no_viewers) = (Vec::new(), HashSet::new());
    let mut pushes = Vec::new();
    for news in rooms {
        let members = members.get(&news.room_id).unwrap_or(&no_members);
        let viewers = viewers.get(&news.room_id).unwrap_or(&no_viewers);
        for announcement in audience::announcements(news, members, viewers) {
            let payload = Bytes::from(serde_json::to_vec(&UserPush::Notification(announcement.notification))?);
            pushes.extend(announcement.recipients.into_iter().map(|user| (Channel::User(user), payload.clone())));
        }
    }
    Ok(pushes)
}
