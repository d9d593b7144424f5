//! What was done about dead letters: the records of `chat-dlt-log`, the last of each letter.

use std::collections::HashMap;

use chat_kafka::{OwnedRecord, Record};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::letter::Letter;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    Replayed,
    Discarded,
}

/// The value of a record of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handled {
    pub action: Action,
    pub by: String,
    pub at: Timestamp,
    /// Why; always there for a discard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a replay: `topic:partition:offset` of the new record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_to: Option<String>,
    /// When the letter failed. A topic that is deleted and created anew counts its offsets from 0 again: what was done about the
    /// former letter at a place says nothing about the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
}

impl Handled {
    /// In words.
    pub fn sentence(&self) -> String {
        let done = match (self.action, &self.replayed_to) {
            (Action::Discarded, _) => "discarded".to_owned(),
            (Action::Replayed, None) => "replayed".to_owned(),
            (Action::Replayed, Some(place)) => format!("replayed as {place}"),
        };
        let reason = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{done} by {} at {:.0}{reason}", self.by, self.at)
    }

    /// The record that says so.
    pub fn record(&self, topic: &str, letter: &Letter) -> serde_json::Result<OwnedRecord> {
        Ok(OwnedRecord {
            topic: topic.into(),
            partition: None,
            key: Some(letter.place.key().into()),
            payload: Some(serde_json::to_vec(self)?.into()),
            headers: Vec::new(),
        })
    }
}

/// All that was done, by letter.
#[derive(Debug, Default)]
pub struct HandledLog(HashMap<String, Handled>);

impl HandledLog {
    /// Takes a record of the log, in its order. One that cannot be read handles nothing: a letter is rather shown than hidden.
    pub fn add(&mut self, record: &Record) {
        let Some(key) = record.key_str() else { return };
        match serde_json::from_slice(record.value()) {
            Ok(handled) => self.0.insert(key.to_owned(), handled),
            Err(_) => self.0.remove(key),
        };
    }

    /// What was done about a letter last.
    pub fn of(&self, letter: &Letter) -> Option<&Handled> {
        self.0.get(&letter.place.key()).filter(|handled| handled.failed_at == letter.failed_at)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::letter::tests::dead, *};

    fn discarded(letter: &Letter) -> Handled {
        Handled {
            action: Action::Discarded,
            by: "ann".into(),
            at: Timestamp::UNIX_EPOCH,
            reason: Some("noise".into()),
            replayed_to: None,
            failed_at: letter.failed_at,
        }
    }

    fn logged(record: OwnedRecord) -> Record {
        Record { key: record.key, payload: record.payload, headers: record.headers, ..dead("", "") }
    }

    #[test]
    fn the_log_says_what_was_done_about_a_letter_last() {
        let letter = Letter::read(&dead("x", "{}"));
        let mut log = HandledLog::default();
        assert_eq!(log.of(&letter), None);
        let done = discarded(&letter);
        log.add(&logged(done.record("log", &letter).unwrap()));
        assert_eq!(log.of(&letter), Some(&done));
        assert_eq!(done.sentence(), "discarded by ann at 1970-01-01T00:00:00Z: noise");
        let again =
            Handled { action: Action::Replayed, reason: None, replayed_to: Some("chat-messages:0:7".into()), ..done };
        log.add(&logged(again.record("log", &letter).unwrap()));
        assert_eq!(log.of(&letter).map(|handled| handled.action), Some(Action::Replayed));
        assert_eq!(again.sentence(), "replayed as chat-messages:0:7 by ann at 1970-01-01T00:00:00Z");
    }

    #[test]
    fn another_letter_at_the_same_place_is_not_handled() {
        let letter = Letter::read(&dead("x", "{}"));
        let mut log = HandledLog::default();
        log.add(&logged(discarded(&letter).record("log", &letter).unwrap()));
        let later = Letter { failed_at: Some(Timestamp::UNIX_EPOCH), ..letter.clone() };
        assert_eq!(log.of(&later), None);
        log.add(&Record { key: Some(letter.place.key().into()), payload: None, ..dead("", "") });
        assert_eq!(log.of(&letter), None, "what cannot be read hides nothing");
    }
}
