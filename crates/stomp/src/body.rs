//! What follows a head: how long the body may be and where it ends.

use bytes::Bytes;
use memchr::memchr;

use crate::{Command, DecodeError, Frame, Limits, Version, header};

/// A frame whose head is read and whose body is awaited.
#[derive(Debug)]
pub(crate) struct Body {
    /// The frame, its body still empty.
    pub(crate) frame: Frame,
    /// Octets of the body if known beforehand; else it ends at the first NUL.
    length: Option<usize>,
    /// Octets the body may have under the frame limit, the final NUL not counted.
    room: usize,
    /// Whether octets may come before the NUL.
    allowed: bool,
    /// The headers no longer share the memory of the input.
    owned: bool,
}

impl Body {
    /// Decides what may follow the head of `frame`, which took `head` octets.
    pub(crate) fn new(
        frame: Frame,
        head: usize,
        version: Version,
        limits: &Limits,
    ) -> Result<Self, (DecodeError, Frame)> {
        let announced = match content_length(&frame) {
            Ok(announced) => announced,
            Err(error) => return Err((error, frame)),
        };
        // 1.0, "SUBSCRIBE": its body is ignored.
        let ignored = version == Version::V1_0 && frame.command == Command::Subscribe;
        let allowed = ignored || frame.command.may_have_body();
        let length = if allowed { announced } else { Some(0) };
        let Some(room) = limits.frame.checked_sub(head + 1).filter(|room| length.unwrap_or(0) <= *room) else {
            return Err((DecodeError::FrameTooLong { limit: limits.frame }, frame));
        };
        if !allowed && announced.is_some_and(|octets| octets > 0) {
            return Err((DecodeError::BodyNotAllowed, frame));
        }
        Ok(Self { frame, length, room, allowed, owned: false })
    }

    /// How many octets of `input` are left of the body, its NUL included, when `held` came before; `None`: more than there are.
    pub(crate) fn end_in(&self, input: &[u8], held: usize, limits: &Limits) -> Result<Option<usize>, DecodeError> {
        if let Some(length) = self.length {
            let nul = length - held;
            return match input.get(nul) {
                None => Ok(None),
                Some(0) => Ok(Some(nul + 1)),
                Some(_) if self.allowed => Err(DecodeError::MissingNul),
                Some(_) => Err(DecodeError::BodyNotAllowed),
            };
        }
        let nul = memchr(0, input);
        if held + nul.unwrap_or(input.len()) > self.room {
            return Err(DecodeError::FrameTooLong { limit: limits.frame });
        }
        Ok(nul.map(|nul| nul + 1))
    }

    /// The frame with its body, of which `octets` are what came up to the NUL, included.
    pub(crate) fn finish(self, octets: &Bytes) -> Frame {
        if !self.frame.command.may_have_body() {
            return self.frame;
        }
        Frame { body: octets.slice(..octets.len() - 1), ..self.frame }
    }

    /// Copies the headers out of the input they came in.
    pub(crate) fn own_headers(&mut self) {
        if !self.owned {
            self.frame.headers = self.frame.headers.to_owned_memory();
            self.owned = true;
        }
    }
}

/// The announced length of the body, if any. More digits than a `usize` holds saturate: every limit is below that.
fn content_length(frame: &Frame) -> Result<Option<usize>, DecodeError> {
    let Some(value) = frame.header(header::CONTENT_LENGTH) else { return Ok(None) };
    if value.is_empty() || !value.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(DecodeError::BadContentLength);
    }
    Ok(Some(value.parse().unwrap_or(usize::MAX)))
}
