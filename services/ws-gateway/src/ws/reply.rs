//! Answers to a client's frames, whatever its protocol.

use chat_protocol::{ClientMessageId, Entry, Rejection, RoomId};
use jiff::Timestamp;

use super::send_window::Action;

/// An answer.
#[derive(Debug)]
pub enum Reply {
    /// No.
    Refused(Rejection),
    /// A command is durable.
    Accepted { action: Action, room_id: RoomId, client_message_id: ClientMessageId, accepted_at: Timestamp },
    /// The same, after `unknown` had been told.
    AcceptedLate { room_id: RoomId, client_message_id: ClientMessageId, accepted_at: Timestamp },
    /// A command was not taken, or it is not known whether it was.
    SendRefused { room_id: RoomId, client_message_id: ClientMessageId, rejection: Rejection },
    /// A page of history.
    History { room_id: RoomId, messages: Vec<Entry>, more: bool, head: i64 },
    /// Unsubscribed.
    Unsubscribed,
    /// A mark was taken.
    Read,
    /// Typing was told.
    Typing,
    /// The new token counts until then.
    Refreshed { expires_at: Timestamp },
    /// Nothing to say but that it was done.
    Done,
}
