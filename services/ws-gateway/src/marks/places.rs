//! Where marks stand: what a mark of the same seq found out is not asked again, so that a thousand readers of a message cost one query.

use std::time::Duration;

use chat_protocol::RoomId;
use chat_store::{ReadPlace, Store};
use moka::sync::Cache;

use crate::{pause::Pause, single_flight::SingleFlight};

/// Most places remembered.
const REMEMBERED: u64 = 100_000;
/// The session waits for it, and the mark does without it: not long.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

type Key = (RoomId, i64);

/// Places found lately.
#[derive(Debug)]
pub struct Places {
    store: Store,
    found: Cache<Key, ReadPlace>,
    flights: SingleFlight<Key, Option<ReadPlace>>,
    pause: Pause,
}

impl Places {
    /// None yet.
    pub fn new(store: Store) -> Self {
        let found = Cache::builder().max_capacity(REMEMBERED).build();
        Self { store, found, flights: SingleFlight::default(), pause: Pause::default() }
    }

    /// Where a mark at `seq` stands; `None` when the database does not say so soon.
    pub async fn find(&self, room_id: RoomId, seq: i64) -> Option<ReadPlace> {
        let key = (room_id, seq);
        if let Some(place) = self.found.get(&key) {
            return Some(place);
        }
        self.flights.run(key, async || self.ask(key).await).await
    }

    async fn ask(&self, key: Key) -> Option<ReadPlace> {
        // Whoever computed before this one found it.
        if let Some(place) = self.found.get(&key) {
            return Some(place);
        }
        let (store, (room_id, seq)) = (self.store.clone(), key);
        let answer = self.pause.postgres(ANSWER_WITHIN, async move { store.read_place(room_id, seq).await }).await;
        let place = answer.inspect_err(|error| tracing::debug!(%error, "place of a mark not found")).ok()??;
        // The head was lower: what this seq stands for is still to come.
        if place.seq == seq {
            self.found.insert(key, place);
        }
        Some(place)
    }
}
