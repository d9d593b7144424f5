//! Finds the end of a frame's head (command and headers) byte by byte, enforcing the limits before anything is buffered.

use memchr::memchr3;

use crate::{DecodeError, Limits};

/// Where the scan of one head stands. It remembers counts only, so a head may arrive in any pieces.
#[derive(Debug, Default)]
pub(crate) struct HeadScan {
    /// Octets of the frame seen so far, line ends included.
    seen: usize,
    /// Octets of the current line, its end excluded.
    line: usize,
    /// The last octet was a carriage return: only a line feed may follow.
    after_cr: bool,
    /// Complete lines, the command included.
    lines: usize,
}

impl HeadScan {
    /// Reads on; answers how many octets of `chunk` belong to the head once its blank line was found.
    pub(crate) fn advance(&mut self, chunk: &[u8], limits: &Limits) -> Result<Option<usize>, DecodeError> {
        let mut at = 0;
        while at < chunk.len() {
            if self.after_cr && chunk[at] != b'\n' {
                return Err(DecodeError::LoneCarriageReturn);
            }
            let rest = &chunk[at..];
            let special = memchr3(b'\n', b'\r', 0, rest);
            self.count_text(special.unwrap_or(rest.len()), limits)?;
            let Some(run) = special else { return Ok(None) };
            self.seen += 1;
            self.check_frame(limits)?;
            at += run + 1;
            match rest[run] {
                0 => return Err(DecodeError::NulInHead),
                b'\r' => self.after_cr = true,
                _ => {
                    if self.end_line() {
                        return Ok(Some(at));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Counts octets that are part of a line. Of two limits crossed by one piece, the one crossed at the earlier octet is
    /// reported, so that the cutting of the input does not change the error.
    fn count_text(&mut self, octets: usize, limits: &Limits) -> Result<(), DecodeError> {
        // The command is the first line: a header more than allowed is refused at its first octet.
        if octets > 0 && self.lines > limits.headers {
            return Err(DecodeError::TooManyHeaders { limit: limits.headers });
        }
        let line_room = if self.lines == 0 { limits.command } else { limits.header_line } - self.line;
        let frame_room = limits.frame - self.seen;
        if octets > line_room.min(frame_room) {
            return Err(match (frame_room < line_room, self.lines) {
                (true, _) => DecodeError::FrameTooLong { limit: limits.frame },
                (false, 0) => DecodeError::CommandTooLong { limit: limits.command },
                (false, _) => DecodeError::HeaderTooLong { limit: limits.header_line },
            });
        }
        self.line += octets;
        self.seen += octets;
        Ok(())
    }

    fn check_frame(&self, limits: &Limits) -> Result<(), DecodeError> {
        if self.seen > limits.frame { Err(DecodeError::FrameTooLong { limit: limits.frame }) } else { Ok(()) }
    }

    /// Ends the current line; `true` when it was the blank one after the headers.
    fn end_line(&mut self) -> bool {
        if self.lines > 0 && self.line == 0 {
            return true;
        }
        self.lines += 1;
        self.line = 0;
        self.after_cr = false;
        false
    }
}
