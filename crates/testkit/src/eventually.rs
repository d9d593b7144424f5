//! Waiting for a condition instead of sleeping.

/// Polls a condition every 20 ms until it holds; panics with the description when it does not within the time.
///
/// ```
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let mut polls = 0;
/// chat_testkit::assert_eventually!(
///     { polls += 1; polls == 3 },
///     within = Duration::from_secs(1),
///     "three polls"
/// );
/// # }
/// ```
#[macro_export]
macro_rules! assert_eventually {
    ($condition:expr, within = $within:expr, $($what:tt)+) => {{
        let within: ::std::time::Duration = $within;
        let deadline = $crate::tokio::time::Instant::now() + within;
        while !$condition {
            assert!(
                $crate::tokio::time::Instant::now() < deadline,
                "not within {within:?}: {}",
                format_args!($($what)+)
            );
            $crate::tokio::time::sleep(::std::time::Duration::from_millis(20)).await;
        }
    }};
}
