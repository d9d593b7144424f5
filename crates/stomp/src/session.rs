//! The server's side of one session as a state machine without I/O: which frame is legal when, and what was agreed.

use bytes::Bytes;
use bytestring::ByteString;

use crate::negotiation::negotiate;
use crate::session_error::Rule;
use crate::{Command, Frame, Negotiated, SessionError, Subscription, Subscriptions, Version, header};

/// What the server offers and allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// The `server` header of CONNECTED, for example `chat/0.1.0`.
    pub server: ByteString,
    /// The shortest interval at which the server can send heart-beats, in ms; 0: it sends none.
    pub send_every_ms: u32,
    /// The interval at which the server wants heart-beats, in ms; 0: it wants none.
    pub expect_every_ms: u32,
    /// Subscriptions one connection may have.
    pub max_subscriptions: usize,
    /// Octets that the id and the destination of a subscription may each have.
    pub max_name_bytes: usize,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            server: ByteString::from_static("chat"),
            send_every_ms: 10_000,
            expect_every_ms: 10_000,
            max_subscriptions: 1024,
            max_name_bytes: 256,
        }
    }
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Only CONNECT or STOMP is legal.
    AwaitingConnect,
    /// CONNECT was legal. That the client is who it claims to be is the caller's to check before it passes the next frame.
    Connected,
    /// Nothing is legal any more.
    Closed,
}

/// A frame that is legal now, with what the session made of it. Authorization is the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Authenticate, answer [`Session::connected`], and give the version to the decoder.
    Connect {
        /// What was agreed.
        negotiated: Negotiated,
        /// The CONNECT or STOMP frame.
        frame: Frame,
    },
    /// A message for the server.
    Send {
        /// The `destination` header.
        destination: ByteString,
        /// The SEND frame.
        frame: Frame,
    },
    /// A new subscription; it is in the table already.
    Subscribe {
        /// The new entry.
        subscription: Subscription,
        /// The SUBSCRIBE frame.
        frame: Frame,
    },
    /// The end of a subscription; it is out of the table already.
    Unsubscribe {
        /// The entry; `None` if there was none, which is no error: the server may have ended it just before.
        removed: Option<Subscription>,
        /// The UNSUBSCRIBE frame.
        frame: Frame,
    },
    /// The client leaves: answer its receipt, then close.
    Disconnect {
        /// The DISCONNECT frame.
        frame: Frame,
    },
}

/// One session, from CONNECT to DISCONNECT.
#[derive(Debug)]
pub struct Session {
    settings: ServerSettings,
    phase: Phase,
    negotiated: Negotiated,
    subscriptions: Subscriptions,
}

impl Session {
    /// A session that awaits CONNECT.
    pub fn new(settings: ServerSettings) -> Self {
        Self {
            settings,
            phase: Phase::AwaitingConnect,
            negotiated: Negotiated::NOTHING,
            subscriptions: Subscriptions::default(),
        }
    }

    /// Checks a frame from the client. After an error the session is closed: send [`SessionError::to_frame`], then close.
    pub fn accept(&mut self, frame: Frame) -> Result<Request, SessionError> {
        let result = match self.check(&frame) {
            Ok(()) => self.apply(frame),
            Err(rule) => Err(SessionError::new(rule, &frame)),
        };
        if result.is_err() {
            self.phase = Phase::Closed;
        }
        result
    }

    /// The version to encode with: the negotiated one; 1.0, which escapes nothing, before there is one.
    pub const fn version(&self) -> Version {
        self.negotiated.version
    }

    /// How far the session is.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Ends the session for a reason of the caller's.
    pub const fn close(&mut self) {
        self.phase = Phase::Closed;
    }

    /// What the client listens to.
    pub const fn subscriptions(&self) -> &Subscriptions {
        &self.subscriptions
    }

    /// As [`subscriptions`](Self::subscriptions), for the server to end one.
    pub const fn subscriptions_mut(&mut self) -> &mut Subscriptions {
        &mut self.subscriptions
    }

    /// The CONNECTED frame.
    pub fn connected(&self, session_id: &str) -> Frame {
        let heart_beat = format!("{},{}", self.settings.send_every_ms, self.settings.expect_every_ms);
        Frame::new(Command::Connected)
            .with(header::VERSION, self.version().as_str())
            .with(header::HEART_BEAT, heart_beat)
            .with(header::SERVER, self.settings.server.clone())
            .with(header::SESSION, session_id)
    }

    /// Whether the command is legal in this phase at all.
    fn check(&self, frame: &Frame) -> Result<(), Rule> {
        let command = frame.command;
        let connects = matches!(command, Command::Connect | Command::Stomp);
        match self.phase {
            Phase::Closed => Err(Rule::Closed),
            _ if !command.is_client() => Err(Rule::ServerCommand(command)),
            Phase::AwaitingConnect if !connects => Err(Rule::NotConnected(command)),
            Phase::Connected if connects => Err(Rule::AlreadyConnected),
            Phase::AwaitingConnect | Phase::Connected => Ok(()),
        }
    }

