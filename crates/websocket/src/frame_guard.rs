//! Reads WebSocket frame headers as the bytes come in, in front of a decoder: a connection ends from a header, before anything it
//! announces is buffered.
//!
//! RFC 6455 section 5.2: `FIN|RSV|opcode`, `MASK|length7`, 0/2/8 bytes of extended length, 4 bytes of mask when masked, payload.
//!
//! It refuses what would cost memory (a decoder may look at its limit only when the whole frame is there) and what a decoder may let
//! through or mistake for something else: lengths not written in the fewest bytes, reserved bits, and fragments out of order, without
//! which sizes could not be added up. Masks, reserved opcodes, UTF-8 and the content of close frames are the decoder's.

/// Why the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// A frame, or the fragments of a message together, above the limit. Close code 1009.
    TooLarge,
    /// More fragments than any client needs. Close code 1009.
    TooManyFragments,
    /// Not a frame of RFC 6455; the text says which rule was broken. Close code 1002.
    Protocol(&'static str),
}

/// Sizes a client may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// Bytes of a message, all its fragments together.
    pub message_bytes: u64,
    /// Fragments of one message.
    pub fragments: u32,
}

/// Longest header: 2 + 8 + 4 bytes.
const HEADER_MAX: usize = 14;
/// Most payload of a control frame (section 5.5).
const CONTROL_MAX: u64 = 125;

/// The state between two pieces of the stream a client sends.
#[derive(Debug)]
pub struct FrameGuard {
    limits: FrameLimits,
    header: [u8; HEADER_MAX],
    header_len: usize,
    /// Payload still to pass of the frame whose header was read.
    payload_left: u64,
    /// Size and number of the fragments of the unfinished message; 0 fragments: there is none.
    message_bytes: u64,
    fragments: u32,
    /// Messages begun so far.
    begun: u64,
}

impl FrameGuard {
    /// A guard at the start of a stream.
    pub const fn new(limits: FrameLimits) -> Self {
        Self {
            limits,
            header: [0; HEADER_MAX],
            header_len: 0,
            payload_left: 0,
            message_bytes: 0,
            fragments: 0,
            begun: 0,
        }
    }

    /// The number of the message that has begun and is not complete, counted from 1; `None` between messages. It stays the same as long
    /// as the message stays unfinished, whatever control frames come between its fragments.
    pub const fn unfinished(&self) -> Option<u64> {
        if self.is_between_messages() { None } else { Some(self.begun) }
    }

    const fn is_between_messages(&self) -> bool {
        self.header_len == 0 && self.payload_left == 0 && self.fragments == 0
    }

