//! Who has an open session, on any gateway. Each gateway has a set of its own users, which lives only while the gateway renews it: a killed
//! gateway leaves nothing behind.

use std::collections::HashSet;

use chat_protocol::{
    GatewayId, UserId,
    push::PresenceHint,
    redis_key::{Channel, ONLINE_TTL},
};
use redis::{AsyncCommands as _, Pipeline, Script};

use crate::{RedisError, RedisPool};

/// Users named in one command, and in one hint.
const USERS_PER_COMMAND: usize = 1_000;

/// Forgets a gateway without users, unless it has some again: one step, because the gateway may register just now.
const FORGET_GATEWAY: &str = "if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], ARGV[1]) end";

/// The registry; clones share its pool.
#[derive(Clone)]
pub struct OnlineUsers {
    pool: RedisPool,
}

impl OnlineUsers {
    /// Keeps it in this Redis.
    pub fn new(pool: RedisPool) -> Self {
        Self { pool }
    }

    /// These users came to the gateway, those went; both are told on [`Channel::Presence`], after the fact.
    pub async fn update(&self, gateway: GatewayId, came: &[UserId], went: &[UserId]) -> Result<(), RedisError> {
        let keys = self.pool.keys();
        let (online, gateways) = (keys.online_users(gateway), keys.gateways());
        for users in came.chunks(USERS_PER_COMMAND) {
            let mut pipeline = Pipeline::new();
            pipeline.sadd(&online, names(users)).ignore().expire(&online, ttl()).ignore();
            pipeline.sadd(&gateways, gateway.to_string()).ignore();
            self.hint(&mut pipeline, users);
            self.pool.run(&pipeline).await?;
        }
        for users in went.chunks(USERS_PER_COMMAND) {
            let mut pipeline = Pipeline::new();
            pipeline.srem(&online, names(users)).ignore();
            self.hint(&mut pipeline, users);
            self.pool.run(&pipeline).await?;
        }
        Ok(())
    }

    /// The gateway lives, every [`chat_protocol::redis_key::ONLINE_RENEWAL`]. How many users Redis has of it: where that is not what the
    /// gateway has, Redis has lost some, and [`Self::replace`] repairs it.
    pub async fn renew(&self, gateway: GatewayId) -> Result<usize, RedisError> {
        let keys = self.pool.keys();
        let online = keys.online_users(gateway);
        let mut pipeline = Pipeline::new();
        pipeline.expire(&online, ttl()).ignore().sadd(keys.gateways(), gateway.to_string()).ignore().scard(&online);
        let mut connection = self.pool.connection().await?;
        let (count,): (usize,) = pipeline.query_async(&mut connection).await?;
        Ok(count)
    }

    /// How many connections to Redis were made. While it stays the same Redis has what it was told, unless it lost it.
    pub fn connections_made(&self) -> u64 {
        self.pool.connections_made()
    }

    /// Exactly these users are on the gateway. None of them seems to be gone meanwhile.
    pub async fn replace(&self, gateway: GatewayId, users: &[UserId]) -> Result<(), RedisError> {
        self.update(gateway, users, &[]).await?;
        let mut connection = self.pool.connection().await?;
        let listed: Vec<String> = connection.smembers(self.pool.keys().online_users(gateway)).await?;
        let here: HashSet<UserId> = users.iter().copied().collect();
        let gone = listed.iter().filter_map(|name| name.parse().ok()).filter(|user| !here.contains(user));
        self.update(gateway, &[], &gone.collect::<Vec<_>>()).await
    }

    /// The gateway has ended, and these users, the last on it, are gone from it.
    pub async fn remove_gateway(&self, gateway: GatewayId, users: &[UserId]) -> Result<(), RedisError> {
        let keys = self.pool.keys();
        let mut pipeline = Pipeline::new();
        pipeline.del(keys.online_users(gateway)).ignore().srem(keys.gateways(), gateway.to_string()).ignore();
        for users in users.chunks(USERS_PER_COMMAND) {
            self.hint(&mut pipeline, users);
        }
        self.pool.run(&pipeline).await
    }

    /// Which of the users are online, on any living gateway. Dead gateways are forgotten on the way. `None` when no gateway that lives has
    /// users: either there is nobody, or Redis has lost them all, or was away for longer than their leases.
    pub async fn online(&self, users: &[UserId]) -> Result<Option<HashSet<UserId>>, RedisError> {
        let mut online = HashSet::new();
        if users.is_empty() {
            return Ok(Some(online));
        }
        let keys = self.pool.keys();
        let mut connection = self.pool.connection().await?;
        let listed: Vec<String> = connection.smembers(keys.gateways()).await?;
        let gateways: Vec<GatewayId> = listed.iter().filter_map(|name| name.parse().ok()).collect();
        if gateways.is_empty() {
            return Ok(None);
        }
        for users in users.chunks(USERS_PER_COMMAND) {
            let names = names(users);
            let mut pipeline = Pipeline::with_capacity(gateways.len());
            for gateway in &gateways {
                pipeline.cmd("SMISMEMBER").arg(keys.online_users(*gateway)).arg(&names);
            }
            let there: Vec<Vec<bool>> = pipeline.query_async(&mut connection).await?;
            for there in there {
                online.extend(users.iter().zip(there).filter_map(|(user, there)| there.then_some(*user)));
            }
        }
        let mut alive = Pipeline::with_capacity(gateways.len());
        for gateway in &gateways {
            alive.exists(keys.online_users(*gateway));
        }
        let alive: Vec<bool> = alive.query_async(&mut connection).await?;
        let any = alive.contains(&true);
        for (gateway, _) in gateways.iter().zip(alive).filter(|(_, alive)| !alive) {
            let script = Script::new(FORGET_GATEWAY);
            let mut forget = script.key(keys.online_users(*gateway));
            forget.key(keys.gateways()).arg(gateway.to_string());
            forget.invoke_async::<()>(&mut connection).await?;
        }
        Ok(any.then_some(online))
    }

    fn hint(&self, pipeline: &mut Pipeline, users: &[UserId]) {
        let hint = PresenceHint { user_ids: users.to_vec() };
        // Plain ids cannot fail; without a hint the next full check finds out.
        if let Ok(payload) = serde_json::to_vec(&hint) {
            pipeline.publish(self.pool.keys().channel(Channel::Presence), payload).ignore();
        }
    }
}

fn ttl() -> i64 {
    i64::try_from(ONLINE_TTL.as_secs()).unwrap_or(i64::MAX)
}

fn names(users: &[UserId]) -> Vec<String> {
    users.iter().map(ToString::to_string).collect()
}
