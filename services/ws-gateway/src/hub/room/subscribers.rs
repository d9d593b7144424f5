//! Who is subscribed, and from which cursor.

use std::{sync::Arc, time::Instant};

use chat_protocol::ErrorCode;

use super::{Room, State, Subscriber};
use crate::hub::{
    SessionHandle,
    sink::{Feed, Sink, SubscriptionKey},
};

impl Room {
    /// Adds a subscription that waits for its membership check. `false` if the session has one with this key already.
    pub fn add(&mut self, session: Arc<SessionHandle>, key: SubscriptionKey, sink: Sink, feed: Feed) -> bool {
        if self.find(&session, key).is_some() {
            return false;
        }
        let state = State::Waiting;
        let (cursor, joined_seq, known, ending) = (0, 0, 0, false);
        self.subscribers.push(Subscriber { session, key, sink, feed, cursor, joined_seq, known, ending, state });
        self.idle_since = None;
        true
    }

    /// The membership check of a waiting subscription came back: the room's head at that time, where the membership began, and from where
    /// the client wants to go on. Returns the seq after which its frames start; `None` when the subscription is gone (left meanwhile).
    pub fn admit(
        &mut self,
        session: &SessionHandle,
        key: SubscriptionKey,
        head: i64,
        joined_seq: i64,
        after: Option<i64>,
    ) -> Option<Result<i64, ErrorCode>> {
        let index = self.find(session, key)?;
        let position = *self.position.get_or_insert(head);
        self.head = self.head.max(head);
        let first = joined_seq - 1;
        let wish = match after {
            Some(after) if after > self.head() => {
                self.remove_at(index, Instant::now());
                return Some(Err(ErrorCode::InvalidSeq));
            }
            Some(after) => after,
            None => position,
        };
        // The membership is known up to `head`: beyond that, the room may have opened behind an entry that ends it.
        let cursor = wish.min(head).max(first);
        self.subscribers[index].cursor = cursor;
        self.subscribers[index].joined_seq = joined_seq;
        self.subscribers[index].known = head;
        Some(Ok(cursor))
    }

    /// Lets an admitted subscription take part, after its reply was queued.
    pub fn activate(&mut self, session: &SessionHandle, key: SubscriptionKey) {
        if let Some(index) = self.find(session, key) {
            self.subscribers[index].state = State::Active;
        }
    }

    /// Ends a subscription.
    pub fn remove(&mut self, session: &SessionHandle, key: SubscriptionKey, now: Instant) {
        if let Some(index) = self.find(session, key) {
            self.remove_at(index, now);
        }
    }

    /// Lets the session's parked subscriptions go on: its queue has space again.
    pub fn unpark(&mut self, session: &SessionHandle) {
        for subscriber in &mut self.subscribers {
            if subscriber.session.id == session.id && subscriber.state == State::Parked {
                subscriber.state = State::Active;
            }
        }
    }

    pub(super) fn find(&self, session: &SessionHandle, key: SubscriptionKey) -> Option<usize> {
        self.subscribers.iter().position(|subscriber| subscriber.session.id == session.id && subscriber.key == key)
    }

    pub(super) fn remove_at(&mut self, index: usize, now: Instant) -> Subscriber {
        let gone = self.subscribers.swap_remove(index);
        if self.subscribers.is_empty() {
            self.idle_since = Some(now);
        }
        gone
    }
}
