//! Passwords by argon2id, so many at once: each takes memory and a core.

use std::{sync::Arc, time::Duration};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use chat_protocol::{ErrorCode, Rejection};
use prometheus::IntCounter;
use tokio::sync::Semaphore;

/// A request waits for its turn to hash no longer than this.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// Hashes and checks passwords, away from the threads that serve everybody.
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// Passwords hashed, to be checked or to be stored.
    hashes: IntCounter,
}

impl Passwords {
    /// So many at once; counts them.
    pub fn new(at_once: usize, hashes: IntCounter) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_once)), hashes }
    }

    /// To be stored.
    pub async fn hash(&self, password: String) -> Result<String, Rejection> {
        self.in_turn(move || hash(&password)).await?
    }

    /// Whether a password is the one that was hashed.
    pub async fn verify(&self, password: String, expected: String) -> Result<bool, Rejection> {
        self.in_turn(move || verify(&password, &expected)).await
    }

    /// Works on a thread of its own, when it is its turn.
    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Rejection> {
        let busy = || Rejection::new(ErrorCode::Unavailable, "too many log-ins at once: try again in a moment");
        let turn = tokio::time::timeout(TURN_WITHIN, self.turns.clone().acquire_owned()).await.map_err(|_| busy())?;
        let turn = turn.map_err(|_| internal())?;
        self.hashes.inc();
        // The work keeps its turn when whoever asked for it has gone: it goes on all the same.
        let work = move || {
            let done = work();
            drop(turn);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| internal())
    }
}

/// Hashes here and now.
pub fn hash(password: &str) -> Result<String, Rejection> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(|_| internal())
}

fn verify(password: &str, expected: &str) -> bool {
    PasswordHash::new(expected).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

fn internal() -> Rejection {
    Rejection::new(ErrorCode::Internal, "accounts are not available just now")
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin, sync::mpsc, task::Poll};

    use tokio::sync::oneshot;

    use super::*;

    fn one_at_a_time() -> Passwords {
        Passwords::new(1, IntCounter::new("hashes", "hashed").unwrap())
    }

    #[tokio::test]
    async fn a_password_is_its_own_and_no_other() {
        let passwords = one_at_a_time();
        let hashed = passwords.hash("correct horse battery".to_owned()).await.unwrap();
        assert!(passwords.verify("correct horse battery".to_owned(), hashed.clone()).await.unwrap());
        assert!(!passwords.verify("correct horse".to_owned(), hashed).await.unwrap());
        assert_eq!(passwords.hashes.get(), 3);
    }

    #[tokio::test]
    async fn whoever_gives_up_does_not_free_the_turn_while_the_work_goes_on() {
        let passwords = one_at_a_time();
        let (begins, begun) = oneshot::channel();
        let (goes_on, ends) = mpsc::channel::<()>();
        let given_up = passwords.in_turn(move || {
            begins.send(()).unwrap();
            ends.recv()
        });
        tokio::select! {
            _ = given_up => panic!("nothing has ended it"),
            begun = begun => begun.unwrap(),
        }
        // Who asked is gone; the work is not.
        let mut next = pin!(passwords.in_turn(|| ()));
        let waits = std::future::poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx).is_pending())).await;
        assert!(waits && passwords.hashes.get() == 1, "the next has no turn yet");
        goes_on.send(()).unwrap();
        next.await.unwrap();
        assert_eq!(passwords.hashes.get(), 2);
    }
}
