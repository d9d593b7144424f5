//! The two protocols behind one face.

use bytes::Bytes;
use bytestring::ByteString;
use chat_protocol::{ErrorCode, Rejection, close::CloseCode};

use super::{
    native::{self, Native},
    outbox::Item,
    reply::Reply,
    request::{Request, Tag},
    session::SessionInfo,
    stomp::{Fatal, Stomp},
};

/// The protocol of a session.
pub enum Protocol {
    /// `chat.v1`.
    Native(Native),
    /// STOMP 1.0–1.2.
    Stomp(Box<Stomp>),
}

impl Protocol {
    /// Reads a text or binary message.
    pub fn read(&mut self, bytes: Bytes, is_text: bool, requests: &mut Vec<Request>) -> Result<(), Fatal> {
        match self {
            Self::Stomp(stomp) => stomp.read(bytes, requests),
            Self::Native(_) if !is_text => Err(Fatal { frame: None, close: CloseCode::UNSUPPORTED }),
            Self::Native(native) => {
                // Text messages are checked to be UTF-8 before they come here.
                let text =
                    ByteString::try_from(bytes).map_err(|_| Fatal { frame: None, close: CloseCode::INVALID_TEXT })?;
                requests.push(native.read(&text));
                Ok(())
            }
        }
    }

    /// The reply to a connect without rooms.
    pub fn connected(&mut self, tag: &Tag, session: &SessionInfo, out: &mut Vec<ByteString>) {
        match (self, tag) {
            (Self::Stomp(stomp), _) => stomp.connected(&session.id.to_string(), out),
            (Self::Native(native), Tag::Native(id) | Tag::NativeConnect(id)) => {
                native.replied(*id);
                out.extend(native::connected(*id, session, Vec::new()));
            }
            (Self::Native(_), Tag::NativeAside(_) | Tag::Stomp(_)) => {}
        }
    }

    /// Puts a reply into words.
    pub fn reply(&mut self, tag: &Tag, reply: Reply, out: &mut Vec<ByteString>) -> Result<(), Fatal> {
        match (self, tag) {
            (Self::Stomp(stomp), Tag::Stomp(receipt)) => stomp.reply(receipt.as_ref(), reply, out),
            (Self::Native(native), Tag::Native(id) | Tag::NativeConnect(id) | Tag::NativeAside(id)) => {
                let close = match &reply {
                    Reply::Refused(rejection) => rejection.code.close_code(),
                    _ => None,
                };
                // What is late has had its reply: the id may be another command's by now.
                if !matches!((tag, &reply), (Tag::NativeAside(_), _) | (_, Reply::AcceptedLate { .. })) {
                    native.replied(*id);
                }
                let frame = native::reply(*id, reply);
                if let Some(close) = close {
                    return Err(Fatal { frame, close });
                }
                out.extend(frame);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Puts a queued item into words; a close ends the session.
    pub fn item(&mut self, item: Item, session: &SessionInfo, out: &mut Vec<ByteString>) -> Result<(), Fatal> {
        match (self, item) {
            (_, Item::Frame(frame)) => out.push(frame),
            (Self::Native(native), Item::Subscribed(Tag::NativeConnect(id), rooms)) => {
                native.replied(id);
                out.extend(native::connected(id, session, rooms));
            }
            (Self::Native(native), Item::Subscribed(Tag::Native(id), rooms)) => {
                native.replied(id);
                out.extend(native::subscribed(id, rooms));
            }
            (Self::Stomp(stomp), Item::Subscribed(Tag::Stomp(receipt), rooms)) => {
                stomp.subscribed(receipt.as_ref(), rooms, out)?;
            }
            (_, Item::Subscribed(..) | Item::Standing(_)) => {}
            (Self::Native(_), Item::Push(push)) => out.extend(native::push(push)),
            (Self::Stomp(stomp), Item::Push(push)) => stomp.push(push, out),
            (_, Item::Close(close)) => return Err(Fatal { frame: None, close }),
        }
        Ok(())
    }

    /// One unreadable frame too many: the answer to it is the last.
    pub fn struck_out(&self, tag: &Tag, rejection: Rejection) -> Fatal {
        match (self, tag) {
            (Self::Stomp(stomp), Tag::Stomp(receipt)) => stomp.struck_out(receipt.as_ref(), &rejection),
            (_, Tag::Native(id) | Tag::NativeConnect(id) | Tag::NativeAside(id)) => {
                Fatal { frame: native::reply(*id, Reply::Refused(rejection)), close: CloseCode::POLICY }
            }
            (Self::Native(_), Tag::Stomp(_)) => Fatal { frame: None, close: CloseCode::POLICY },
        }
    }

    /// The last words before a close. `answer` is that to the frame which caused it, if one did.
    pub fn closing(
        &mut self,
        close: CloseCode,
        reason: &str,
        retry_after_ms: Option<u64>,
        answer: Option<ByteString>,
        out: &mut Vec<ByteString>,
    ) {
        let silently = close == CloseCode::NORMAL;
        match self {
            Self::Native(_) => {
                out.extend(answer);
                if !silently {
                    out.extend(native::closing(close.0, reason, retry_after_ms));
                }
            }
            Self::Stomp(stomp) => {
                if !silently {
                    stomp.closing(reason, retry_after_ms, out);
                }
                // Nothing may follow an ERROR.
                out.extend(answer);
            }
        }
    }

    /// The session has sent something before its connect, or nothing in time.
    pub fn not_connected() -> Rejection {
        Rejection::new(ErrorCode::Unauthorized, "the first frame must be connect with an access token")
    }

    /// The tag of an answer that nothing asked for.
    pub fn unasked(&self) -> Tag {
        match self {
            Self::Native(_) => Tag::NativeAside(0),
            Self::Stomp(_) => Tag::Stomp(None),
        }
    }

    /// Whether heads are told in pings.
    pub fn wants_heads(&self) -> bool {
        matches!(self, Self::Native(_))
    }
}
