//! The streaming decoder: bytes in any pieces in, frames and heart-beats out.

use bytes::{Buf, Bytes};

use crate::body::Body;
use crate::scan::HeadScan;
use crate::{DecodeError, Frame, Version, head};

/// Sizes a peer may not pass. They are checked before the octet that passes them is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the command line, its end excluded.
    pub command: usize,
    /// Header lines, repeated ones included.
    pub headers: usize,
    /// Octets of one header line as received, its end excluded.
    pub header_line: usize,
    /// Octets of a whole frame, from the command to the NUL, both included.
    pub frame: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { command: 16, headers: 32, header_line: 4 * 1024, frame: 64 * 1024 }
    }
}

/// What the decoder found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A complete frame.
    Frame(Frame),
    /// One end-of-line between frames: a heart-beat, or the padding some clients put after a frame.
    HeartBeat,
}

/// Where the decoder stands in the stream.
#[derive(Debug)]
enum State {
    /// Between frames; `after_cr`: a carriage return was read, only a line feed may follow.
    Between { after_cr: bool },
    /// In command or headers.
    Head(HeadScan),
    /// Headers are read; the body comes next.
    Body(Body),
    /// After an error; frame borders are lost for good.
    Failed(DecodeError),
}

/// Decodes one direction of one connection.
///
/// ```
/// use bytes::Bytes;
/// use chat_stomp::{Decoder, Item, Limits, Version};
///
/// let mut decoder = Decoder::new(Limits::default(), Version::V1_0);
/// let mut input = Bytes::from_static(b"CONNECT\naccept-version:1.2\n\n\0\n");
/// let Some(Item::Frame(connect)) = decoder.decode(&mut input)? else { panic!() };
/// assert_eq!(connect.header("accept-version"), Some("1.2"));
/// assert_eq!(decoder.decode(&mut input)?, Some(Item::HeartBeat));
/// assert_eq!(decoder.decode(&mut input)?, None);
/// # Ok::<(), chat_stomp::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    version: Version,
    state: State,
    /// What arrived of the present head or body; empty while it lies whole in the input.
    partial: Vec<u8>,
    failed_receipt: Option<String>,
}

impl Decoder {
    /// A decoder at the start of a stream. Until CONNECT is read the version has no effect.
    pub const fn new(limits: Limits, version: Version) -> Self {
        Self { limits, version, state: State::Between { after_cr: false }, partial: Vec::new(), failed_receipt: None }
    }

    /// Sets the negotiated version, which decides how headers are unescaped, for the frames after the last one returned.
    pub const fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    /// Octets held of the unfinished head or body. Together with the headers already read never more than [`Limits::frame`].
    pub const fn buffered(&self) -> usize {
        self.partial.len()
    }

    /// After an error: the receipt asked for by the broken frame, as far as it could be read.
    pub fn failed_receipt(&self) -> Option<&str> {
        self.failed_receipt.as_deref()
    }

    /// Takes the next item from the front of `input`. `None` means that all of `input` was taken: call again with what the
    /// peer sends next. After an error every further call gives the same error.
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Option<Item>, DecodeError> {
        let result = self.step(input);
        match (&result, &mut self.state) {
            // Waiting for the rest must not keep the whole input alive, of which the headers may be a small slice.
            (Ok(None), State::Body(body)) => body.own_headers(),
            (Err(error), state) => {
                if let State::Body(body) = state {
                    self.failed_receipt = body.frame.receipt().map(Into::into);
                }
                *state = State::Failed(error.clone());
                self.partial = Vec::new();
            }
            _ => {}
        }
        result
    }

    fn step(&mut self, input: &mut Bytes) -> Result<Option<Item>, DecodeError> {
        if let State::Failed(error) = &self.state {
            return Err(error.clone());
        }
        while let Some(&first) = input.first() {
            match &mut self.state {
                State::Between { after_cr } => match (first, *after_cr) {
                    (b'\n', _) => {
                        *after_cr = false;
                        input.advance(1);
                        return Ok(Some(Item::HeartBeat));
                    }
                    (_, true) => return Err(DecodeError::LoneCarriageReturn),
                    (b'\r', false) => {
                        *after_cr = true;
                        input.advance(1);
                    }
                    _ => self.state = State::Head(HeadScan::default()),
                },
                State::Head(scan) => {
                    let end = scan.advance(input, &self.limits)?;
                    let Some(head) = self.take(input, end) else { return Ok(None) };
                    self.state = State::Body(self.begin_body(head)?);
                }
                State::Body(body) => {
                    let end = body.end_in(input, self.partial.len(), &self.limits)?;
                    let Some(octets) = self.take(input, end) else { return Ok(None) };
                    return Ok(self.finish(&octets).map(Item::Frame));
                }
                State::Failed(error) => return Err(error.clone()),
            }
        }
        Ok(None)
    }

    /// Takes what belongs to the present head or body: the whole of it when `end` tells where it ends in `input`, without
    /// copying if it lies there entirely; else stores all of `input` and waits.
    fn take(&mut self, input: &mut Bytes, end: Option<usize>) -> Option<Bytes> {
        if let (Some(end), true) = (end, self.partial.is_empty()) {
            return Some(input.split_to(end));
        }
        let piece = input.split_to(end.unwrap_or(input.len()));
        let needed = self.partial.len() + piece.len();
        if needed > self.partial.capacity() {
            // Doubles like `Vec` does, but never beyond what the frame may need.
            let capacity = (2 * self.partial.capacity()).min(self.limits.frame).max(needed);
            self.partial.reserve_exact(capacity - self.partial.len());
        }
        self.partial.extend_from_slice(&piece);
        end.map(|_| std::mem::take(&mut self.partial).into())
    }

    /// Ends the frame whose body, with its NUL, is `octets`.
    fn finish(&mut self, octets: &Bytes) -> Option<Frame> {
        match std::mem::replace(&mut self.state, State::Between { after_cr: false }) {
            State::Body(body) => Some(body.finish(octets)),
            _ => None,
        }
    }

    fn begin_body(&mut self, head: Bytes) -> Result<Body, DecodeError> {
        let octets = head.len();
        let body = head::parse(head, self.version).and_then(|frame| {
            Body::new(frame, octets, self.version, &self.limits).map_err(|(error, frame)| (error, Some(frame)))
        });
        body.map_err(|(error, frame)| {
            self.failed_receipt = frame.as_ref().and_then(Frame::receipt).map(Into::into);
            error
        })
    }
}
