//! The vocabulary: commands, versions, headers and frames.

use bytes::Bytes;
use bytestring::ByteString;

/// Names of the headers the protocol gives a meaning to.
pub mod header {
    #![expect(missing_docs, reason = "each constant is the header's own name")]
    pub const ACCEPT_VERSION: &str = "accept-version";
    pub const ACK: &str = "ack";
    pub const AUTHORIZATION: &str = "Authorization";
    pub const CODE: &str = "code";
    pub const CONTENT_LENGTH: &str = "content-length";
    pub const CONTENT_TYPE: &str = "content-type";
    pub const DESTINATION: &str = "destination";
    pub const HEART_BEAT: &str = "heart-beat";
    pub const HOST: &str = "host";
    pub const ID: &str = "id";
    pub const MESSAGE: &str = "message";
    pub const MESSAGE_ID: &str = "message-id";
    pub const RECEIPT: &str = "receipt";
    pub const RECEIPT_ID: &str = "receipt-id";
    pub const SERVER: &str = "server";
    pub const SESSION: &str = "session";
    pub const SUBSCRIPTION: &str = "subscription";
    pub const TRANSACTION: &str = "transaction";
    pub const VERSION: &str = "version";
}

/// A version of the protocol; later versions compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 1.0: no escaping, no heart-beats, subscription ids optional.
    V1_0,
    /// 1.1: escapes `\n`, `\c`, `\\`.
    V1_1,
    /// 1.2: also escapes `\r`.
    V1_2,
}

impl Version {
    /// Every version, lowest first.
    pub const ALL: [Self; 3] = [Self::V1_0, Self::V1_1, Self::V1_2];
    /// The list a server puts in the `version` header of its ERROR when no version is common.
    pub const SUPPORTED: &str = "1.0,1.1,1.2";

    /// As written in headers: `1.2`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }
}

/// The command of a frame: eleven sent by clients, four by servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the command's own name")]
pub enum Command {
    Connect,
    /// What 1.1 and later may send in place of CONNECT.
    Stomp,
    Send,
    Subscribe,
    Unsubscribe,
    Ack,
    Nack,
    Begin,
    Commit,
    Abort,
    Disconnect,
    Connected,
    Message,
    Receipt,
    Error,
}

impl Command {
    /// Every command.
    pub const ALL: [Self; 15] = [
        Self::Connect,
        Self::Stomp,
        Self::Send,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Ack,
        Self::Nack,
        Self::Begin,
        Self::Commit,
        Self::Abort,
        Self::Disconnect,
        Self::Connected,
        Self::Message,
        Self::Receipt,
        Self::Error,
    ];

    /// As written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Stomp => "STOMP",
            Self::Send => "SEND",
            Self::Subscribe => "SUBSCRIBE",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::Ack => "ACK",
            Self::Nack => "NACK",
            Self::Begin => "BEGIN",
            Self::Commit => "COMMIT",
            Self::Abort => "ABORT",
            Self::Disconnect => "DISCONNECT",
            Self::Connected => "CONNECTED",
            Self::Message => "MESSAGE",
            Self::Receipt => "RECEIPT",
            Self::Error => "ERROR",
        }
    }

    /// Whether the specification lets this frame carry a body (1.2, "Body").
    pub const fn may_have_body(self) -> bool {
        matches!(self, Self::Send | Self::Message | Self::Error)
    }

    /// Whether a client may send it (legal or not in the present phase).
    pub const fn is_client(self) -> bool {
        !matches!(self, Self::Connected | Self::Message | Self::Receipt | Self::Error)
    }

    /// Whether its headers are written as they are in every version: these frames precede or settle the version
    /// (1.2, "Value Encoding"). STOMP is CONNECT by another name.
    pub(crate) const fn is_unescaped(self) -> bool {
        matches!(self, Self::Connect | Self::Stomp | Self::Connected)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.as_str() == text)
    }
}

/// The headers of a frame in the order they were sent; of a repeated header the first counts (1.2, "Repeated Header Entries").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(ByteString, ByteString)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of the first header of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_shared(name).map(|value| &**value)
    }

    /// As [`get`](Self::get), as shared text that can be cloned without copying.
    pub fn get_shared(&self, name: &str) -> Option<&ByteString> {
        self.0.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value)
    }

    /// Appends a header; an earlier one of the same name keeps winning.
    pub fn push(&mut self, name: impl Into<ByteString>, value: impl Into<ByteString>) {
        self.0.push((name.into(), value.into()));
    }

    /// Names and values, in order, repeated ones included.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The same headers in memory of their own.
    pub(crate) fn to_owned_memory(&self) -> Self {
        Self(self.iter().map(|(name, value)| (name.to_owned().into(), value.to_owned().into())).collect())
    }

    /// How many headers, repeated ones included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One frame. Values and body of a decoded frame share the memory of the input they came in: copy what outlives its handling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What the frame asks or tells.
    pub command: Command,
    /// Its headers, unescaped.
    pub headers: Headers,
    /// Its body; empty unless the command may have one.
    pub body: Bytes,
}

impl Frame {
    /// A frame without headers and body.
    pub const fn new(command: Command) -> Self {
        Self { command, headers: Headers::new(), body: Bytes::new() }
    }

    /// The same frame with one more header.
    #[must_use]
    pub fn with(mut self, name: impl Into<ByteString>, value: impl Into<ByteString>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// The same frame with this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The value of the first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The receipt the client asks for; CONNECT cannot ask for one (1.2, "Header receipt").
    pub fn receipt(&self) -> Option<&str> {
        match self.command {
            Command::Connect | Command::Stomp => None,
            _ => self.header(header::RECEIPT),
        }
    }
}