    fn apply(&mut self, frame: Frame) -> Result<Request, SessionError> {
        let refuse = |rule, frame: &Frame| Err(SessionError::new(rule, frame));
        match frame.command {
            Command::Connect | Command::Stomp => match negotiate(&frame, &self.settings) {
                Ok(negotiated) => {
                    self.negotiated = negotiated;
                    self.phase = Phase::Connected;
                    Ok(Request::Connect { negotiated, frame })
                }
                Err(rule) => refuse(rule, &frame),
            },
            Command::Send => match send_destination(&frame) {
                Ok(destination) => Ok(Request::Send { destination, frame }),
                Err(rule) => refuse(rule, &frame),
            },
            Command::Subscribe => match self.subscribe(&frame) {
                Ok(subscription) => Ok(Request::Subscribe { subscription, frame }),
                Err(rule) => refuse(rule, &frame),
            },
            Command::Unsubscribe => match self.subscription_id(&frame) {
                Ok(id) => Ok(Request::Unsubscribe { removed: self.subscriptions.remove(id), frame }),
                Err(rule) => refuse(rule, &frame),
            },
            Command::Disconnect => {
                self.phase = Phase::Closed;
                Ok(Request::Disconnect { frame })
            }
            command => refuse(Rule::CommandNotSupported(command), &frame),
        }
    }

    fn subscribe(&mut self, frame: &Frame) -> Result<Subscription, Rule> {
        let destination = required(frame, header::DESTINATION)?;
        let id = self.subscription_id(frame)?;
        // 1.2, "SUBSCRIBE ack Header": absent means auto.
        if frame.header(header::ACK).is_some_and(|ack| ack != "auto") {
            return Err(Rule::AckNotSupported);
        }
        for (name, value) in [(header::DESTINATION, destination), (header::ID, id)] {
            if value.len() > self.settings.max_name_bytes {
                return Err(Rule::HeaderTooLong(name));
            }
        }
        if self.subscriptions.get(id).is_some() {
            return Err(Rule::DuplicateSubscription);
        }
        if self.subscriptions.len() >= self.settings.max_subscriptions {
            return Err(Rule::TooManySubscriptions(self.settings.max_subscriptions));
        }
        // `String` first: a clone of the shared text would keep the whole input alive with the subscription.
        let subscription = Subscription {
            id: id.to_owned().into(),
            destination: destination.to_owned().into(),
            explicit_id: frame.header(header::ID).is_some(),
        };
        self.subscriptions.insert(subscription.clone());
        Ok(subscription)
    }

    /// The id a SUBSCRIBE or UNSUBSCRIBE speaks of. Since 1.1 it is required; in 1.0 the destination stands in for it.
    fn subscription_id<'f>(&self, frame: &'f Frame) -> Result<&'f str, Rule> {
        match frame.header(header::ID) {
            Some(_) => required(frame, header::ID),
            None if self.version() == Version::V1_0 => required(frame, header::DESTINATION),
            None => Err(Rule::MissingHeader(header::ID)),
        }
    }
}

fn send_destination(frame: &Frame) -> Result<ByteString, Rule> {
    required(frame, header::DESTINATION)?;
    if frame.header(header::TRANSACTION).is_some() {
        return Err(Rule::TransactionNotSupported);
    }
    Ok(frame.headers.get_shared(header::DESTINATION).cloned().unwrap_or_default())
}

fn required<'f>(frame: &'f Frame, name: &'static str) -> Result<&'f str, Rule> {
    frame.header(name).filter(|value| !value.is_empty()).ok_or(Rule::MissingHeader(name))
}

/// The RECEIPT frame that answers a `receipt` header.
pub fn receipt(receipt_id: &str) -> Frame {
    Frame::new(Command::Receipt).with(header::RECEIPT_ID, receipt_id)
}

/// An ERROR frame: `message` is its short description, `detail` its plain-text body, `receipt_id` the receipt the offending
/// frame asked for. The connection must be closed after it (1.2, "ERROR").
pub fn error(code: &str, message: &str, receipt_id: Option<&str>, detail: &str) -> Frame {
    let frame = Frame::new(Command::Error).with(header::MESSAGE, message).with(header::CODE, code);
    let frame = match receipt_id {
        Some(id) => frame.with(header::RECEIPT_ID, id),
        None => frame,
    };
    frame.with(header::CONTENT_TYPE, "text/plain").with_body(Bytes::copy_from_slice(detail.as_bytes()))
}
