//! What did not answer is left alone for a moment: whoever asks it meanwhile goes on at once, instead of waiting in vain as well.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chat_redis::RedisError;
use chat_store::StoreError;
use tokio::time::timeout;

/// Nobody asks for this long.
pub const PAUSE: Duration = Duration::from_secs(1);
/// Whether one of the stores is left alone just now; clones share it.
#[derive(Debug, Clone)]
pub struct Pause {
    until: Arc<Mutex<Option<Instant>>>,
    redis_within: Duration,
}

/// For who asks PostgreSQL alone: each call says itself how long it may take.
impl Default for Pause {
    fn default() -> Self {
        Self::new(Duration::from_millis(100))
    }
}

impl Pause {
    /// What is asked of Redis by the way is answered within this, or not waited for.
    pub fn new(redis_within: Duration) -> Self {
        Self { until: Arc::default(), redis_within }
    }

    fn is_on(&self) -> bool {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    fn begin(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
    }

    /// What Redis answers, if it answers soon; `without` says in the log what goes on without it.
    pub async fn redis<T>(&self, without: &str, call: impl Future<Output = Result<T, RedisError>>) -> Option<T> {
        if self.is_on() {
            return None;
        }
        // Boxed, because the client's futures are large.
        let failure = match timeout(self.redis_within, Box::pin(call)).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        self.begin();
        tracing::warn!(error = failure, pause = ?PAUSE, "{without} without redis");
        None
    }

    /// What PostgreSQL says, if it says it `within` this time.
    pub async fn postgres<T: Send + 'static>(
        &self,
        within: Duration,
        call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.is_on() {
            return Err(StoreError::NoAnswer(within));
        }
        // A task: the call comes to its own end, where a connection that hangs is thrown away.
        let answer = match timeout(within, tokio::spawn(call)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(StoreError::NoAnswer(within)),
        };
        if answer.as_ref().is_err_and(|error| !error.is_permanent()) {
            self.begin();
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn whoever_asks_after_a_failure_does_not_wait() {
        let pause = Pause::default();
        assert_eq!(pause.redis("a test", async { Ok(1) }).await, Some(1));
        assert_eq!(pause.redis("a test", pending::<Result<(), _>>()).await, None);
        assert_eq!(pause.redis("a test", async { unreachable!("not asked") }).await, None::<()>);
        let (pause, within) = (Pause::default(), Duration::from_millis(10));
        assert!(pause.postgres(within, pending::<Result<(), _>>()).await.is_err());
        // A panic would be no answer as well: what was asked says whether it was.
        let (asked, was_asked) = tokio::sync::oneshot::channel();
        let call = async move {
            asked.send(()).ok();
            Ok(())
        };
        assert!(pause.postgres(within, call).await.is_err());
        assert!(was_asked.await.is_err(), "dropped, not asked");
    }
}
