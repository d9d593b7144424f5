//! The pipeline's end of the queue.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chat_protocol::{RoomId, UserId};
use chat_store::{NewPush, ReadUpTo, Store, StoreError};
use jiff::SignedDuration;
use tokio::sync::Notify;

use crate::audience::{self, Announcement};

/// With Redis away nobody knows who is online. Whoever is, has this long to read the message first.
const GRACE: Duration = Duration::from_secs(10);
/// Pushes in one statement.
const PUSHES_AT_ONCE: usize = 1_000;

/// The pipeline's end of the queue.
pub struct PushQueue {
    store: Store,
    ttl: SignedDuration,
    wake: Arc<Notify>,
}

impl PushQueue {
    /// Pushes live for `ttl`; workers hear on `wake` that there are some.
    pub fn new(store: Store, ttl: SignedDuration, wake: Arc<Notify>) -> Self {
        Self { store, ttl, wake }
    }

    /// Which of those who are told have devices at all.
    pub async fn with_devices(&self, announcements: &[Announcement]) -> Result<HashSet<UserId>, StoreError> {
        let users: HashSet<UserId> = announcements.iter().flat_map(|told| told.recipients.iter().copied()).collect();
        if users.is_empty() {
            return Ok(HashSet::new());
        }
        self.store.users_with_devices(&users.into_iter().collect::<Vec<_>>()).await
    }

    /// The pushes for those of them who are not online; `None`: nobody knows who is.
    pub fn pushes(
        &self,
        announcements: &[Announcement],
        with_devices: &HashSet<UserId>,
        online: Option<&HashSet<UserId>>,
    ) -> Vec<NewPush> {
        audience::for_devices(announcements, with_devices, online.unwrap_or(&HashSet::new()), self.ttl)
    }

    /// Stores them; `hasty` when it is known that they are needed.
    pub async fn store(&self, pushes: &[NewPush], hasty: bool) -> Result<(), StoreError> {
        let mut stored = 0;
        for some in pushes.chunks(PUSHES_AT_ONCE) {
            stored += self.store.enqueue_pushes(some, if hasty { Duration::ZERO } else { GRACE }).await?;
        }
        if stored > 0 {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Takes back what these marks have read, in one statement.
    pub async fn read(&self, marks: &[ReadUpTo]) -> Result<(), StoreError> {
        if !marks.is_empty() && self.store.read_pushes(marks).await? > 0 {
            self.wake.notify_one();
        }
        Ok(())
    }
}

/// The farthest mark of each member and room.
pub fn farthest(marks: impl IntoIterator<Item = ReadUpTo>) -> Vec<ReadUpTo> {
    let mut farthest: HashMap<(RoomId, UserId), i64> = HashMap::new();
    for mark in marks {
        let seq = farthest.entry((mark.room_id, mark.user_id)).or_insert(mark.seq);
        *seq = mark.seq.max(*seq);
    }
    farthest.into_iter().map(|((room_id, user_id), seq)| ReadUpTo { room_id, user_id, seq }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_marks_the_farthest_counts() {
        let (room, user, other) = (RoomId::generate(), UserId::generate(), UserId::generate());
        let mark = |user_id, seq| ReadUpTo { room_id: room, user_id, seq };
        let mut marks = farthest([mark(user, 3), mark(other, 1), mark(user, 7), mark(user, 5)]);
        marks.sort_by_key(|mark| mark.seq);
        assert_eq!(marks, [mark(other, 1), mark(user, 7)]);
    }
}
