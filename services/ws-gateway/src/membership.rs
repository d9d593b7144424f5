//! Who may speak in a room, as the gateway checks it before Kafka. The persister has the last word, under the room's lock.

use std::time::Duration;

use chat_protocol::{Rejection, RoomId, UserId};
use chat_store::{Membership, Store, StoreError};
use moka::sync::Cache;

use crate::{error::Refusal, pause::Pause};

/// A checked membership counts for this long; a kick or leave seen by the hub ends it at once.
pub const FRESH: Duration = Duration::from_secs(30);
/// The session waits for the check, and with it all that was asked after it: longer, and a send has no answer in time. A session with many
/// sends in hand does not wait for each.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Most memberships remembered.
const REMEMBERED: u64 = 200_000;

/// Memberships checked lately. Only "yes" is remembered.
#[derive(Debug, Clone)]
pub struct Memberships {
    store: Store,
    fresh: Cache<(RoomId, UserId), ()>,
    pause: Pause,
}

impl Memberships {
    /// Nothing checked yet.
    pub fn new(store: Store) -> Self {
        let fresh = Cache::builder().max_capacity(REMEMBERED).time_to_live(FRESH).build();
        Self { store, fresh, pause: Pause::default() }
    }

    /// Passes members; one answer for rooms that are not there and rooms that are not theirs.
    pub async fn check(&self, room_id: RoomId, user_id: UserId) -> Result<(), Refusal> {
        if self.fresh.contains_key(&(room_id, user_id)) {
            return Ok(());
        }
        self.ask(room_id, user_id).await?.ok_or_else(Rejection::room_not_found)?;
        self.fresh.insert((room_id, user_id), ());
        Ok(())
    }

    /// What the database says, if it says it soon.
    async fn ask(&self, room_id: RoomId, user_id: UserId) -> Result<Option<Membership>, StoreError> {
        let store = self.store.clone();
        self.pause.postgres(ANSWER_WITHIN, async move { store.membership(room_id, user_id).await }).await
    }

    /// The membership ended.
    pub fn forget(&self, room_id: RoomId, user_id: UserId) {
        self.fresh.invalidate(&(room_id, user_id));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use chat_service::Secret;
    use chat_store::PostgresConfig;
    use tokio::net::TcpListener;

    use super::*;
    use crate::pause::PAUSE;

    #[tokio::test]
    async fn a_database_that_hangs_is_waited_for_once_and_not_long() {
        // Takes connections, and never says anything.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://u:p@{}/d", silent.local_addr().unwrap());
        let config = PostgresConfig { url: Secret::new(url), schema: "s".to_owned(), pool_size: 2 };
        let memberships = Memberships::new(Store::new(&config).unwrap());
        let (room, user) = (RoomId::generate(), UserId::generate());
        let before = Instant::now();
        memberships.check(room, user).await.unwrap_err();
        assert!(before.elapsed() < ANSWER_WITHIN + Duration::from_secs(1), "{:?}", before.elapsed());
        let before = Instant::now();
        for _ in 0..10 {
            memberships.check(room, user).await.unwrap_err();
        }
        assert!(before.elapsed() < PAUSE, "{:?}", before.elapsed());
    }
}
