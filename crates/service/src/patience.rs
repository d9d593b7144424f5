//! How long a dependency is waited for that is not worth holding up everything behind it.

use std::fmt::Display;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::backoff::{Backoff, retry_forever};

/// Waits out a short absence of a dependency. During a long one it waits once and then only looks, so that the work behind does not pile up.
#[derive(Debug)]
pub struct Patience {
    dependency: &'static str,
    limit: Duration,
    exhausted: bool,
}

impl Patience {
    /// Waits for `dependency`, but not longer than `limit`.
    pub fn new(dependency: &'static str, limit: Duration) -> Self {
        Self { dependency, limit, exhausted: false }
    }

    /// The result of `op`, or `None` when it could not be had in time.
    pub async fn attempt<T, E, F, Fut>(&mut self, mut op: F) -> Option<T>
    where
        E: Display,
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if self.exhausted {
            let value = op().await.ok()?;
            self.exhausted = false;
            tracing::info!(dependency = self.dependency, "dependency is back");
            return Some(value);
        }
        let never = CancellationToken::new();
        let backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));
        let value =
            tokio::time::timeout(self.limit, retry_forever(self.dependency, &never, backoff, op)).await.ok().flatten();
        if value.is_none() {
            self.exhausted = true;
            tracing::warn!(dependency = self.dependency, "dependency stays away, going on without it");
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_long_absence_is_waited_for_once_and_its_end_is_noticed() {
        let (mut patience, attempts) = (Patience::new("redis", Duration::from_secs(1)), Cell::new(0));
        let fail = || {
            attempts.set(attempts.get() + 1);
            std::future::ready(Err::<(), _>("refused"))
        };
        assert_eq!(patience.attempt(fail).await, None);
        assert!(attempts.get() > 2, "{}", attempts.get());
        attempts.set(0);
        assert_eq!(patience.attempt(fail).await, None);
        assert_eq!(attempts.get(), 1);
        assert_eq!(patience.attempt(|| std::future::ready(Ok::<_, &str>(1))).await, Some(1));
        assert!(!patience.exhausted);
    }
}
