//! Reads a complete head: command and headers.

use bytes::Bytes;
use bytestring::ByteString;
use memchr::memchr;

use crate::escape::unescape;
use crate::{Command, DecodeError, Frame, Version};

/// Why a head is wrong, and the frame as far as it could be read.
pub(crate) type Broken = (DecodeError, Option<Frame>);

/// Parses a head that ends with its blank line.
pub(crate) fn parse(head: Bytes, version: Version) -> Result<Frame, Broken> {
    let text = ByteString::try_from(head).map_err(|_| (DecodeError::NotUtf8, None))?;
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let command = lines.next().and_then(Command::parse).ok_or((DecodeError::UnknownCommand, None))?;
    let escapes = if command.is_unescaped() { Version::V1_0 } else { version };

    let mut frame = Frame::new(command);
    for line in lines.take_while(|line| !line.is_empty()) {
        match parse_header(&text, line, escapes) {
            Ok((name, value)) => frame.headers.push(name, value),
            Err(error) => return Err((error, Some(frame))),
        }
    }
    Ok(frame)
}

/// Splits at the first colon, so that an unescaped colon in a value does no harm; nothing is trimmed.
fn parse_header(text: &ByteString, line: &str, escapes: Version) -> Result<(ByteString, ByteString), DecodeError> {
    let colon = memchr(b':', line.as_bytes()).ok_or(DecodeError::MissingColon)?;
    if colon == 0 {
        return Err(DecodeError::EmptyHeaderName);
    }
    Ok((shared(text, &line[..colon], escapes)?, shared(text, &line[colon + 1..], escapes)?))
}

/// The unescaped `part` of `text`: a slice of it where nothing was escaped.
fn shared(text: &ByteString, part: &str, escapes: Version) -> Result<ByteString, DecodeError> {
    Ok(match unescape(part, escapes)? {
        Some(plain) => plain.into(),
        None => text.slice_ref(part),
    })
}
