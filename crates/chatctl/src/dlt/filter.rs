//! Which dead letters are meant.

use chat_protocol::RoomId;
use jiff::Timestamp;

use super::{arguments::FilterArguments, letter::Letter};

/// All conditions have to hold; the topic is chosen before anything is read.
#[derive(Debug, Default)]
pub struct Filter {
    room: Option<String>,
    /// In lower case.
    reason: Option<String>,
    not_before: Option<Timestamp>,
}

impl Filter {
    pub fn new(arguments: &FilterArguments, now: Timestamp) -> Self {
        // Longer ago than time began is no condition.
        let not_before = arguments.since.and_then(|since| now.checked_sub(since).ok());
        Self {
            room: arguments.room.as_ref().map(RoomId::to_string),
            reason: arguments.reason.as_ref().map(|reason| reason.to_lowercase()),
            not_before,
        }
    }

    pub fn matches(&self, letter: &Letter) -> bool {
        let room = self.room.is_none() || self.room == letter.room;
        let said = |reason: &String| format!("{} {}", letter.code, letter.reason).to_lowercase().contains(reason);
        // A letter without a time is shown rather than overlooked.
        let recent = |not_before: &Timestamp| letter.failed_at.is_none_or(|failed_at| failed_at >= *not_before);
        room && self.reason.as_ref().is_none_or(said) && self.not_before.as_ref().is_none_or(recent)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::letter::tests::dead, *};

    #[test]
    fn every_condition_has_to_hold() {
        let letter = Letter::read(&dead("Schema version 9 is not supported", "{}"));
        let now = letter.failed_at.unwrap() + Duration::from_mins(10);
        let passes = |change: fn(&mut FilterArguments)| {
            let mut arguments = FilterArguments::default();
            change(&mut arguments);
            Filter::new(&arguments, now).matches(&letter)
        };
        assert!(passes(|_| ()));
        assert!(passes(|a| a.reason = Some("schema VERSION".into())));
        assert!(passes(|a| a.reason = Some("poison".into())));
        assert!(!passes(|a| a.reason = Some("constraint".into())));
        assert!(passes(|a| a.room = "0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d11".parse().ok()));
        assert!(!passes(|a| a.room = Some(RoomId::generate())));
        assert!(passes(|a| a.since = Some(Duration::from_mins(10))));
        assert!(!passes(|a| a.since = Some(Duration::from_mins(9))));
        assert!(passes(|a| a.since = Some(Duration::MAX)));
    }
}
