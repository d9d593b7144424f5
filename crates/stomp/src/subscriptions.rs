//! The subscriptions of one connection: id → destination.

use std::collections::HashMap;

use bytestring::ByteString;

/// One subscription. Its texts have memory of their own: it outlives the frame that asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// What the client calls it; the destination if a 1.0 client gave no id.
    pub id: ByteString,
    /// What it listens to.
    pub destination: ByteString,
    /// Whether the client gave the id.
    pub explicit_id: bool,
}

impl Subscription {
    /// What the `subscription` header of its MESSAGE frames says; none if the client gave no id.
    pub fn header(&self) -> Option<&str> {
        self.explicit_id.then_some(&*self.id)
    }
}

/// The table of one connection; bounded by [`ServerSettings`](crate::ServerSettings).
#[derive(Debug, Clone, Default)]
pub struct Subscriptions(HashMap<ByteString, Subscription>);

impl Subscriptions {
    /// The subscription of that id.
    pub fn get(&self, id: &str) -> Option<&Subscription> {
        self.0.get(id)
    }

    /// Forgets a subscription, for example after its user lost access.
    pub fn remove(&mut self, id: &str) -> Option<Subscription> {
        self.0.remove(id)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.0.values()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a subscription whose id is not in use.
    pub(crate) fn insert(&mut self, subscription: Subscription) {
        self.0.insert(subscription.id.clone(), subscription);
    }
}