    /// Looks at the next piece of the stream. Nothing of a piece with a violation may go on to the decoder, and nothing after it.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Violation> {
        while !bytes.is_empty() {
            if self.payload_left > 0 {
                let pass = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
                self.payload_left -= pass as u64;
                bytes = &bytes[pass..];
                continue;
            }
            if self.is_between_messages() {
                self.begun += 1;
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
        if self.header[0] & 0x70 != 0 {
            return Err(Violation::Protocol("a reserved bit is set, but no extension was agreed"));
        }
        let length = self.length()?;
        let (fin, opcode) = (self.header[0] & 0x80 != 0, self.header[0] & 0x0f);
        self.payload_left = length;
        if opcode & 0x08 != 0 {
            // Control frames may come between fragments, but have none themselves.
            return if !fin {
                Err(Violation::Protocol("a control frame in fragments"))
            } else if length > CONTROL_MAX {
                Err(Violation::Protocol("a control frame has at most 125 bytes"))
            } else {
                Ok(())
            };
        }
        match (opcode, self.fragments) {
            (0, 0) => return Err(Violation::Protocol("a continuation without a beginning")),
            (1.., 1..) => return Err(Violation::Protocol("a new message inside a fragmented one")),
            _ => {}
        }
        self.message_bytes = self.message_bytes.saturating_add(length);
        self.fragments += 1;
        if self.message_bytes > self.limits.message_bytes {
            return Err(Violation::TooLarge);
        }
        if self.fragments > self.limits.fragments {
            return Err(Violation::TooManyFragments);
        }
        if fin {
            (self.message_bytes, self.fragments) = (0, 0);
        }
        Ok(())
    }

    /// The payload's length, which must be written in the fewest bytes (section 5.2).
    fn length(&self) -> Result<u64, Violation> {
        let (length, least) = match self.header[1] & 0x7f {
            126 => (u64::from(u16::from_be_bytes([self.header[2], self.header[3]])), 126),
            127 => (self.header[2..10].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)), 1 << 16),
            short => (u64::from(short), 0),
        };
        if length < least {
            return Err(Violation::Protocol("a length is not written in the fewest bytes"));
        }
        if length >> 63 != 0 {
            return Err(Violation::Protocol("the highest bit of a length is set"));
        }
        Ok(length)
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
        let mut guard = FrameGuard::new(FrameLimits { message_bytes: 1_000, fragments: 1_024 });
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
        for length in [1_001, 65_536, 1 << 40, u64::MAX >> 1] {
            assert_eq!(verdict(&header(true, 2, length), 1), Err(Violation::TooLarge));
        }
    }

    #[test]
    fn the_limits_admit_their_value() {
        let pieces = |count: usize| {
            let middle = std::iter::repeat_n(frame(false, 0, 0), count - 2).flatten();
            [frame(false, 1, 0), middle.collect(), frame(true, 0, 1_000)].concat()
        };
        assert_eq!(verdict(&pieces(1_024), 64), Ok(()));
        assert_eq!(verdict(&pieces(1_025), 64), Err(Violation::TooManyFragments));
        assert_eq!(verdict(&[pieces(1_024), pieces(1_024)].concat(), 64), Ok(()), "each message is counted by itself");
    }

    /// Each row cites the section of RFC 6455 that is broken.
    #[test]
    fn what_is_not_a_frame_is_a_protocol_error_from_its_header() {
        const MASK: [u8; 4] = [1, 2, 3, 4];
        let extended = |second: u8, length: &[u8]| [&[0x82, 0x80 | second], length, &MASK].concat();
        let rows: &[(&str, Vec<u8>)] = &[
            ("5.2: 125 in two bytes", extended(126, &[0, 125])),
            ("5.2: 0 in two bytes", extended(126, &[0, 0])),
            ("5.2: 65535 in eight bytes", extended(127, &[0, 0, 0, 0, 0, 0, 0xff, 0xff])),
            ("5.2: 5 in eight bytes", extended(127, &[0, 0, 0, 0, 0, 0, 0, 5])),
            ("5.2: the highest bit of a length", extended(127, &[0x80, 0, 0, 0, 0, 0, 0, 0])),
            ("5.2: RSV1", header(true, 0x40 | 1, 5)),
            ("5.2: RSV2", header(true, 0x20 | 2, 5)),
            ("5.2: RSV3 of a control frame", header(true, 0x10 | 9, 5)),
            ("5.4: a continuation without a beginning", header(true, 0, 5)),
            ("5.4: the same, unfinished", header(false, 0, 0)),
            (
                "5.4: a continuation after the last one",
                [frame(false, 1, 1), frame(true, 0, 1), header(true, 0, 1)].concat(),
            ),
            ("5.4: a text inside a fragmented text", [frame(false, 1, 1), header(true, 1, 1)].concat()),
            ("5.4: a binary inside a fragmented text", [frame(false, 1, 1), header(false, 2, 1)].concat()),
            ("5.4: a ping in fragments", header(false, 9, 5)),
            ("5.5: a ping of 126 bytes", header(true, 9, 126)),
            ("5.5: a close of 2^40 bytes", header(true, 8, 1 << 40)),
        ];
        for (row, stream) in rows {
            for piece in [1, 3, 100] {
                let verdict = verdict(stream, piece);
                assert!(matches!(verdict, Err(Violation::Protocol(_))), "{row}: {verdict:?}");
            }
        }
        assert_eq!(verdict(&extended(126, &[0, 126]), 1), Ok(()), "126 needs two bytes");
        assert_eq!(verdict(&header(true, 9, 125), 1), Ok(()), "125 fit a control frame");
    }

    #[test]
    fn an_unfinished_message_has_one_number_until_it_is_complete() {
        let mut guard = FrameGuard::new(FrameLimits { message_bytes: 1_000, fragments: 1_024 });
        let mut after = |bytes: &[u8]| guard.feed(bytes).map(|()| guard.unfinished());
        let text = frame(true, 1, 10);
        assert_eq!(after(&[]), Ok(None));
        assert_eq!(after(&text[..1]), Ok(Some(1)), "from the first byte of a header");
        assert_eq!(after(&text[1..15]), Ok(Some(1)));
        assert_eq!(after(&[&text[15..], &text[..3]].concat()), Ok(Some(2)), "the next one has begun");
        assert_eq!(after(&text[3..]), Ok(None));
        assert_eq!(after(&frame(false, 1, 5)), Ok(Some(3)), "the last fragment is still to come");
        assert_eq!(after(&frame(true, 9, 5)), Ok(Some(3)), "a ping between fragments completes nothing");
        assert_eq!(after(&frame(true, 0, 0)), Ok(None));
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
