//! Who may speak in a room, as the gateway checks it before Kafka. The persister has the last word, under the room's lock.

use std::time::Duration;

use chat_protocol::{Rejection, RoomId, UserId};
use chat_store::Store;
use moka::sync::Cache;

use crate::error::Refusal;

/// A checked membership counts for this long; a kick or leave seen by the hub ends it at once.
const FRESH: Duration = Duration::from_secs(30);
/// Most memberships remembered.
const REMEMBERED: u64 = 200_000;

/// Memberships checked lately. Only "yes" is remembered.
#[derive(Debug, Clone)]
pub struct Memberships {
    store: Store,
    fresh: Cache<(RoomId, UserId), ()>,
}

impl Memberships {
    /// Nothing checked yet.
    pub fn new(store: Store) -> Self {
        Self { store, fresh: Cache::builder().max_capacity(REMEMBERED).time_to_live(FRESH).build() }
    }

    /// Passes members; one answer for rooms that are not there and rooms that are not theirs.
    pub async fn check(&self, room_id: RoomId, user_id: UserId) -> Result<(), Refusal> {
        if self.fresh.contains_key(&(room_id, user_id)) {
            return Ok(());
        }
        self.store.membership(room_id, user_id).await?.ok_or_else(Rejection::room_not_found)?;
        self.fresh.insert((room_id, user_id), ());
        Ok(())
    }

    /// The membership ended.
    pub fn forget(&self, room_id: RoomId, user_id: UserId) {
        self.fresh.invalidate(&(room_id, user_id));
    }
}
