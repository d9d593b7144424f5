//! Reads what a SockJS client sends in one WebSocket message.

use std::fmt;

use bytestring::ByteString;
use serde::de::{Deserializer, SeqAccess, Visitor};
use thiserror::Error;

/// Sizes a client may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Strings in one frame. Clients put what they were given while they were busy into one frame.
    pub strings: usize,
    /// Bytes of the whole frame as received. A string is never longer than the text it was written as.
    pub bytes: usize,
}

/// Why a frame is refused. The session ends with it: a client that sends such a frame is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Error {
    /// Neither a JSON string nor a JSON array of strings.
    #[error("Broken JSON encoding.")]
    BrokenJson,
    /// More strings than [`Limits::strings`].
    #[error("a SockJS frame has at most {limit} strings")]
    TooManyStrings {
        /// The limit that was passed.
        limit: usize,
    },
    /// Longer than [`Limits::bytes`].
    #[error("a SockJS frame has at most {limit} bytes")]
    TooLong {
        /// The limit that was passed.
        limit: usize,
    },
}

/// The messages in a frame of the client: a JSON array of strings, or one JSON string. An empty frame has none.
pub fn read(frame: &str, limits: Limits) -> Result<Vec<ByteString>, Error> {
    if frame.is_empty() {
        return Ok(Vec::new());
    }
    if frame.len() > limits.bytes {
        return Err(Error::TooLong { limit: limits.bytes });
    }
    let mut strings = Strings { limit: limits.strings, passed: false };
    let mut json = serde_json::Deserializer::from_str(frame);
    let read = json.deserialize_any(&mut strings).and_then(|messages| json.end().map(|()| messages));
    match read {
        Ok(messages) => Ok(messages),
        Err(_) if strings.passed => Err(Error::TooManyStrings { limit: limits.strings }),
        Err(_) => Err(Error::BrokenJson),
    }
}

/// Takes one string or an array of them, and stops at the limit.
struct Strings {
    limit: usize,
    passed: bool,
}

impl<'de> Visitor<'de> for &mut Strings {
    type Value = Vec<ByteString>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string or an array of strings")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(vec![text.into()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut messages = Vec::new();
        while let Some(text) = items.next_element::<String>()? {
            if messages.len() == self.limit {
                self.passed = true;
                return Err(serde::de::Error::custom("too many strings"));
            }
            messages.push(text.into());
        }
        Ok(messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { strings: 3, bytes: 64 };

    fn texts(frame: &str) -> Result<Vec<String>, Error> {
        read(frame, LIMITS).map(|messages| messages.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn arrays_of_strings_and_single_strings_are_messages() {
        for (frame, expected) in [
            (r#"["a"]"#, vec!["a"]),
            (r#"["a","b\nc","\u0000"]"#, vec!["a", "b\nc", "\0"]),
            (r#""a""#, vec!["a"]),
            (r#" [ "a" , "b" ] "#, vec!["a", "b"]),
            (r#"["\ud83d\ude00é"]"#, vec!["😀é"]),
            (r#"[""]"#, vec![""]),
            ("[]", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(texts(frame), Ok(expected.into_iter().map(str::to_owned).collect()), "{frame}");
        }
    }

    #[test]
    fn anything_else_is_broken() {
        for frame in [
            r#"["a"#,
            r#"["a",]"#,
            r#"["a"]]"#,
            r#"["a"]["b"]"#,
            r#""a" "b""#,
            "a",
            "null",
            "1",
            "{}",
            "[1]",
            "[null]",
            r#"[["a"]]"#,
            r#"{"a":"b"}"#,
            r#"["\ud83d"]"#,
            r#"["\x"]"#,
            " ",
            "[\"\n\"]",
            "['a']",
        ] {
            assert_eq!(texts(frame), Err(Error::BrokenJson), "{frame}");
        }
    }

    #[test]
    fn each_limit_admits_its_value_and_refuses_one_more() {
        assert_eq!(texts(r#"["1","2","3"]"#).map(|texts| texts.len()), Ok(3));
        assert_eq!(texts(r#"["1","2","3","4"]"#), Err(Error::TooManyStrings { limit: 3 }));
        assert_eq!(texts(&format!("\"{}\"", "x".repeat(62))).map(|texts| texts.len()), Ok(1));
        assert_eq!(texts(&format!("\"{}\"", "x".repeat(63))), Err(Error::TooLong { limit: 64 }));
    }

    #[test]
    fn what_the_server_writes_for_a_message_a_client_could_have_sent() {
        for text in ["", "SEND\n\nbody\0", "\u{2028}\u{1f600}\\\""] {
            let frame = super::super::message(text);
            assert_eq!(read(frame.strip_prefix('a').expect("a message"), LIMITS), Ok(vec![text.into()]));
        }
    }
}
