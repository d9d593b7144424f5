//! Sessions of users on all gateways: each counts while its gateway renews its lease, so that a killed gateway's are gone after
//! [`SESSIONS_LEASE`].

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use chat_protocol::{
    GatewayId, SessionId, UserId,
    push::{CloseSession, GatewayPush},
    redis_key::{self, Channel, SESSIONS_LEASE, SESSIONS_TTL},
};
use redis::{Pipeline, Script, SetExpiry, SetOptions};

use crate::{RedisError, RedisPool};

/// Sessions told in one command, and closed ones heard in one.
const SESSIONS_PER_COMMAND: usize = 1_000;

/// Counts and admits in one step, so that two that come at once cannot both be the last. `KEYS[1]`: the user's sessions. `ARGV`: the session,
/// its gateway, most sessions, whether the newest stays, what the names of leases and of closed sessions begin with, the life of the list and
/// of closed sessions. Answers when it was admitted (0: not), and the sessions that make room. Sessions of dead gateways are removed on the
/// way; the asking gateway lives.
const ADMIT: &str = "
local alive, live, closed = {[ARGV[2]] = true}, {}, {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local gateway = string.sub(member, 1, 36)
  if alive[gateway] == nil then alive[gateway] = redis.call('EXISTS', ARGV[5] .. gateway) == 1 end
  if not alive[gateway] then
    redis.call('ZREM', KEYS[1], member)
  elseif member ~= ARGV[1] then
    live[#live + 1] = member
  end
end
local surplus = #live - tonumber(ARGV[3]) + 1
if surplus > 0 and ARGV[4] == '0' then return {0, closed} end
for i = 1, surplus do
  local to_close = ARGV[6] .. string.sub(live[i], 1, 36)
  redis.call('ZREM', KEYS[1], live[i])
  redis.call('SADD', to_close, string.sub(live[i], 38))
  redis.call('EXPIRE', to_close, ARGV[8])
  closed[i] = live[i]
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[7])
return {now, closed}";

/// The registry; clones share its pool.
#[derive(Clone)]
pub struct SessionRegistry {
    pool: RedisPool,
    admit: Arc<Script>,
}

/// A session as it is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisteredSession {
    /// Whose.
    pub user_id: UserId,
    /// Which.
    pub session_id: SessionId,
    /// When it was admitted, in microseconds since 1970: the order in which sessions make room.
    pub admitted_at: u64,
}

/// What [`SessionRegistry::renew`] found.
#[derive(Debug, Default)]
pub struct Renewed {
    /// The lease was not there: Redis is new or the gateway was late, and its sessions have to be told anew.
    pub lost: bool,
    /// Sessions that made room for newer ones.
    pub closed: Vec<SessionId>,
}

impl SessionRegistry {
    /// Keeps it in this Redis.
    pub fn new(pool: RedisPool) -> Self {
        Self { pool, admit: Arc::new(Script::new(ADMIT)) }
    }

    /// Admits a session of a user who may have `most`: when, or `None`. With `newest_stays` it is always admitted, and the oldest make room:
    /// their gateways are told at once over their channels, and again by [`Self::renew`], should that be lost.
    pub async fn admit(
        &self,
        gateway: GatewayId,
        user: UserId,
        session: SessionId,
        most: usize,
        newest_stays: bool,
    ) -> Result<Option<u64>, RedisError> {
        let keys = self.pool.keys();
        let mut connection = self.pool.connection().await?;
        let mut admit = self.admit.key(keys.user_sessions(user));
        admit.arg(redis_key::session(gateway, session)).arg(gateway.to_string()).arg(most).arg(u8::from(newest_stays));
        admit.arg(keys.sessions_leases()).arg(keys.closed_sessions_of_all());
        admit.arg(SESSIONS_TTL.as_secs()).arg(SESSIONS_LEASE.as_secs() * 4);
        let (at, closed): (u64, Vec<String>) = admit.invoke_async(&mut connection).await?;
        drop(connection);
        let pushes: Vec<_> = closed.iter().filter_map(|member| close(member)).collect();
        if let Err(error) = self.pool.publish_all(&pushes).await {
            tracing::debug!(%error, "sessions to be closed not told at once");
        }
        Ok((at > 0).then_some(at))
    }

