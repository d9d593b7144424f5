//! What a client asks for, whatever its protocol.

use bytestring::ByteString;
use chat_protocol::{
    command::CommandBody,
    error_code::Rejection,
    frame::RoomCursor,
    id::{ClientMessageId, RoomId},
};

use crate::hub::{Feed, Sink, SubscriptionKey};

/// To which frame of the client an answer belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// `id` of a `chat.v1` command.
    Native(u64),
    /// `id` of the `chat.v1` connect command.
    NativeConnect(u64),
    /// `id` of a `chat.v1` frame that was not taken as a command: the id may be that of another, which still waits for its reply.
    NativeAside(u64),
    /// `receipt` of a STOMP frame, if it asked for one.
    Stomp(Option<ByteString>),
}

/// A frame, understood.
#[derive(Debug)]
pub enum Request {
    /// Authenticate.
    Connect { tag: Tag, token: Option<String>, rooms: Vec<RoomCursor> },
    /// Receive rooms.
    Subscribe { tag: Tag, rooms: Vec<RoomRequest> },
    /// Stop receiving.
    Unsubscribe { tag: Tag, rooms: Vec<(RoomId, SubscriptionKey)> },
    /// A command on a room's timeline: send, edit, delete, react.
    Send { tag: Tag, send: SendRequest },
    /// A new access token.
    Refresh { tag: Tag, token: String },
    /// Typing, or stopped.
    Typing { tag: Tag, room_id: RoomId, typing: bool },
    /// Read a page.
    History { tag: Tag, room_id: RoomId, before: Option<i64>, after: Option<i64>, limit: Option<u32> },
    /// Move one's mark.
    Read { tag: Tag, room_id: RoomId, seq: i64 },
    /// Answer at once (ping; STOMP frames that only want a receipt).
    Answer { tag: Tag },
    /// Not understood: told so, and counted.
    Unreadable { tag: Tag, rejection: Rejection },
    /// Understood, but not taken.
    Refused { tag: Tag, rejection: Rejection },
    /// Goodbye.
    Disconnect { tag: Tag },
}

/// One room of a subscribe.
#[derive(Debug, Clone)]
pub struct RoomRequest {
    /// Which.
    pub room_id: RoomId,
    /// From where.
    pub after: Option<i64>,
    /// Which of the session's subscriptions.
    pub key: SubscriptionKey,
    /// How its frames look.
    pub sink: Sink,
    /// What of the room it wants.
    pub feed: Feed,
}

/// A command on a room's timeline.
#[derive(Debug, Clone)]
pub struct SendRequest {
    /// Where.
    pub room_id: RoomId,
    /// Idempotency key.
    pub client_message_id: ClientMessageId,
    /// What.
    pub body: CommandBody,
    /// Trace context of the client.
    pub traceparent: Option<String>,
}
