//! What a record of a dead-letter topic tells about itself.

use std::{
    fmt::{self, Display},
    str::FromStr,
    sync::Arc,
};

use chat_kafka::Record;
use chat_protocol::header::{self, DEAD_LETTER_EXCEPTION, DEAD_LETTER_ORIGINAL};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest text that is kept of a header.
const TEXT_CHARS: usize = 2_000;

/// A place within a topic, `PARTITION:OFFSET` on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    pub partition: i32,
    pub offset: i64,
}

impl FromStr for Spot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |text: &str| {
            let (partition, offset) = text.split_once(':')?;
            let spot = Self { partition: partition.parse().ok()?, offset: offset.parse().ok()? };
            (spot.partition >= 0 && spot.offset >= 0).then_some(spot)
        };
        read(text).ok_or_else(|| "give partition and offset as `chatctl dlt list` shows them, such as 2:17".to_owned())
    }
}

impl Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.offset)
    }
}

/// Where a record lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub topic: Arc<str>,
    pub spot: Spot,
}

impl Place {
    pub fn of(record: &Record) -> Self {
        let spot = Spot { partition: record.partition, offset: record.offset };
        Self { topic: Arc::clone(&record.topic), spot }
    }

    /// The key of the log of handled letters, and the value of `chat-replayed-from`.
    pub fn key(&self) -> String {
        format!("{}:{}", self.topic, self.spot)
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.topic, self.spot)
    }
}

/// A dead letter without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub place: Place,
    /// When it was put here.
    pub failed_at: Option<Timestamp>,
    /// Which topic it is from, as its header says.
    pub original_topic: Option<String>,
    pub original_spot: Option<Spot>,
    /// The consumer group that failed.
    pub group: Option<String>,
    /// The record's key, if it is text.
    pub room: Option<String>,
    /// What kind of command or event it is, if that can be read.
    pub record_type: Option<String>,
    pub code: String,
    pub reason: String,
    /// The dead letter that was replayed before this one.
    pub replayed_from: Option<String>,
}

impl Letter {
    pub fn read(record: &Record) -> Self {
        let text = |name: &str| Some(shortened(&String::from_utf8_lossy(record.header(name)?), TEXT_CHARS));
        let original = |name: &str| format!("{DEAD_LETTER_ORIGINAL}{name}");
        let partition = record.header(&original("partition")).and_then(big_endian);
        let offset = record.header(&original("offset")).and_then(big_endian);
        let exception = |name: &str| text(&format!("{DEAD_LETTER_EXCEPTION}{name}")).unwrap_or_default();
        Self {
            place: Place::of(record),
            failed_at: timestamp(record.timestamp_ms),
            original_topic: text(&original("topic")),
            original_spot: partition
                .zip(offset)
                .and_then(|(partition, offset)| Some(Spot { partition: i32::try_from(partition).ok()?, offset })),
            group: text(&original("consumer-group")),
            room: record.key_str().map(|key| shortened(key, TEXT_CHARS)),
            record_type: text(header::TYPE).or_else(|| type_in(record.value())),
            code: exception("fqcn"),
            reason: exception("message"),
            replayed_from: text(header::REPLAYED_FROM),
        }
    }
}

/// A number in a header as Java writes it: 4 or 8 bytes, big-endian.
pub fn big_endian(bytes: &[u8]) -> Option<i64> {
    let int = bytes.try_into().map(i32::from_be_bytes).map(i64::from);
    int.or_else(|_| bytes.try_into().map(i64::from_be_bytes)).ok()
}

/// Milliseconds since 1970, if there are any.
pub fn timestamp(milliseconds: Option<i64>) -> Option<Timestamp> {
    milliseconds.filter(|ms| *ms >= 0).and_then(|ms| Timestamp::from_millisecond(ms).ok())
}

