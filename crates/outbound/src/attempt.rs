//! What became of a call.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};

use crate::guard::Forbidden;

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The other end answered; a redirection is an answer like any other.
    Answered {
        /// HTTP status.
        status: u16,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// There was no answer.
    Failed(Failure),
    /// The call was not made.
    Forbidden(Forbidden),
}

/// Why there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The name has no address.
    #[error("the name has no address")]
    Name,
    /// No connection, or none that can be trusted.
    #[error("no connection, or its certificate is not accepted")]
    Connect,
    /// Not within the time limit.
    #[error("no answer in time")]
    Late,
    /// The connection broke, or the answer is not HTTP.
    #[error("the connection broke off")]
    Broken,
}

impl Attempt {
    /// Whether the other end took it: a status from 200 to 299.
    pub fn accepted(&self) -> bool {
        matches!(self, Self::Answered { status: 200..=299, .. })
    }
}

/// The `Retry-After` header: seconds, or a time.
pub(crate) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_in_seconds_or_by_a_time_when_to_come_back() {
        let now = "2025-10-21T07:28:00Z".parse().unwrap();
        let table = [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Tue, 21 Oct 2025 07:29:00 GMT", Some(60)),
            ("Tue, 21 Oct 2025 07:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ];
        for (value, expected) in table {
            assert_eq!(retry_after(value, now), expected.map(Duration::from_secs), "{value}");
        }
    }
}
