//! Why a stream of bytes is not STOMP. The text of each error is what the ERROR frame's `message` header says.

use thiserror::Error;

/// A violation of the frame grammar or of a size limit. The connection cannot go on after one: frame borders are lost.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The command line is longer than [`Limits::command`](crate::Limits::command).
    #[error("command longer than {limit} bytes")]
    CommandTooLong {
        /// The limit that was passed.
        limit: usize,
    },
    /// The command is none of STOMP's; commands are case-sensitive.
    #[error("unknown command")]
    UnknownCommand,
    /// One header line is longer than [`Limits::header_line`](crate::Limits::header_line).
    #[error("header line longer than {limit} bytes")]
    HeaderTooLong {
        /// The limit that was passed.
        limit: usize,
    },
    /// More headers than [`Limits::headers`](crate::Limits::headers).
    #[error("more than {limit} headers")]
    TooManyHeaders {
        /// The limit that was passed.
        limit: usize,
    },
    /// The frame is longer, or announces to be longer, than [`Limits::frame`](crate::Limits::frame).
    #[error("frame longer than {limit} bytes")]
    FrameTooLong {
        /// The limit that was passed.
        limit: usize,
    },
    /// A carriage return that is not followed by a line feed.
    #[error("carriage return without line feed")]
    LoneCarriageReturn,
    /// A NUL octet before the blank line that ends the headers.
    #[error("frame ends before the blank line after its headers")]
    NulInHead,
    /// Command or headers are not UTF-8.
    #[error("command or headers are not UTF-8")]
    NotUtf8,
    /// A header line without colon.
    #[error("header without colon")]
    MissingColon,
    /// A header line that begins with its colon.
    #[error("header without name")]
    EmptyHeaderName,
    /// A backslash followed by something the version does not define.
    #[error("undefined escape sequence in a header")]
    UndefinedEscape,
    /// `content-length` is not a row of decimal digits.
    #[error("content-length is not a number")]
    BadContentLength,
    /// The octet after `content-length` octets of body is not NUL.
    #[error("no NUL after content-length bytes of body")]
    MissingNul,
    /// A body on a frame other than SEND, MESSAGE and ERROR.
    #[error("this command cannot have a body")]
    BodyNotAllowed,
}

impl DecodeError {
    /// Whether a size limit was passed, as against malformed input.
    pub const fn is_limit(&self) -> bool {
        matches!(
            self,
            Self::CommandTooLong { .. }
                | Self::HeaderTooLong { .. }
                | Self::TooManyHeaders { .. }
                | Self::FrameTooLong { .. }
        )
    }
}
