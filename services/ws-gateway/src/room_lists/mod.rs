//! Room lists: put together from the cache in Redis, and from PostgreSQL where the cache has nothing, or is away.
//!
//! The promise: whoever was told of an event (push, outcome, read mark) is never given a list without it. The services that tell drop the
//! parts of the cache that the event made wrong first; so does this gateway ([`RoomLists::telling`]) when it tells what it read from
//! PostgreSQL. Beyond that, no list of this gateway is behind what anybody has seen of the rooms' heads here ([`RoomLists::seen`]).

use std::{collections::HashMap, sync::Arc};

use chat_protocol::{Rejection, RoomId, UserId, limits::ROOMS_LISTED};
use chat_redis::{Outdated, Part, RedisError, RoomListCache};
use chat_store::{OwnRoom, RoomLine, RoomSummary, Store, StoreError};
use moka::sync::Cache;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::Refusal,
    marks::{Marks, ToldMarks},
    metrics::RoomListMetrics,
    pause::Pause,
    single_flight::SingleFlight,
};

/// Lines asked for at once: what Redis has to answer within the limit.
const LINES_AT_ONCE: usize = 250;
/// Rooms of which it is remembered how far they have been seen.
const REMEMBERED: u64 = 200_000;

type List = Result<Arc<Vec<RoomSummary>>, Rejection>;

/// Puts room lists together; one per gateway.
pub struct RoomLists {
    store: Store,
    cache: RoomListCache,
    marks: Marks,
    metrics: RoomListMetrics,
    flights: SingleFlight<UserId, List>,
    /// The highest head of each room that anybody has seen here: a line behind it is outdated.
    seen: Cache<RoomId, i64>,
    /// Up to where this gateway has dropped what the events of a room made wrong.
    told: Cache<RoomId, i64>,
    pause: Pause,
}

/// Parts, and whether all of them came from the cache.
type Found<T> = Option<(T, bool)>;

impl RoomLists {
    /// From this cache and this database.
    pub fn new(store: Store, cache: RoomListCache, marks: Marks, metrics: RoomListMetrics, pause: Pause) -> Self {
        let remembered = || Cache::builder().max_capacity(REMEMBERED).build();
        Self {
            store,
            cache,
            marks,
            metrics,
            flights: SingleFlight::default(),
            seen: remembered(),
            told: remembered(),
            pause,
        }
    }

    /// The user's rooms, latest first.
    pub async fn list(&self, user_id: UserId) -> List {
        let _timer = self.metrics.seconds.start_timer();
        let put_together = async || match self.put_together(user_id).await {
            Ok(rooms) => Ok(Arc::new(rooms)),
            Err(error) => Err(Refusal::from(error).into_rejection()),
        };
        self.flights.run(user_id, put_together).await
    }

    /// Somebody is about to see these heads, as PostgreSQL has them.
    pub fn seen(&self, heads: impl IntoIterator<Item = (RoomId, i64)>) {
        for (room_id, head) in heads {
            if self.seen.get(&room_id).is_none_or(|seen| seen < head) {
                // Whoever comes at the same time may have seen more.
                self.seen.entry(room_id).and_upsert_with(|seen| seen.map_or(head, |seen| seen.into_value().max(head)));
            }
        }
    }

    /// Up to where a room's events were dropped here already: those beyond it are for [`Self::telling`].
    pub fn told(&self, room_id: RoomId) -> i64 {
        self.told.get(&room_id).unwrap_or(0)
    }

    /// Somebody is about to be told of a room's events up to `seq` that Redis may not have brought, and that concern these users.
    pub async fn telling(&self, room_id: RoomId, seq: i64, concerned: impl IntoIterator<Item = UserId>) {
        self.seen([(room_id, seq)]);
        if self.told(room_id) >= seq {
            return;
        }
        let mut outdated = Outdated::default();
        outdated.add_rooms([room_id]);
        outdated.add_users(concerned);
        self.drop_outdated(outdated).await;
        self.told.insert(room_id, seq);
    }

    /// The user's name has changed, and with it what others see of the user's rooms. Called after the commit, before anybody is told.
    pub async fn renamed(&self, user_id: UserId) -> Result<(), StoreError> {
        let mut outdated = Outdated::default();
        outdated.add_rooms(self.store.own_rooms(user_id).await?.into_iter().map(|own| own.room_id));
        self.drop_outdated(outdated).await;
        Ok(())
    }

    /// While Redis is away it is remembered, and done before this gateway uses the cache again.
    async fn drop_outdated(&self, outdated: Outdated) {
        if self.redis(self.cache.drop_outdated(&outdated)).await.is_none() {
            self.cache.owe(outdated);
        }
    }

