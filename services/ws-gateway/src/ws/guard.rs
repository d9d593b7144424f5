//! Reads WebSocket frame headers as the bytes come in, in front of the decoder: a frame that declares too much is refused from its header,
//! before any of it is buffered. (The decoder behind checks the limit only when the whole frame is there.)
//!
//! RFC 6455 section 5.2: `FIN|RSV|opcode`, `MASK|length7`, 0/2/8 bytes of extended length, 4 bytes of mask when masked, payload.

/// Why the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// A frame, or the fragments of a message together, above the limit.
    TooLarge,
    /// More fragments than any client needs.
    TooManyFragments,
}

/// Most fragments of one message.
const FRAGMENTS_MAX: u32 = 1_024;
/// Longest header: 2 + 8 + 4 bytes.
const HEADER_MAX: usize = 14;

/// The state between two pieces of the stream.
#[derive(Debug)]
pub struct FrameGuard {
    limit: u64,
    header: [u8; HEADER_MAX],
    header_len: usize,
    /// Payload still to pass of the frame whose header was read.
    payload_left: u64,
    /// Size and number of the fragments of the message so far.
    message_bytes: u64,
    fragments: u32,
}

impl FrameGuard {
    /// Lets messages of up to `limit` bytes through.
    pub fn new(limit: usize) -> Self {
        Self {
            limit: limit as u64,
            header: [0; HEADER_MAX],
            header_len: 0,
            payload_left: 0,
            message_bytes: 0,
            fragments: 0,
        }
    }

    /// Looks at the next piece of the stream.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Violation> {
        while !bytes.is_empty() {
            if self.payload_left > 0 {
                let pass = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
                self.payload_left -= pass as u64;
                bytes = &bytes[pass..];
                continue;
            }
            self.header[self.header_len] = bytes[0];
            self.header_len += 1;
            bytes = &bytes[1..];
            if self.header_len >= 2 && self.header_len == self.header_size() {
                self.frame()?;
                self.header_len = 0;
            }
        }
        Ok(())
    }

    fn header_size(&self) -> usize {
        let extended = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        2 + extended + mask
    }

    /// A header is complete.
    fn frame(&mut self) -> Result<(), Violation> {
        let length = match self.header[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([self.header[2], self.header[3]])),
            127 => self.header[2..10].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
            short => u64::from(short),
        };
        let (fin, opcode) = (self.header[0] & 0x80 != 0, self.header[0] & 0x0f);
        self.payload_left = length;
        if opcode & 0x08 != 0 {
            // Control frames have at most 125 bytes, which the decoder checks; they may come between fragments.
            return if length > 125 { Err(Violation::TooLarge) } else { Ok(()) };
        }
        if opcode != 0 {
            (self.message_bytes, self.fragments) = (0, 0);
        }
        self.message_bytes = self.message_bytes.saturating_add(length);
        self.fragments += 1;
        if self.message_bytes > self.limit {
            return Err(Violation::TooLarge);
        }
        if self.fragments > FRAGMENTS_MAX {
            return Err(Violation::TooManyFragments);
        }
        if fin {
            (self.message_bytes, self.fragments) = (0, 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame.
    fn frame(fin: bool, opcode: u8, payload: usize) -> Vec<u8> {
        let mut bytes = header(fin, opcode, payload as u64);
        bytes.extend(std::iter::repeat_n(7, payload));
        bytes
    }

    fn header(fin: bool, opcode: u8, length: u64) -> Vec<u8> {
        let mut bytes = vec![u8::from(fin) << 7 | opcode];
        match length {
            0..=125 => bytes.push(0x80 | u8::try_from(length).unwrap()),
            126..=65_535 => {
                bytes.push(0x80 | 0x7e);
                bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(0x80 | 0x7f);
                bytes.extend(length.to_be_bytes());
            }
        }
        bytes.extend([1, 2, 3, 4]);
        bytes
    }

    fn verdict(stream: &[u8], piece: usize) -> Result<(), Violation> {
        let mut guard = FrameGuard::new(1_000);
        stream.chunks(piece).try_for_each(|bytes| guard.feed(bytes))
    }

    #[test]
    fn the_verdict_does_not_depend_on_how_the_stream_is_cut() {
        let good = [
            frame(true, 1, 1_000),
            frame(true, 9, 5),
            frame(false, 1, 400),
            frame(true, 9, 125),
            frame(true, 0, 600),
            frame(true, 2, 0),
        ]
        .concat();
        let bad = [frame(true, 1, 3), frame(false, 1, 600), frame(true, 0, 401)].concat();
        for piece in [1, 2, 3, 7, 100, 10_000] {
            assert_eq!(verdict(&good, piece), Ok(()), "{piece}");
            assert_eq!(verdict(&bad, piece), Err(Violation::TooLarge), "{piece}");
        }
    }

    #[test]
    fn a_declared_terabyte_is_refused_from_its_header() {
        for length in [1_001, 65_536, 1 << 40, u64::MAX] {
            assert_eq!(verdict(&header(true, 2, length), 1), Err(Violation::TooLarge));
        }
        assert_eq!(verdict(&header(true, 9, 126), 1), Err(Violation::TooLarge), "control frames are short");
    }

    #[test]
    fn endless_empty_fragments_are_refused() {
        let stream = [frame(false, 1, 0)]
            .into_iter()
            .chain(std::iter::repeat_n(frame(false, 0, 0), 2_000))
            .flatten()
            .collect::<Vec<u8>>();
        assert_eq!(verdict(&stream, 64), Err(Violation::TooManyFragments));
    }
}