/// At most so many characters, with a mark where it was cut.
pub fn shortened(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn type_in(value: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Typed {
        r#type: String,
    }
    let typed: Typed = serde_json::from_slice(value).ok()?;
    Some(shortened(&typed.r#type, TEXT_CHARS))
}

/// The same for programs, one line of `list --json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LetterJson<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    failed_at: Option<Timestamp>,
    original_topic: Option<&'a str>,
    original_partition: Option<i32>,
    original_offset: Option<i64>,
    group: Option<&'a str>,
    room: Option<&'a str>,
    r#type: Option<&'a str>,
    code: &'a str,
    reason: &'a str,
    replayed_from: Option<&'a str>,
    handled: Option<&'a super::handled::Handled>,
}

impl<'a> LetterJson<'a> {
    pub fn new(letter: &'a Letter, handled: Option<&'a super::handled::Handled>) -> Self {
        Self {
            topic: &letter.place.topic,
            partition: letter.place.spot.partition,
            offset: letter.place.spot.offset,
            failed_at: letter.failed_at,
            original_topic: letter.original_topic.as_deref(),
            original_partition: letter.original_spot.map(|spot| spot.partition),
            original_offset: letter.original_spot.map(|spot| spot.offset),
            group: letter.group.as_deref(),
            room: letter.room.as_deref(),
            r#type: letter.record_type.as_deref(),
            code: &letter.code,
            reason: &letter.reason,
            replayed_from: letter.replayed_from.as_deref(),
            handled,
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A record as the persister puts it aside.
    pub fn dead(reason: &str, value: &str) -> Record {
        let headers: [(&str, Vec<u8>); 9] = [
            ("type", b"SendMessage".to_vec()),
            ("kafka_dlt-original-topic", b"chat-messages".to_vec()),
            ("kafka_dlt-original-partition", 2_i32.to_be_bytes().to_vec()),
            ("kafka_dlt-original-offset", 1042_i64.to_be_bytes().to_vec()),
            ("kafka_dlt-original-timestamp", 1_795_259_129_718_i64.to_be_bytes().to_vec()),
            ("kafka_dlt-original-timestamp-type", b"CreateTime".to_vec()),
            ("kafka_dlt-original-consumer-group", b"persister".to_vec()),
            ("kafka_dlt-exception-fqcn", b"poison".to_vec()),
            ("kafka_dlt-exception-message", reason.as_bytes().to_vec()),
        ];
        Record {
            topic: Arc::from("chat-messages-dlt"),
            partition: 2,
            offset: 17,
            timestamp_ms: Some(1_795_259_130_000),
            broker_timestamp: false,
            key: Some("0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d11".into()),
            payload: Some(value.to_owned().into()),
            headers: headers.map(|(name, value)| (name.to_owned(), value.into())).to_vec(),
        }
    }

    #[test]
    fn the_headers_tell_origin_and_reason() {
        let letter = Letter::read(&dead("expected value", "{broken"));
        assert_eq!(letter.place.to_string(), "chat-messages-dlt 2:17");
        assert_eq!(letter.place.key(), "chat-messages-dlt:2:17");
        assert_eq!(letter.failed_at.unwrap().as_millisecond(), 1_795_259_130_000);
        assert_eq!(letter.original_topic.as_deref(), Some("chat-messages"));
        assert_eq!(letter.original_spot, Some(Spot { partition: 2, offset: 1042 }));
        assert_eq!((letter.code.as_str(), letter.reason.as_str()), ("poison", "expected value"));
        assert_eq!(letter.group.as_deref(), Some("persister"));
        assert_eq!(letter.record_type.as_deref(), Some("SendMessage"));
    }

    #[test]
    fn a_record_without_headers_or_with_strange_ones_is_a_letter_too() {
        let bare = Record { headers: Vec::new(), key: None, payload: None, timestamp_ms: None, ..dead("", "") };
        let letter = Letter::read(&bare);
        assert_eq!((letter.original_topic, letter.original_spot, letter.room), (None, None, None));
        let mut strange = dead("\u{1b}[2J", r#"{"type":"Dance"}"#);
        strange.headers.retain(|(name, _)| name != "type");
        strange.headers.push(("kafka_dlt-original-offset".to_owned(), vec![1, 2, 3].into()));
        strange.headers.push(("kafka_dlt-original-consumer-group".to_owned(), vec![0xff].into()));
        let letter = Letter::read(&strange);
        assert_eq!((letter.original_spot, letter.group.as_deref()), (None, Some("\u{fffd}")));
        assert_eq!(letter.record_type.as_deref(), Some("Dance"));
    }

    #[test]
    fn places_are_written_as_they_are_shown() {
        assert_eq!("2:17".parse(), Ok(Spot { partition: 2, offset: 17 }));
        for wrong in ["", "2", "2:", ":17", "-1:3", "1:-3", "1:2:3", "a:b", "99999999999:1"] {
            assert!(wrong.parse::<Spot>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äöü…");
    }
}
