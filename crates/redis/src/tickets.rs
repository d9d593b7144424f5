//! Tickets are used once, on whichever gateway.

use chat_protocol::redis_key::USED_TICKET_TTL;
use redis::{Cmd, ExistenceCheck, SetExpiry, SetOptions};
use uuid::Uuid;

use crate::{RedisError, RedisPool};

/// The tickets that were used; clones share the pool.
#[derive(Clone)]
pub struct UsedTickets {
    pool: RedisPool,
}

impl UsedTickets {
    /// Keeps them in this Redis.
    pub fn new(pool: RedisPool) -> Self {
        Self { pool }
    }

    /// Uses a ticket; `false` when it was used before.
    pub async fn redeem(&self, ticket: Uuid) -> Result<bool, RedisError> {
        let once = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::EX(USED_TICKET_TTL.as_secs()));
        let mut connection = self.pool.connection().await?;
        let set: Option<String> =
            Cmd::set_options(self.pool.keys().used_ticket(ticket), 1, once).query_async(&mut connection).await?;
        Ok(set.is_some())
    }
}
