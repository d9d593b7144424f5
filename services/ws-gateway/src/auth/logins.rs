//! Whether log-ins still stand, from PostgreSQL, remembered for a moment; and the news that some ended, for all gateways.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use chat_protocol::{UserId, push::UserPush, redis_key::Channel};
use chat_redis::RedisPool;
use chat_store::{Standing, Store, StoreError};
use moka::sync::Cache;
use tokio::time::timeout;

/// What was read counts for this long: the time within which every gateway refuses what has ended elsewhere.
const FRESH: Duration = Duration::from_secs(5);
/// Most users remembered.
const REMEMBERED: u64 = 200_000;
/// A request waits for the database no longer than this, …
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// … and after that it is not asked for this long.
const PAUSE: Duration = Duration::from_secs(1);

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
    /// When the database may be asked again.
    paused_until: Arc<Mutex<Option<Instant>>>,
}

impl Logins {
    /// Nothing asked yet.
    pub fn new(store: Store, redis: RedisPool) -> Self {
        let fresh = Cache::builder().max_capacity(REMEMBERED).time_to_live(FRESH).build();
        Self { store, redis, fresh, paused_until: Arc::default() }
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
        let paused_until = || self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        if paused_until().is_some_and(|until| Instant::now() < until) {
            return Err(StoreError::NoAnswer(ANSWER_WITHIN));
        }
        let store = self.store.clone();
        // A task: the call comes to its own end, where a connection that hangs is thrown away.
        let asked = tokio::spawn(async move { store.standing(user_id).await });
        let answer = match timeout(ANSWER_WITHIN, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(StoreError::NoAnswer(ANSWER_WITHIN)),
        };
        if answer.as_ref().is_err_and(|error| !error.is_permanent()) {
            *paused_until() = Some(Instant::now() + PAUSE);
        }
        answer
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
