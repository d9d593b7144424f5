//! Presence as it stands in Redis: this gateway's users are told there, and read are the members of rooms that somebody watches.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chat_protocol::{GatewayId, RoomId, UserId, redis_key::ONLINE_RENEWAL};
use chat_redis::{OnlineUsers, RedisError};
use chat_store::Store;
use jiff::Timestamp;
use tokio::{sync::Semaphore, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{
    pending::Pending,
    presence::{Checked, Unread},
    watched::{Check, Found, Scope},
};
use crate::pause::Pause;

/// Users who come and go are told to Redis at most this often.
const TOLD_EVERY: Duration = Duration::from_millis(100);
/// A check does not wait longer for when its users were last seen: they are told as offline without it.
const SEEN_WITHIN: Duration = Duration::from_secs(1);
/// Nor longer for who is a member: those known so far are checked without.
const MEMBERS_WITHIN: Duration = Duration::from_secs(5);
/// Checks under way at once; what clients wait for comes first.
const CHECKS: usize = 2;

/// Reads who is online.
pub struct PresenceReader {
    store: Store,
    online: OnlineUsers,
    permits: Semaphore,
    pause: Pause,
}

impl PresenceReader {
    /// A reader of both.
    pub fn new(store: Store, online: OnlineUsers) -> Self {
        Self { store, online, permits: Semaphore::new(CHECKS), pause: Pause::default() }
    }

    /// Checks rooms, all in one go.
    pub async fn check(&self, rooms: Vec<(RoomId, Check)>) -> Vec<Checked> {
        let _permit = self.permits.acquire().await.ok();
        let asked: Vec<(RoomId, bool)> =
            rooms.iter().map(|(room_id, check)| (*room_id, check.scope == Scope::All)).collect();
        let mut read = self.read(rooms).await;
        let checked = |(room_id, all)| {
            let found = match &mut read {
                Ok(read) => read.remove(&room_id).ok_or(Unread::Members),
                Err(_) => Err(Unread::Online),
            };
            Checked { room_id, all, found }
        };
        asked.into_iter().map(checked).collect()
    }

    /// Without the rooms whose members could not be read.
    async fn read(&self, rooms: Vec<(RoomId, Check)>) -> Result<HashMap<RoomId, HashMap<UserId, Found>>, RedisError> {
        let whole = |(room_id, check): &(RoomId, Check)| (check.scope == Scope::All).then_some(*room_id);
        let whole: Vec<RoomId> = rooms.iter().filter_map(whole).collect();
        let mut members: HashMap<RoomId, Vec<UserId>> = HashMap::new();
        if !whole.is_empty() {
            let (store, asked) = (self.store.clone(), whole.clone());
            let read = async move { store.members_of(&asked).await };
            match self.pause.postgres(MEMBERS_WITHIN, read).await {
                Ok(mut read) => {
                    let users = |rows: Vec<(UserId, i64)>| rows.into_iter().map(|(user, _)| user).collect();
                    // A room without members is not in the answer.
                    let rows = whole.into_iter().map(|room_id| (room_id, read.remove(&room_id).unwrap_or_default()));
                    members.extend(rows.map(|(room_id, rows)| (room_id, users(rows))));
                }
                Err(error) => tracing::warn!(%error, "members not read for their presence"),
            }
        }
        let mut going = HashSet::new();
        for (room_id, check) in rooms {
            going.extend(check.going);
            if let Scope::Users(users) = check.scope {
                members.insert(room_id, users);
            }
        }
        let users: HashSet<UserId> = members.values().flatten().copied().collect();
        let users: Vec<UserId> = users.into_iter().collect();
        let online = self.online.online(&users).await;
        let online = online.inspect_err(|error| tracing::debug!(%error, "presence not read"))?.unwrap_or_default();
        let seen = self.seen(going.difference(&online).copied().collect()).await;
        let found = |user: &UserId| {
            if online.contains(user) { Found::Here } else { Found::Away(seen.get(user).copied()) }
        };
        let found = |users: Vec<UserId>| users.into_iter().map(|user| (user, found(&user))).collect();
        Ok(members.into_iter().map(|(room_id, users)| (room_id, found(users))).collect())
    }

    /// When users were last seen, as far as PostgreSQL says it soon.
    async fn seen(&self, users: Vec<UserId>) -> HashMap<UserId, Timestamp> {
        if users.is_empty() {
            return HashMap::new();
        }
        let store = self.store.clone();
        let seen = self.pause.postgres(SEEN_WITHIN, async move { store.last_seen(&users).await }).await;
        seen.inspect_err(|error| tracing::debug!(%error, "told as offline without a time")).unwrap_or_default()
    }
}

/// Tells Redis who has a session here, in batches, and that this gateway lives. At the end, when its sessions have left, it says that it is
/// gone.
pub async fn keep_online(
    gateway_id: GatewayId,
    online: OnlineUsers,
    pending: Arc<Pending<UserId>>,
    stop: CancellationToken,
) {
    let mut here = HashSet::new();
    // How many connections had been made when Redis was told of all who are here: over another one it may be a Redis of before, with people
    // who have left since. `None`: not all is told.
    let mut told_by = None;
    let mut renewal = tokio::time::interval(ONLINE_RENEWAL);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = renewal.tick() => {
                if let Err(error) = renew(gateway_id, &online, &here, &mut told_by).await {
                    tracing::debug!(%error, "online users not renewed");
                }
            }
            batch = pending.take() => {
                for (user, came) in &batch.changes {
                    if *came { here.insert(*user) } else { here.remove(user) };
                }
                if let Err(error) = online.update(gateway_id, &batch.keys(true), &batch.keys(false)).await {
                    tracing::debug!(%error, "online users not told");
                    told_by = None;
                    pending.put_back(batch.changes);
                }
                tokio::time::sleep(TOLD_EVERY).await;
            }
        }
    }
    let last: Vec<UserId> = here.into_iter().collect();
    if let Err(error) = online.remove_gateway(gateway_id, &last).await {
        tracing::debug!(%error, "online users not removed");
    }
}

async fn renew(
    gateway_id: GatewayId,
    online: &OnlineUsers,
    here: &HashSet<UserId>,
    told_by: &mut Option<u64>,
) -> Result<(), RedisError> {
    let there = online.renew(gateway_id).await?;
    let made = online.connections_made();
    if there == here.len() && *told_by == Some(made) {
        return Ok(());
    }
    tracing::debug!(
        users = here.len(),
        there,
        "redis may not have the online users of this gateway: telling them anew"
    );
    *told_by = None;
    let users: Vec<UserId> = here.iter().copied().collect();
    online.replace(gateway_id, &users).await?;
    *told_by = Some(made);
    Ok(())
}
