//! What follows from an attempt.

use std::time::Duration;

use chat_outbound::{Attempt, Schedule};

/// The status of an endpoint that wants nothing more, ever.
const GONE: u16 = 410;

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived.
    Delivered,
    /// It is tried again after this.
    Again(Duration),
    /// That was the last attempt.
    Failed,
    /// The endpoint is to be disabled.
    Gone,
}

/// Decides; `made` counts this attempt, `random` is from 0 to 1.
pub fn verdict(attempt: &Attempt, made: u32, schedule: &Schedule, random: f64) -> Verdict {
    let retry_after = match attempt {
        Attempt::Answered { status: GONE, .. } => return Verdict::Gone,
        answer if answer.accepted() => return Verdict::Delivered,
        Attempt::Answered { retry_after, .. } => *retry_after,
        Attempt::Failed(_) | Attempt::Forbidden(_) => None,
    };
    schedule.delay(made, retry_after, random).map_or(Verdict::Failed, Verdict::Again)
}

/// What is told about an attempt that failed. Nothing of the answer but its status: an answer may hold anything.
pub fn reason(attempt: &Attempt) -> String {
    match attempt {
        Attempt::Answered { status, .. } => format!("answered with status {status}"),
        Attempt::Failed(failure) => failure.to_string(),
        Attempt::Forbidden(forbidden) => format!("not called: the url {forbidden}"),
    }
}

#[cfg(test)]
mod tests {
    use chat_outbound::{Failure, Forbidden};

    use super::*;

    #[test]
    fn only_success_is_success_and_everything_else_is_tried_again_until_the_end() {
        let schedule =
            Schedule { first: Duration::from_secs(5), factor: 4, longest: Duration::from_hours(6), attempts: 3 };
        let answered = |status| Attempt::Answered { status, retry_after: None };
        let busy = Attempt::Answered { status: 429, retry_after: Some(Duration::from_secs(90)) };
        let again = |secs| Verdict::Again(Duration::from_secs(secs));
        let table = [
            (answered(200), 1, Verdict::Delivered),
            (answered(204), 3, Verdict::Delivered),
            (answered(299), 1, Verdict::Delivered),
            (answered(301), 1, again(5)),
            (answered(400), 2, again(20)),
            (answered(500), 1, again(5)),
            (answered(500), 3, Verdict::Failed),
            (busy, 1, again(90)),
            (busy, 3, Verdict::Failed),
            (answered(410), 1, Verdict::Gone),
            (Attempt::Failed(Failure::Late), 2, again(20)),
            (Attempt::Forbidden(Forbidden::Address), 1, again(5)),
            (Attempt::Forbidden(Forbidden::Address), 3, Verdict::Failed),
        ];
        for (attempt, made, expected) in table {
            assert_eq!(verdict(&attempt, made, &schedule, 0.5), expected, "{attempt:?} {made}");
        }
    }
}
