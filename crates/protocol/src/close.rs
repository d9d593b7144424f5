//! WebSocket close codes: when they are sent and what a client does then.
//!
//! 1000–1015 are those of RFC 6455 section 7.4.1 and the IANA registry, 4000–4999 are ours.

/// A close code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The client said goodbye.
    pub const NORMAL: Self = Self(1000);
    /// Frames against the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// Binary data where text is expected.
    pub const UNSUPPORTED: Self = Self(1003);
    /// Text that is not UTF-8.
    pub const INVALID_TEXT: Self = Self(1007);
    /// Something that is not allowed, such as a foreign room over STOMP; too many frames that could not be read, or at all.
    pub const POLICY: Self = Self(1008);
    /// A frame or message above the limit.
    pub const TOO_LARGE: Self = Self(1009);
    /// The server restarts.
    pub const RESTART: Self = Self(1012);
    /// The server is overloaded.
    pub const OVERLOADED: Self = Self(1013);
    /// The client reads too slowly.
    pub const SLOW: Self = Self(4008);
    /// Credentials missing, wrong or expired.
    pub const AUTH: Self = Self(4401);
    /// No first frame in time, or nothing heard for too long.
    pub const TIMEOUT: Self = Self(4408);
    /// More sessions than one user may have.
    pub const LIMIT: Self = Self(4429);

    /// Every code the server sends: code, when, whether to reconnect (with resume).
    pub const TABLE: &'static [(Self, &'static str, bool)] = &[
        (Self::NORMAL, "answer to the client's close", false),
        (Self::PROTOCOL, "frames against the WebSocket or STOMP protocol", false),
        (Self::UNSUPPORTED, "binary frame on chat.v1", false),
        (Self::INVALID_TEXT, "text that is not UTF-8", false),
        (
            Self::POLICY,
            "something that is not allowed, too many frames that could not be read, or too many frames at all",
            false,
        ),
        (
            Self::TOO_LARGE,
            "a message above the limit, or in too many fragments; refused from the frame's header",
            false,
        ),
        (Self::RESTART, "the server restarts", true),
        (Self::OVERLOADED, "the server is overloaded", true),
        (Self::SLOW, "the client read too slowly", true),
        (Self::AUTH, "credentials missing, wrong or expired: refresh the token first", false),
        (Self::TIMEOUT, "no first frame in time, or nothing heard for too long", true),
        (
            Self::LIMIT,
            "more sessions than one user may have: this one is refused, or makes room for a newer one, as the reason says",
            false,
        ),
    ];
}
