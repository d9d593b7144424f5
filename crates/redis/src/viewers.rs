//! Who has which room open. Entries count only while the lease of their gateway lives, so a killed gateway leaves nothing behind.

use std::collections::{HashMap, HashSet};

use chat_protocol::{
    GatewayId, RoomId, UserId,
    redis_key::{self, GATEWAY_LEASE, VIEWERS_TTL},
};
use redis::Pipeline;

use crate::{RedisError, RedisPool};

/// Told in one pipeline: the wait for its answer is short, and after a reconnect a gateway tells all its viewers.
const VIEWERS_PER_PIPELINE: usize = 1_000;

/// The registry; clones share its pool.
#[derive(Clone)]
pub struct Viewers {
    pool: RedisPool,
}

impl Viewers {
    /// Keeps it in this Redis.
    pub fn new(pool: RedisPool) -> Self {
        Self { pool }
    }

    /// Says that the gateway lives, every [`redis_key::GATEWAY_LEASE_RENEWAL`].
    pub async fn renew_lease(&self, gateway: GatewayId) -> Result<(), RedisError> {
        let key = self.pool.keys().gateway_lease(gateway);
        self.pool.run(redis::pipe().set_ex(key, 1, GATEWAY_LEASE.as_secs()).ignore()).await
    }

    /// Says that the gateway is gone, and all its viewers with it.
    pub async fn drop_lease(&self, gateway: GatewayId) -> Result<(), RedisError> {
        self.pool.run(redis::pipe().del(self.pool.keys().gateway_lease(gateway)).ignore()).await
    }

    /// These users have these rooms open on the gateway.
    pub async fn add(&self, gateway: GatewayId, viewers: &[(RoomId, UserId)]) -> Result<(), RedisError> {
        let ttl = i64::try_from(VIEWERS_TTL.as_secs()).unwrap_or(i64::MAX);
        for viewers in viewers.chunks(VIEWERS_PER_PIPELINE) {
            let mut pipeline = Pipeline::with_capacity(viewers.len() * 2);
            for (room, user) in viewers {
                let key = self.pool.keys().room_viewers(*room);
                pipeline.sadd(&key, redis_key::viewer(gateway, *user)).ignore().expire(&key, ttl).ignore();
            }
            self.pool.run(&pipeline).await?;
        }
        Ok(())
    }

    /// These users have closed these rooms on the gateway.
    pub async fn remove(&self, gateway: GatewayId, viewers: &[(RoomId, UserId)]) -> Result<(), RedisError> {
        for viewers in viewers.chunks(VIEWERS_PER_PIPELINE) {
            let mut pipeline = Pipeline::with_capacity(viewers.len());
            for (room, user) in viewers {
                pipeline.srem(self.pool.keys().room_viewers(*room), redis_key::viewer(gateway, *user)).ignore();
            }
            self.pool.run(&pipeline).await?;
        }
        Ok(())
    }

    /// Who has the rooms open, on any living gateway. What dead gateways left is removed on the way.
    pub async fn viewers(&self, rooms: &[RoomId]) -> Result<HashMap<RoomId, HashSet<UserId>>, RedisError> {
        let mut viewers: HashMap<RoomId, HashSet<UserId>> = rooms.iter().map(|room| (*room, HashSet::new())).collect();
        if rooms.is_empty() {
            return Ok(viewers);
        }
        let mut connection = self.pool.connection().await?;
        let mut members = Pipeline::with_capacity(rooms.len());
        for room in rooms {
            members.smembers(self.pool.keys().room_viewers(*room));
        }
        let members: Vec<Vec<String>> = members.query_async(&mut connection).await?;
        let parse = |member: &String| redis_key::parse_viewer(member).map(|(gateway, _)| gateway);
        let gateways: Vec<GatewayId> =
            members.iter().flatten().filter_map(parse).collect::<HashSet<_>>().into_iter().collect();
        let mut leases = Pipeline::with_capacity(gateways.len());
        for gateway in &gateways {
            leases.exists(self.pool.keys().gateway_lease(*gateway));
        }
        let leased: Vec<bool> =
            if gateways.is_empty() { Vec::new() } else { leases.query_async(&mut connection).await? };
        let alive: HashSet<GatewayId> =
            gateways.into_iter().zip(leased).filter_map(|(gateway, leased)| leased.then_some(gateway)).collect();

        let mut dead = Pipeline::new();
        for (room, members) in rooms.iter().zip(members) {
            for member in members {
                match redis_key::parse_viewer(&member) {
                    Some((gateway, user)) if alive.contains(&gateway) => {
                        viewers.entry(*room).or_default().insert(user);
                    }
                    _ => {
                        dead.srem(self.pool.keys().room_viewers(*room), member).ignore();
                    }
                }
            }
        }
        if !dead.is_empty() {
            dead.exec_async(&mut connection).await?;
        }
        Ok(viewers)
    }
}
