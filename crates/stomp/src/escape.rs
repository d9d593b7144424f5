//! Header escaping: 1.0 has none, 1.1 defines `\n`, `\c` and `\\`, 1.2 adds `\r` ("Value Encoding").

use memchr::memchr;

use crate::{DecodeError, Version};

/// Undoes escaping; `None` when the text is what it says.
pub(crate) fn unescape(text: &str, version: Version) -> Result<Option<String>, DecodeError> {
    if version == Version::V1_0 || memchr(b'\\', text.as_bytes()).is_none() {
        return Ok(None);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        plain.push(match rest.next() {
            Some('n') => '\n',
            Some('c') => ':',
            Some('\\') => '\\',
            Some('r') if version == Version::V1_2 => '\r',
            _ => return Err(DecodeError::UndefinedEscape),
        });
    }
    Ok(Some(plain))
}

/// Which half of a header is written: a raw colon ends a name, but not a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Name,
    Value,
}

/// Appends `text` escaped for `version` (`V1_0`: as it is). An octet that has no form there becomes a space, so that no value
/// can end its line or the frame.
pub(crate) fn escape_into(out: &mut String, text: &str, part: Part, version: Version) {
    let mut rest = text;
    while let Some(at) = rest.find(['\\', ':', '\n', '\r', '\0']) {
        out.push_str(&rest[..at]);
        out.push_str(match (rest.as_bytes()[at], version) {
            (b'\\', Version::V1_0) => "\\",
            (b':', Version::V1_0) if part == Part::Value => ":",
            (b'\\', Version::V1_1 | Version::V1_2) => "\\\\",
            (b':', Version::V1_1 | Version::V1_2) => "\\c",
            (b'\n', Version::V1_1 | Version::V1_2) => "\\n",
            (b'\r', Version::V1_2) => "\\r",
            _ => " ",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}
