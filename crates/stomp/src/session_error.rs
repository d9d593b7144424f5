//! What a client may not do in a session. Each is answered with an ERROR frame, after which the connection is closed.

use bytestring::ByteString;
use thiserror::Error;

use crate::{Command, Frame, Version, error, header};

/// A legal frame at the wrong time, or one the server does not serve.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{rule}")]
pub struct SessionError {
    /// The rule that was broken.
    pub rule: Rule,
    receipt: Option<ByteString>,
}

/// The rules of a session. Their text is the `message` header of the ERROR frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rule {
    /// The first frame must be CONNECT or STOMP.
    #[error("{} before CONNECT", .0.as_str())]
    NotConnected(Command),
    /// CONNECT was sent already.
    #[error("already connected")]
    AlreadyConnected,
    /// Nothing may follow DISCONNECT or an error.
    #[error("session is closed")]
    Closed,
    /// A client sent one of the server's commands.
    #[error("{} is not a client command", .0.as_str())]
    ServerCommand(Command),
    /// `accept-version` names no version the server speaks.
    #[error("no common version; supported are {}", Version::SUPPORTED)]
    NoCommonVersion,
    /// `heart-beat` is not two numbers of milliseconds.
    #[error("heart-beat is not two numbers of milliseconds")]
    BadHeartBeat,
    /// Acknowledgements and transactions are not served.
    #[error("{} is not supported", .0.as_str())]
    CommandNotSupported(Command),
    /// SEND within a transaction.
    #[error("transactions are not supported")]
    TransactionNotSupported,
    /// `ack` of SUBSCRIBE is other than `auto`.
    #[error("only ack:auto is supported")]
    AckNotSupported,
    /// A required header is absent or empty.
    #[error("header {0} is missing")]
    MissingHeader(&'static str),
    /// `id` or `destination` of SUBSCRIBE is longer than the server keeps.
    #[error("header {0} is too long")]
    HeaderTooLong(&'static str),
    /// The id is in use by another subscription.
    #[error("subscription id is in use")]
    DuplicateSubscription,
    /// The connection has as many subscriptions as it may have.
    #[error("more than {0} subscriptions")]
    TooManySubscriptions(usize),
}

impl SessionError {
    pub(crate) fn new(rule: Rule, frame: &Frame) -> Self {
        Self { rule, receipt: frame.receipt().map(Into::into) }
    }

    /// The receipt asked for by the offending frame.
    pub fn receipt(&self) -> Option<&str> {
        self.receipt.as_deref()
    }

    /// The ERROR frame to answer with; `code` is the application's.
    pub fn to_frame(&self, code: &str) -> Frame {
        let message = self.rule.to_string();
        let frame = error(code, &message, self.receipt(), &message);
        match self.rule {
            // 1.2, "Protocol Negotiation": the server tells what it speaks.
            Rule::NoCommonVersion => frame.with(header::VERSION, Version::SUPPORTED),
            _ => frame,
        }
    }
}
