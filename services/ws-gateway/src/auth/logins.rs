//! Whether log-ins still stand, from PostgreSQL, remembered for a moment; and the news that some ended, for all gateways.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use chat_protocol::{UserId, push::UserPush, redis_key::Channel};
use chat_redis::RedisPool;
use chat_store::{Standing, Store, StoreError};
use moka::sync::Cache;

use crate::pause::Pause;

/// What was read counts for this long: the time within which every gateway refuses what has ended elsewhere.
const FRESH: Duration = Duration::from_secs(5);
/// Most users remembered.
const REMEMBERED: u64 = 200_000;
/// A request waits for the database no longer than this.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// What is known of a user's log-ins.
#[derive(Debug, Clone)]
pub enum Known {
    /// Which of them count no more.
    User(Arc<Standing>),
    /// There is no such user.
    Nobody,
    /// The database does not answer.
    Nothing,
}

/// The log-ins of all users, as far as they are asked for.
#[derive(Clone)]
pub struct Logins {
    store: Store,
    redis: RedisPool,
    fresh: Cache<UserId, Known>,
    pause: Pause,
}

impl Logins {
    /// Nothing asked yet.
    pub fn new(store: Store, redis: RedisPool) -> Self {
        let fresh = Cache::builder().max_capacity(REMEMBERED).time_to_live(FRESH).build();
        Self { store, redis, fresh, pause: Pause::default() }
    }

    /// What is known of a user.
    pub async fn of(&self, user_id: UserId) -> Known {
        if let Some(known) = self.fresh.get(&user_id) {
            return known;
        }
        let known = match self.ask(user_id).await {
            Ok(Some(standing)) => Known::User(Arc::new(standing)),
            Ok(None) => Known::Nobody,
            Err(error) => {
                tracing::debug!(%error, "log-ins not checked");
                return Known::Nothing;
            }
        };
        self.fresh.insert(user_id, known.clone());
        known
    }

    async fn ask(&self, user_id: UserId) -> Result<Option<Standing>, StoreError> {
        let store = self.store.clone();
        self.pause.postgres(ANSWER_WITHIN, async move { store.standing(user_id).await }).await
    }

    /// Read elsewhere, just now.
    pub fn remember(&self, user_id: UserId, standing: Arc<Standing>) {
        self.fresh.insert(user_id, Known::User(standing));
    }

    /// Something changed.
    pub fn forget(&self, user_id: UserId) {
        self.fresh.invalidate(&user_id);
    }

    /// Some log-ins of a user have ended in the database: told to the gateways where that user has sessions. What Redis does not take is found
    /// when the log-ins of all sessions are checked.
    pub async fn ended(&self, user_id: UserId) {
        self.forget(user_id);
        let Ok(payload) = serde_json::to_vec(&UserPush::LoginsEnded) else { return };
        if let Err(error) = self.redis.publish_all(&[(Channel::User(user_id), Bytes::from(payload))]).await {
            tracing::warn!(%error, "end of log-ins not told");
        }
    }
}
