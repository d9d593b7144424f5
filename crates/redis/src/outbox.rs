//! The bounded hand-off from the subscriber to its receiver.

use std::collections::VecDeque;

use bytes::Bytes;
use chat_protocol::redis_key::Channel;
use tokio::sync::mpsc::{self, error::TrySendError};

/// What the subscriber tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscriberEvent {
    /// A message on a subscribed channel.
    Message {
        /// Where.
        channel: Channel,
        /// What.
        payload: Bytes,
    },
    /// Connected, with every wanted channel subscribed. Messages may have been missed before: compare with the database.
    Connected,
    /// The connection is gone; a new one is being made.
    Disconnected,
    /// The receiver was too slow and messages were dropped: compare with the database.
    Overflow,
}

/// Delivers messages while there is room. What is not a message is never dropped, only delayed, and told once.
pub(crate) struct Outbox {
    sender: mpsc::Sender<SubscriberEvent>,
    /// At most one of each kind.
    delayed: VecDeque<SubscriberEvent>,
}

impl Outbox {
    pub fn new(sender: mpsc::Sender<SubscriberEvent>) -> Self {
        Self { sender, delayed: VecDeque::new() }
    }

    /// Delivers a message or, when the receiver is full, drops it and remembers to tell.
    pub fn message(&mut self, channel: Channel, payload: Bytes) {
        self.flush();
        let full = !self.delayed.is_empty()
            || matches!(
                self.sender.try_send(SubscriberEvent::Message { channel, payload }),
                Err(TrySendError::Full(_))
            );
        if full && !self.delayed.contains(&SubscriberEvent::Overflow) {
            tracing::warn!("receiver of redis messages is too slow, messages dropped");
            self.delayed.push_back(SubscriberEvent::Overflow);
        }
    }

    /// Delivers, sooner or later, what is not a message. An older event of the same kind is out of date by it.
    pub fn state(&mut self, event: SubscriberEvent) {
        self.delayed.retain(|older| *older != event);
        self.delayed.push_back(event);
        self.flush();
    }

    fn flush(&mut self) {
        while let Some(event) = self.delayed.front() {
            if matches!(self.sender.try_send(event.clone()), Err(TrySendError::Full(_))) {
                return;
            }
            self.delayed.pop_front();
        }
    }

    /// Delivers delayed events as soon as there is room; never ends while there are none. Cancel safe.
    pub async fn deliver_delayed(&mut self) {
        let Some(event) = self.delayed.front() else { return std::future::pending().await };
        // Without a receiver the subscriber ends, see `closed`.
        let Ok(permit) = self.sender.reserve().await else { return std::future::pending().await };
        permit.send(event.clone());
        self.delayed.pop_front();
    }

    /// Ends when the receiver is gone.
    pub async fn closed(sender: mpsc::Sender<SubscriberEvent>) {
        sender.closed().await;
    }

    pub fn sender(&self) -> mpsc::Sender<SubscriberEvent> {
        self.sender.clone()
    }
}

#[cfg(test)]
mod tests {
    use chat_protocol::RoomId;

    use super::*;

    #[tokio::test]
    async fn an_overflow_is_told_once_and_before_what_comes_after_it() {
        let (sender, mut receiver) = mpsc::channel(2);
        let mut outbox = Outbox::new(sender);
        let channel = Channel::Room(RoomId::generate());
        let message = |n: u8| SubscriberEvent::Message { channel, payload: Bytes::copy_from_slice(&[n]) };
        for n in 0..5 {
            outbox.message(channel, Bytes::copy_from_slice(&[n]));
        }
        assert_eq!((receiver.recv().await, receiver.recv().await), (Some(message(0)), Some(message(1))));
        outbox.message(channel, Bytes::copy_from_slice(&[5]));
        assert_eq!((receiver.recv().await, receiver.recv().await), (Some(SubscriberEvent::Overflow), Some(message(5))));
        assert!(receiver.is_empty());
    }

    #[tokio::test]
    async fn states_wait_for_room_and_never_pile_up() {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        for _ in 0..100 {
            outbox.state(SubscriberEvent::Disconnected);
            outbox.state(SubscriberEvent::Connected);
        }
        assert_eq!(outbox.delayed.len(), 2);
        assert_eq!(receiver.recv().await, Some(SubscriberEvent::Disconnected));
        outbox.deliver_delayed().await;
        assert_eq!(receiver.recv().await, Some(SubscriberEvent::Disconnected));
        outbox.deliver_delayed().await;
        assert_eq!(receiver.recv().await, Some(SubscriberEvent::Connected));
    }
}
