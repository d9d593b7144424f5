//! REST calls, and canaries, that wait for the outcome of their command.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chat_protocol::{Outcome, SessionId};
use tokio::sync::oneshot;

/// The waiting calls of this gateway. Bounded by the number of HTTP connections; canaries are few.
#[derive(Debug, Clone, Default)]
pub struct Waiters {
    waiting: Arc<Mutex<HashMap<SessionId, oneshot::Sender<Outcome>>>>,
}

/// A place in the list; left when dropped.
#[derive(Debug)]
pub struct Waiter {
    list: Waiters,
    /// Who waits, as in the command's origin.
    pub id: SessionId,
    /// The outcome comes here.
    pub outcome: oneshot::Receiver<Outcome>,
}

impl Waiters {
    /// Starts waiting.
    pub fn wait(&self) -> Waiter {
        let (sender, outcome) = oneshot::channel();
        let id = SessionId::generate();
        self.lock().insert(id, sender);
        Waiter { list: self.clone(), id, outcome }
    }

    /// Hands an outcome to whoever waits for it; the call may have given up.
    pub fn resolve(&self, outcome: Outcome) {
        if let Some(waiter) = self.lock().remove(&outcome.origin.session_id) {
            waiter.send(outcome).ok();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, oneshot::Sender<Outcome>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.list.lock().remove(&self.id);
    }
}
