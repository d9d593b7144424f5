//! Wanted states that a worker carries out: the newest per key wins, so that it is bounded by the number of keys, and order cannot matter.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, oneshot};

/// What is wanted and not yet carried out.
#[derive(Debug)]
pub struct Pending<K> {
    inner: Mutex<Batch<K>>,
    wake: Notify,
}

/// Taken by the worker in one go.
#[derive(Debug)]
pub struct Batch<K> {
    /// Key → wanted or not.
    pub changes: HashMap<K, bool>,
    /// Told when everything in this batch was carried out.
    pub done: Vec<oneshot::Sender<()>>,
}

impl<K> Default for Batch<K> {
    fn default() -> Self {
        Self { changes: HashMap::new(), done: Vec::new() }
    }
}

impl<K> Batch<K> {
    /// The keys that are wanted, or those that are not.
    pub fn keys(&self, wanted: bool) -> Vec<K>
    where
        K: Copy,
    {
        self.changes.iter().filter(|(_, state)| **state == wanted).map(|(key, _)| *key).collect()
    }
}

impl<K> Default for Pending<K> {
    fn default() -> Self {
        Self { inner: Mutex::default(), wake: Notify::new() }
    }
}

impl<K: Eq + Hash> Pending<K> {
    fn lock(&self) -> MutexGuard<'_, Batch<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wants a state.
    pub fn want(&self, changes: impl IntoIterator<Item = (K, bool)>) {
        self.lock().changes.extend(changes);
        self.wake.notify_one();
    }

    /// Waits until everything wanted before was carried out.
    pub fn flushed(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.lock().done.push(sender);
        self.wake.notify_one();
        receiver
    }

    /// Puts back what could not be carried out, unless something newer is wanted.
    pub fn put_back(&self, changes: HashMap<K, bool>) {
        let mut inner = self.lock();
        for (key, state) in changes {
            inner.changes.entry(key).or_insert(state);
        }
    }

    /// Waits for something to do and takes all of it.
    pub async fn take(&self) -> Batch<K> {
        loop {
            {
                let mut inner = self.lock();
                if !inner.changes.is_empty() || !inner.done.is_empty() {
                    return std::mem::take(&mut *inner);
                }
            }
            self.wake.notified().await;
        }
    }
}