    /// The gateway lives, every [`redis_key::SESSIONS_RENEWAL`]: one round trip, whatever the number of sessions.
    pub async fn renew(&self, gateway: GatewayId) -> Result<Renewed, RedisError> {
        let keys = self.pool.keys();
        let mut pipeline = Pipeline::new();
        let lease = SetOptions::default().with_expiration(SetExpiry::EX(SESSIONS_LEASE.as_secs())).get(true);
        pipeline.set_options(keys.sessions_lease(gateway), 1, lease);
        pipeline.cmd("SPOP").arg(keys.closed_sessions(gateway)).arg(SESSIONS_PER_COMMAND);
        let mut connection = self.pool.connection().await?;
        let (before, closed): (Option<String>, Vec<String>) = pipeline.query_async(&mut connection).await?;
        let closed = closed.iter().filter_map(|session| session.parse().ok()).collect();
        Ok(Renewed { lost: before.is_none(), closed })
    }

    /// These sessions are on the gateway.
    pub async fn add(&self, gateway: GatewayId, sessions: &[RegisteredSession]) -> Result<(), RedisError> {
        let ttl = i64::try_from(SESSIONS_TTL.as_secs()).unwrap_or(i64::MAX);
        for sessions in sessions.chunks(SESSIONS_PER_COMMAND) {
            let mut pipeline = Pipeline::with_capacity(sessions.len() * 2);
            for RegisteredSession { user_id, session_id, admitted_at } in sessions {
                let key = self.pool.keys().user_sessions(*user_id);
                pipeline.zadd(&key, redis_key::session(gateway, *session_id), *admitted_at).ignore();
                pipeline.expire(&key, ttl).ignore();
            }
            self.pool.run(&pipeline).await?;
        }
        Ok(())
    }

    /// These sessions have ended.
    pub async fn remove(&self, gateway: GatewayId, sessions: &[(UserId, SessionId)]) -> Result<(), RedisError> {
        for sessions in sessions.chunks(SESSIONS_PER_COMMAND) {
            let mut pipeline = Pipeline::with_capacity(sessions.len());
            for (user, session) in sessions {
                pipeline.zrem(self.pool.keys().user_sessions(*user), redis_key::session(gateway, *session)).ignore();
            }
            self.pool.run(&pipeline).await?;
        }
        Ok(())
    }

    /// Sessions of the gateway count no longer: it ends.
    pub async fn drop_gateway(&self, gateway: GatewayId) -> Result<(), RedisError> {
        let keys = self.pool.keys();
        let both = [keys.sessions_lease(gateway), keys.closed_sessions(gateway)];
        self.pool.run(redis::pipe().del(&both).ignore()).await
    }

    /// Sessions of a user that count, oldest first, by gateway: for tests and operators.
    pub async fn of_user(&self, user: UserId) -> Result<Vec<(GatewayId, SessionId)>, RedisError> {
        let mut connection = self.pool.connection().await?;
        let keys = self.pool.keys();
        let members: Vec<String> =
            redis::cmd("ZRANGE").arg(keys.user_sessions(user)).arg(0).arg(-1).query_async(&mut connection).await?;
        let mut sessions: Vec<_> = members.iter().filter_map(|member| redis_key::parse_session(member)).collect();
        let mut alive: HashMap<GatewayId, bool> = HashMap::new();
        for (gateway, _) in &sessions {
            let exists = redis::cmd("EXISTS").arg(keys.sessions_lease(*gateway)).query_async(&mut connection).await?;
            alive.insert(*gateway, exists);
        }
        sessions.retain(|(gateway, _)| alive[gateway]);
        Ok(sessions)
    }
}

/// The message for the gateway of a session that makes room.
fn close(member: &str) -> Option<(Channel, Bytes)> {
    let (gateway, session_id) = redis_key::parse_session(member)?;
    let payload = serde_json::to_vec(&GatewayPush::CloseSession(CloseSession { session_id })).ok()?;
    Some((Channel::Gateway(gateway), payload.into()))
}
