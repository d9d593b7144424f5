//! Presence as it stands in Redis: this gateway's users are told there, and read are the members of rooms that somebody watches.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chat_protocol::{GatewayId, RoomId, UserId, redis_key::ONLINE_RENEWAL};
use chat_redis::{OnlineUsers, RedisError};
use chat_store::Store;
use tokio::{sync::Semaphore, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{pending::Pending, presence::Checked, watched::Scope};

/// Users who come and go are told to Redis at most this often.
const TOLD_EVERY: Duration = Duration::from_millis(100);
/// Checks under way at once; what clients wait for comes first.
const CHECKS: usize = 2;

/// Reads who is online.
pub struct PresenceReader {
    store: Store,
    online: OnlineUsers,
    permits: Semaphore,
}

impl PresenceReader {
    /// A reader of both.
    pub fn new(store: Store, online: OnlineUsers) -> Self {
        Self { store, online, permits: Semaphore::new(CHECKS) }
    }

    /// Checks rooms, all in one go.
    pub async fn check(&self, rooms: Vec<(RoomId, Scope)>) -> Vec<Checked> {
        let _permit = self.permits.acquire().await.ok();
        let asked: Vec<(RoomId, bool)> =
            rooms.iter().map(|(room_id, scope)| (*room_id, matches!(scope, Scope::All))).collect();
        let mut read = self.read(rooms).await;
        let checked = |(room_id, all)| Checked {
            room_id,
            all,
            online: read.as_mut().map(|read| read.remove(&room_id).unwrap_or_default()),
        };
        asked.into_iter().map(checked).collect()
    }

    async fn read(&self, rooms: Vec<(RoomId, Scope)>) -> Option<HashMap<RoomId, HashMap<UserId, bool>>> {
        let whole = |(room_id, scope): &(RoomId, Scope)| matches!(scope, Scope::All).then_some(*room_id);
        let whole: Vec<RoomId> = rooms.iter().filter_map(whole).collect();
        let mut members: HashMap<RoomId, Vec<UserId>> = HashMap::new();
        if !whole.is_empty() {
            let read = self.store.members_of(&whole).await;
            let read = read.inspect_err(|error| tracing::warn!(%error, "members not read for their presence")).ok()?;
            let users = |rows: Vec<(UserId, i64)>| rows.into_iter().map(|(user, _)| user).collect();
            members.extend(read.into_iter().map(|(room_id, rows)| (room_id, users(rows))));
        }
        members.extend(rooms.into_iter().filter_map(|(room_id, scope)| match scope {
            Scope::All => None,
            Scope::Users(users) => Some((room_id, users)),
        }));
        let users: HashSet<UserId> = members.values().flatten().copied().collect();
        let users: Vec<UserId> = users.into_iter().collect();
        let online = self.online.online(&users).await;
        let online = online.inspect_err(|error| tracing::debug!(%error, "presence not read")).ok()?;
        let status = |users: Vec<UserId>| users.into_iter().map(|user| (user, online.contains(&user))).collect();
        Some(members.into_iter().map(|(room_id, users)| (room_id, status(users))).collect())
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
    let mut renewal = tokio::time::interval(ONLINE_RENEWAL);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = renewal.tick() => {
                if let Err(error) = renew(gateway_id, &online, &here).await {
                    tracing::debug!(%error, "online users not renewed");
                }
            }
            batch = pending.take() => {
                for (user, came) in &batch.changes {
                    if *came { here.insert(*user) } else { here.remove(user) };
                }
                if let Err(error) = online.update(gateway_id, &batch.keys(true), &batch.keys(false)).await {
                    tracing::debug!(%error, "online users not told");
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

async fn renew(gateway_id: GatewayId, online: &OnlineUsers, here: &HashSet<UserId>) -> Result<(), RedisError> {
    if online.renew(gateway_id).await? == here.len() {
        return Ok(());
    }
    tracing::info!(users = here.len(), "redis did not have the online users of this gateway: telling them anew");
    let users: Vec<UserId> = here.iter().copied().collect();
    online.replace(gateway_id, &users).await
}
