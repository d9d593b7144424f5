//! What the answer to a push means.

use std::time::Duration;

use chat_outbound::{Attempt, Forbidden, Schedule};

use super::origins::Health;

/// Delays between attempts; what ends them is the push's life.
const SCHEDULE: Schedule =
    Schedule { first: Duration::from_secs(2), factor: 3, longest: Duration::from_hours(1), attempts: u32::MAX };

/// What the answer to a push means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The push service has it.
    Taken,
    /// The browser is gone, or has taken its subscription back.
    Gone,
    /// It will be refused whenever it is sent.
    Refused(Reason),
    /// It may be taken later, not before this long.
    Later(Duration),
}

/// Why it is refused; for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// With this status.
    Status(u16),
    /// By our own guard.
    Guard(Forbidden),
}

/// What the answer to the how many-th attempt means; `random` from 0 to 1 spreads those that failed together.
pub fn verdict(attempt: Attempt, attempts: u32, random: f64) -> Verdict {
    let later = |asked| Verdict::Later(SCHEDULE.delay(attempts, asked, random).unwrap_or(SCHEDULE.longest));
    match attempt {
        Attempt::Answered { status: 200..=299, .. } => Verdict::Taken,
        Attempt::Answered { status: 404 | 410, .. } => Verdict::Gone,
        Attempt::Answered { status: 408 | 425 | 429 | 500..=599, retry_after } => later(retry_after),
        Attempt::Answered { status, .. } => Verdict::Refused(Reason::Status(status)),
        Attempt::Failed(_) => later(None),
        Attempt::Forbidden(forbidden) => Verdict::Refused(Reason::Guard(forbidden)),
    }
}

/// What it says about the push service.
pub fn health(attempt: Attempt) -> Health {
    match attempt {
        Attempt::Answered { status: 500..=599, .. } | Attempt::Failed(_) => Health::Bad,
        Attempt::Answered { .. } => Health::Good,
        Attempt::Forbidden(_) => Health::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use chat_outbound::Failure;

    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let answered = |status| Attempt::Answered { status, retry_after: None };
        let seconds = |seconds| Verdict::Later(Duration::from_secs(seconds));
        let asked = Attempt::Answered { status: 429, retry_after: Some(Duration::from_mins(1)) };
        let table = [
            (answered(201), 1, Verdict::Taken, Health::Good),
            (answered(202), 1, Verdict::Taken, Health::Good),
            (answered(404), 1, Verdict::Gone, Health::Good),
            (answered(410), 1, Verdict::Gone, Health::Good),
            (answered(400), 1, Verdict::Refused(Reason::Status(400)), Health::Good),
            (answered(403), 1, Verdict::Refused(Reason::Status(403)), Health::Good),
            (answered(413), 1, Verdict::Refused(Reason::Status(413)), Health::Good),
            (answered(302), 1, Verdict::Refused(Reason::Status(302)), Health::Good),
            (answered(429), 1, seconds(2), Health::Good),
            (asked, 1, seconds(60), Health::Good),
            (answered(500), 2, seconds(6), Health::Bad),
            (answered(503), 20, seconds(3_600), Health::Bad),
            (Attempt::Failed(Failure::Late), 1, seconds(2), Health::Bad),
            (
                Attempt::Forbidden(Forbidden::Address),
                1,
                Verdict::Refused(Reason::Guard(Forbidden::Address)),
                Health::Unknown,
            ),
        ];
        for (attempt, attempts, expected, fares) in table {
            assert_eq!((verdict(attempt, attempts, 0.5), health(attempt)), (expected, fares), "{attempt:?}");
        }
    }
}
