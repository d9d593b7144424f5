//! The only backoff: exponential, half of every delay random, never ending by itself.

use std::fmt::Display;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

/// Growing delays between attempts.
#[derive(Debug)]
pub struct Backoff {
    builder: ExponentialBuilder,
    delays: ExponentialBackoff,
    max: Duration,
}

impl Backoff {
    /// The first delay is between `min / 2` and `min`; delays double until they are between `max / 2` and `max`.
    /// The random half keeps many processes from coming back at the same moment; the fixed one keeps one from spinning.
    pub fn new(min: Duration, max: Duration) -> Self {
        let builder =
            ExponentialBuilder::new().with_min_delay(min / 2).with_max_delay(max / 2).without_max_times().with_jitter();
        Self { builder, delays: builder.build(), max }
    }

    /// How long to wait before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        self.delays.next().unwrap_or(self.max)
    }

    /// Starts again with the shortest delay, after a success.
    pub fn reset(&mut self) {
        self.delays = self.builder.build();
    }
}

impl Default for Backoff {
    /// 100 ms to 1 s, for the dependencies of a service: the longest delay is what people wait for after the dependency is back.
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(1))
    }
}

/// Tries `op` until it succeeds; every failure is logged with the time until the next attempt.
///
/// `None` means that `stop` was cancelled. The attempt under way is dropped then, so `op` must bear that, or `stop` must be
/// the hard token.
pub async fn retry_forever<T, E, F, Fut>(
    dependency: &str,
    stop: &CancellationToken,
    mut backoff: Backoff,
    mut op: F,
) -> Option<T>
where
    E: Display,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    loop {
        let error = match stop.run_until_cancelled(op()).await? {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let delay = backoff.next_delay();
        let retry_in_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(dependency, %error, retry_in_ms, "dependency unavailable, retrying");
        stop.run_until_cancelled(tokio::time::sleep(delay)).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(1);

    #[test]
    fn delays_grow_from_min_to_max_and_start_again_after_a_reset() {
        let mut backoff = Backoff::new(MIN, MAX);
        let first = backoff.next_delay();
        assert!((MIN / 2..=MIN).contains(&first), "{first:?}");
        for _ in 0..10 {
            backoff.next_delay();
        }
        let late = backoff.next_delay();
        assert!((MAX / 2..=MAX).contains(&late), "{late:?}");
        backoff.reset();
        assert!(backoff.next_delay() <= MIN);
    }

    #[test]
    fn two_processes_do_not_wait_equally_long() {
        let delays = |mut backoff: Backoff| (0..8).map(|_| backoff.next_delay()).collect::<Vec<_>>();
        assert_ne!(delays(Backoff::new(MIN, MAX)), delays(Backoff::new(MIN, MAX)));
    }

    #[tokio::test]
    async fn a_dependency_that_comes_back_is_found() {
        let (mut attempts, stop) = (0, CancellationToken::new());
        let found = retry_forever("postgres", &stop, Backoff::new(MIN / 100, MAX / 100), || {
            attempts += 1;
            let attempt = attempts;
            async move { if attempt < 5 { Err("refused") } else { Ok(attempt) } }
        });
        assert_eq!(found.await, Some(5));
    }

    #[tokio::test]
    async fn a_shutdown_ends_the_retries() {
        let stop = CancellationToken::new();
        let hour = Duration::from_hours(1);
        let found = retry_forever("postgres", &stop, Backoff::new(hour, hour), || {
            stop.cancel();
            async { Err::<(), _>("refused") }
        });
        assert_eq!(found.await, None);
    }
}
