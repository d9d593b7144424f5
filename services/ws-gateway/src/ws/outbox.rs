//! A session's outgoing queue: bounded in bytes, filled by the hub without waiting, emptied by the session.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytestring::ByteString;
use chat_protocol::{
    ReadReceipt, close::CloseCode, error_code::ErrorCode, event::Outcome, frame::RoomSubscription, id::RoomId,
    push::Notification,
};
use chat_store::Standing;
use tokio::sync::Notify;

use super::request::Tag;

/// What waits to be written.
#[derive(Debug)]
pub enum Item {
    /// A frame ready for the socket, shared with other sessions.
    Frame(ByteString),
    /// The answer to a subscribe; the rooms' frames follow it.
    Subscribed(Tag, Vec<RoomSubscription>),
    /// Something for this session alone, put into words by its protocol.
    Push(Push),
    /// Which of the user's log-ins have ended: the session ends if its own is among them.
    Standing(Arc<Standing>),
    /// Close: nothing before it may be dropped silently, so the client has to come back.
    Close(CloseCode),
}

/// Pushes for one session.
#[derive(Debug, Clone)]
pub enum Push {
    /// A command ended.
    Outcome(Outcome),
    /// News of a room that is not open here.
    Notification(Notification),
    /// The user's own mark moved, in a room that is not open here.
    Read(ReadReceipt),
    /// Frames of a room pause after `seq`, for want of space.
    Lagging { room_id: RoomId, seq: i64, head: i64 },
    /// A subscription ended.
    Unsubscribed { room_id: RoomId, code: ErrorCode },
    /// Heads of the rooms that moved.
    Ping(Vec<(RoomId, i64)>),
}

/// Rough size of an item that is not a frame.
const CONTROL_BYTES: usize = 256;

/// The queue. Room frames are refused above the limit (the room then waits for the session); everything else has a reserve above it, and
/// a session that fills even that is closed as too slow.
#[derive(Debug)]
pub struct Outbox {
    inner: Mutex<Inner>,
    wake: Notify,
    limit: usize,
}

#[derive(Debug, Default)]
struct Inner {
    items: VecDeque<Item>,
    /// Queued, and taken but not yet written.
    bytes: usize,
    /// Somebody was refused and wants to know when there is space again.
    waited_for: bool,
    overflowed: bool,
}

impl Outbox {
    /// An empty queue for at most `limit` bytes of frames.
    pub fn new(limit: usize) -> Self {
        Self { inner: Mutex::default(), wake: Notify::new(), limit }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a room's frame; `false`, and nothing is queued, when it is full.
    #[must_use]
    pub fn try_push(&self, frame: ByteString) -> bool {
        let mut inner = self.lock();
        if inner.bytes + frame.len() > self.limit {
            inner.waited_for = true;
            return false;
        }
        inner.bytes += frame.len();
        inner.items.push_back(Item::Frame(frame));
        drop(inner);
        self.wake.notify_one();
        true
    }

    /// Queues a frame that stands beside the timeline (typing, presence, read marks); `false`, and nothing is queued, when more than half of
    /// the limit is taken: the other half is the timeline's, which such frames never delay.
    #[must_use]
    pub fn try_push_aside(&self, frame: ByteString) -> bool {
        self.try_push_item_aside(Item::Frame(frame))
    }

    /// The same for what this session's protocol puts into words.
    #[must_use]
    pub fn try_push_item_aside(&self, item: Item) -> bool {
        let mut inner = self.lock();
        if inner.bytes + size(&item) > self.limit / 2 {
            return false;
        }
        inner.bytes += size(&item);
        inner.items.push_back(item);
        drop(inner);
        self.wake.notify_one();
        true
    }

    /// Queues anything else.
    pub fn push(&self, item: Item) {
        let mut inner = self.lock();
        if inner.overflowed {
            return;
        }
        if inner.bytes > self.limit * 2 {
            inner.overflowed = true;
            inner.items.push_back(Item::Close(CloseCode::SLOW));
        } else {
            inner.bytes += size(&item);
            inner.items.push_back(item);
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// Waits until something is queued, then takes all of it. Cancel-safe.
    pub async fn take(&self, into: &mut Vec<Item>) {
        loop {
            {
                let mut inner = self.lock();
                if !inner.items.is_empty() {
                    into.extend(inner.items.drain(..));
                    return;
                }
            }
            self.wake.notified().await;
        }
    }

    /// Accounts for items taken and written. `true` when somebody was refused before and there is space again.
    pub fn written(&self, bytes: usize) -> bool {
        let mut inner = self.lock();
        inner.bytes = inner.bytes.saturating_sub(bytes);
        let space = inner.waited_for && inner.bytes <= self.limit / 4;
        if space {
            inner.waited_for = false;
        }
        space
    }
}

/// What an item counts for.
pub fn size(item: &Item) -> usize {
    match item {
        Item::Frame(frame) => frame.len(),
        Item::Subscribed(_, rooms) => CONTROL_BYTES * (1 + rooms.len()),
        Item::Push(_) | Item::Standing(_) | Item::Close(_) => CONTROL_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> ByteString {
        "x".repeat(bytes).into()
    }

    #[tokio::test]
    async fn a_full_queue_refuses_frames_and_tells_when_there_is_space_again() {
        let outbox = Outbox::new(1_000);
        assert!(outbox.try_push(frame(600)));
        assert!(!outbox.try_push(frame(600)), "over the limit");
        assert!(outbox.try_push(frame(300)));
        let mut items = Vec::new();
        outbox.take(&mut items).await;
        assert_eq!(items.len(), 2);
        assert!(!outbox.try_push(frame(600)), "what is taken but not written still counts");
        assert!(!outbox.written(600));
        assert!(outbox.written(300), "space again");
        assert!(!outbox.written(0), "told once");
        assert!(outbox.try_push(frame(600)));
    }

    #[test]
    fn what_stands_beside_the_timeline_leaves_half_of_the_queue_to_it() {
        let outbox = Outbox::new(1_000);
        assert!(outbox.try_push_aside(frame(400)));
        assert!(!outbox.try_push_aside(frame(200)), "the first to be refused");
        assert!(outbox.try_push(frame(600)));
        assert!(!outbox.try_push_aside(frame(1)));
        assert!(!outbox.written(1_000), "whoever is refused such a frame does not wait for space");
    }

    #[tokio::test]
    async fn a_session_that_fills_the_reserve_is_closed() {
        let outbox = Outbox::new(1_000);
        for _ in 0..100 {
            outbox.push(Item::Push(Push::Ping(Vec::new())));
        }
        let mut items = Vec::new();
        outbox.take(&mut items).await;
        assert!(items.len() < 12, "bounded: {}", items.len());
        assert!(matches!(items.last(), Some(Item::Close(CloseCode::SLOW))));
    }
}
