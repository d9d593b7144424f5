//! Records on their way out and in.

use std::sync::Arc;

use bytes::Bytes;
use rdkafka::{
    Message as _,
    message::{BorrowedMessage, Header, Headers as _, OwnedHeaders},
};

/// A record to send; the client copies it.
#[derive(Debug, Clone, Copy)]
pub struct OutRecord<'a> {
    /// Where to.
    pub topic: &'a str,
    /// Decides the partition.
    pub key: &'a str,
    /// The value.
    pub payload: &'a [u8],
    /// Names and values.
    pub headers: &'a [(&'a str, &'a str)],
}

/// A record to send, kept until it is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Where to.
    pub topic: Arc<str>,
    /// A partition of one's own choice; otherwise the key decides.
    pub partition: Option<i32>,
    /// Decides the partition.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub payload: Option<Bytes>,
    /// Names and values.
    pub headers: Vec<(String, Bytes)>,
}

/// A record received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where from.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Place in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, if the broker has it.
    pub timestamp_ms: Option<i64>,
    /// Whether the timestamp is the broker's (log append time) rather than the producer's.
    pub broker_timestamp: bool,
    /// Key.
    pub key: Option<Bytes>,
    /// Value; `None` is a tombstone.
    pub payload: Option<Bytes>,
    /// Names and values, in order.
    pub headers: Vec<(String, Bytes)>,
}

impl Record {
    pub(crate) fn from_message(message: &BorrowedMessage<'_>, topic: Arc<str>) -> Self {
        let timestamp = message.timestamp();
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            let copy = |header: Header<'_, &[u8]>| {
                (header.key.to_owned(), Bytes::copy_from_slice(header.value.unwrap_or_default()))
            };
            headers.iter().map(copy).collect()
        });
        Self {
            topic,
            partition: message.partition(),
            offset: message.offset(),
            timestamp_ms: timestamp.to_millis(),
            broker_timestamp: matches!(timestamp, rdkafka::Timestamp::LogAppendTime(_)),
            key: message.key().map(Bytes::copy_from_slice),
            payload: message.payload().map(Bytes::copy_from_slice),
            headers,
        }
    }

    /// The last header of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().rev().find(|(key, _)| key == name).map(|(_, value)| &value[..])
    }

    /// The same as text, if it is.
    pub fn header_str(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// The key as text, if it is.
    pub fn key_str(&self) -> Option<&str> {
        std::str::from_utf8(self.key.as_ref()?).ok()
    }

    /// The value; empty for a tombstone.
    pub fn value(&self) -> &[u8] {
        self.payload.as_deref().unwrap_or_default()
    }
}

pub(crate) fn owned_headers<'a>(headers: impl ExactSizeIterator<Item = (&'a str, &'a [u8])>) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(headers.len());
    headers.fold(empty, |all, (key, value)| all.insert(Header { key, value: Some(value) }))
}