    async fn put_together(&self, user_id: UserId) -> Result<Vec<RoomSummary>, StoreError> {
        // Before all else: what is read of the rooms is then at least as far as the marks.
        let told = self.marks.of_user(user_id).await;
        if let Some((rooms, hit)) = self.by_parts(user_id, &told).await? {
            self.metrics.lists.with_label_values(&[if hit { "hit" } else { "miss" }]).inc();
            return Ok(rooms);
        }
        self.metrics.lists.with_label_values(&["fallback"]).inc();
        let mut rooms = self.store.list_rooms(user_id).await?;
        for room in &mut rooms {
            told.raise_room(room);
        }
        self.seen(rooms.iter().map(|room| (room.room_id, room.head_seq)));
        Ok(rooms)
    }

    /// `None` when the cache is away, when there are too many rooms for it, or when the parts do not go together.
    async fn by_parts(&self, user_id: UserId, told: &ToldMarks) -> Result<Found<Vec<RoomSummary>>, StoreError> {
        if self.redis(self.cache.settle()).await.is_none() {
            return Ok(None);
        }
        let Some((mut own, own_hit)) = self.own_rooms(user_id).await? else { return Ok(None) };
        for own in &mut own {
            told.raise_own(own);
        }
        if own.len() > ROOMS_LISTED {
            return Ok(None);
        }
        let Some((mut lines, lines_hit)) = self.lines(&own).await? else { return Ok(None) };
        let seen = |own: &OwnRoom| lines.remove(&own.room_id)?.seen_by(user_id, own);
        let Some(mut rooms) = own.iter().map(seen).collect::<Option<Vec<_>>>() else { return Ok(None) };
        let latest = |room: &RoomSummary| room.last_entry.as_ref().map(|entry| entry.sent_at);
        rooms.sort_by(|a, b| latest(b).cmp(&latest(a)).then(a.room_id.cmp(&b.room_id)));
        Ok(Some((rooms, own_hit && lines_hit)))
    }

    async fn own_rooms(&self, user_id: UserId) -> Result<Found<Vec<OwnRoom>>, StoreError> {
        let part = Part::Rooms(user_id);
        let Some(mut found) = self.redis(self.cache.read(&[part])).await else { return Ok(None) };
        if let Some(own) = found.pop().flatten().and_then(|json| parse(&json)) {
            return Ok(Some((own, true)));
        }
        // The lease comes first: what is read after it is kept only if nobody was told of anything newer.
        let Some(lease) = self.redis(self.cache.lease(&[part])).await else { return Ok(None) };
        let own = self.store.own_rooms(user_id).await?;
        self.redis(self.cache.keep(&lease, json(part, &own))).await;
        Ok(Some((own, false)))
    }

    async fn lines(&self, own: &[OwnRoom]) -> Result<Found<HashMap<RoomId, RoomLine>>, StoreError> {
        let mut lines = HashMap::with_capacity(own.len());
        let (mut missing, mut outdated) = (Vec::new(), Outdated::default());
        for own in own.chunks(LINES_AT_ONCE) {
            let parts: Vec<Part> = own.iter().map(|own| Part::Line(own.room_id)).collect();
            let Some(found) = self.redis(self.cache.read(&parts)).await else { return Ok(None) };
            for (own, found) in own.iter().zip(found) {
                let needed = own.needs_head().max(self.seen.get(&own.room_id).unwrap_or(0));
                match found.and_then(|json| parse::<RoomLine>(&json)) {
                    Some(line) if line.head_seq >= needed => {
                        lines.insert(own.room_id, line);
                        continue;
                    }
                    Some(_) => outdated.add_rooms([own.room_id]),
                    None => {}
                }
                missing.push(own.room_id);
            }
        }
        if missing.is_empty() {
            return Ok(Some((lines, true)));
        }
        if !outdated.is_empty() && self.redis(self.cache.drop_outdated(&outdated)).await.is_none() {
            return Ok(None);
        }
        let parts: Vec<Part> = missing.iter().copied().map(Part::Line).collect();
        let Some(lease) = self.redis(self.cache.lease(&parts)).await else { return Ok(None) };
        let read = self.store.room_lines(&missing).await?;
        self.seen(read.iter().map(|line| (line.room_id, line.head_seq)));
        let kept = read.iter().filter_map(|line| json(Part::Line(line.room_id), line));
        self.redis(self.cache.keep(&lease, kept)).await;
        lines.extend(read.into_iter().map(|line| (line.room_id, line)));
        Ok(Some((lines, false)))
    }

    async fn redis<T>(&self, call: impl Future<Output = Result<T, RedisError>>) -> Option<T> {
        self.pause.redis("room lists", call).await
    }
}

/// What is not understood was written by another version: as good as not there.
fn parse<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

fn json<T: Serialize>(part: Part, value: &T) -> Option<(Part, Vec<u8>)> {
    serde_json::to_vec(value).ok().map(|json| (part, json))
}
