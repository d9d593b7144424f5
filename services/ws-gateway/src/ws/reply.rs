//! Answers to a client's frames, whatever its protocol.

use chat_protocol::{ClientMessageId, Entry, Rejection, RoomId};
use jiff::Timestamp;

/// An answer.
#[derive(Debug)]
pub enum Reply {
    /// No.
    Refused(Rejection),
    /// A message is durable.
    Accepted { room_id: RoomId, client_message_id: ClientMessageId, accepted_at: Timestamp },
    /// The same, after `unknown` had been told.
    AcceptedLate { room_id: RoomId, client_message_id: ClientMessageId, accepted_at: Timestamp },
    /// A message was not taken, or it is not known whether it was.
    SendRefused { room_id: RoomId, client_message_id: ClientMessageId, rejection: Rejection },
    /// A page of history.
    History { room_id: RoomId, messages: Vec<Entry>, more: bool, head: i64 },
    /// Unsubscribed.
    Unsubscribed,
    /// A mark was taken.
    Read,
    /// Nothing to say but that it was done.
    Done,
}
