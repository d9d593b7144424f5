//! The guard in front of the WebSocket decoder.

use chat_websocket::{FrameGuard, FrameLimits, Violation};

use crate::input::Input;

/// Cutting the stream into other pieces gives the same verdict, and the verdict is that of a plain reading of RFC 6455 with the whole
/// stream at hand: nothing that passes is above a limit. Options: 1 for the limits of the gateway, else small ones.
pub fn frame_guard(data: &[u8]) {
    let Some(input) = Input::new(data) else { return };
    let limits = if input.options & 1 == 0 {
        FrameLimits { message_bytes: 100, fragments: 3 }
    } else {
        FrameLimits { message_bytes: 65_536, fragments: 1_024 }
    };
    let expected = reference(limits, input.stream);
    let octets: Vec<&[u8]> = input.stream.chunks(1).collect();
    for pieces in [vec![input.stream], input.pieces(), octets] {
        let mut guard = FrameGuard::new(limits);
        let verdict = pieces.iter().try_for_each(|piece| guard.feed(piece));
        assert_eq!(verdict.map_err(kind), expected);
    }
}

#[derive(Debug, PartialEq)]
enum Kind {
    TooLarge,
    TooManyFragments,
    Protocol,
}

fn kind(violation: Violation) -> Kind {
    match violation {
        Violation::TooLarge => Kind::TooLarge,
        Violation::TooManyFragments => Kind::TooManyFragments,
        Violation::Protocol(_) => Kind::Protocol,
    }
}

/// Reads frame after frame from a stream that is all there; a frame whose header is cut off is not judged.
fn reference(limits: FrameLimits, mut stream: &[u8]) -> Result<(), Kind> {
    // Sizes of the fragments of the unfinished message.
    let mut open: Vec<u64> = Vec::new();
    while let Some(header) = Header::read(stream) {
        if header.reserved_bits || header.length >= 1 << 63 || header.length < header.least {
            return Err(Kind::Protocol);
        }
        if header.opcode >= 8 {
            if header.length > 125 {
                return Err(Kind::Protocol);
            }
        } else {
            if (header.opcode == 0) == open.is_empty() {
                return Err(Kind::Protocol);
            }
            open.push(header.length);
            if open.iter().fold(0, |sum: u64, length| sum.saturating_add(*length)) > limits.message_bytes {
                return Err(Kind::TooLarge);
            }
            if open.len() > limits.fragments as usize {
                return Err(Kind::TooManyFragments);
            }
            if header.last {
                open.clear();
            }
        }
        let frame = usize::try_from(header.length).map_or(usize::MAX, |length| length.saturating_add(header.size));
        stream = stream.get(frame..).unwrap_or_default();
    }
    Ok(())
}

struct Header {
    last: bool,
    reserved_bits: bool,
    opcode: u8,
    length: u64,
    /// The least length that is written like this.
    least: u64,
    size: usize,
}

impl Header {
    fn read(stream: &[u8]) -> Option<Self> {
        let (first, second) = (*stream.first()?, *stream.get(1)?);
        let (length, least, extended) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(stream.get(2..4)?.try_into().ok()?)), 126, 2),
            127 => (u64::from_be_bytes(stream.get(2..10)?.try_into().ok()?), 65_536, 8),
            short => (u64::from(short), 0, 0),
        };
        let size = 2 + extended + if second >= 0x80 { 4 } else { 0 };
        stream.get(..size)?;
        Some(Self { last: first >= 0x80, reserved_bits: first & 0x70 != 0, opcode: first & 0x0f, length, least, size })
    }
}
