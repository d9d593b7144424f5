//! The native protocol `chat.v1`: one WebSocket text frame is one JSON object.
//!
//! A command has `id` and `cmd` and gets exactly one reply with that `id`; a push has `push` and no `id`.

mod command;
mod push;
mod read_command;
mod reply;

pub use command::{ClientCommand, ClientFrame, RoomCursor};
pub use push::ServerPush;
pub use read_command::{CommandError, read_command};
pub use reply::{FrameError, ReplyBody, ReplyResult, RoomSubscription, ServerReply};

/// The WebSocket sub-protocol's name.
pub const SUBPROTOCOL: &str = "chat.v1";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{EntryType, ErrorCode, RoomId};

    #[test]
    fn commands_read_as_documented() {
        let room = RoomId::generate();
        let json = format!(r#"{{"id":7,"cmd":"send","roomId":"{room}","clientMessageId":42,"content":"hi"}}"#);
        let frame: ClientFrame = serde_json::from_str(&json).unwrap();
        assert_eq!(frame.id, 7);
        let ClientCommand::Send { message_type, client_message_id, .. } = frame.command else { panic!("not a send") };
        assert_eq!(message_type, EntryType::Text);
        assert_eq!(client_message_id.to_string(), "42");
        let ping: ClientFrame = serde_json::from_str(r#"{"id":1,"cmd":"ping"}"#).unwrap();
        assert_eq!(ping.command, ClientCommand::Ping);
    }

    #[test]
    fn replies_and_pushes_survive_their_json() {
        let error = FrameError { code: ErrorCode::Busy, message: "m".into(), retry: true, retry_after_ms: Some(5) };
        for result in
            [ReplyResult::Error(error), ReplyResult::Ok(ReplyBody::Ping {}), ReplyResult::Ok(ReplyBody::Read {})]
        {
            let reply = ServerReply { id: 3, result };
            let json = serde_json::to_string(&reply).unwrap();
            assert_eq!(serde_json::from_str::<ServerReply>(&json).unwrap(), reply, "{json}");
        }
        let push = ServerPush::Ping { heads: BTreeMap::from([(RoomId::generate(), 4)]) };
        let json = serde_json::to_string(&push).unwrap();
        assert_eq!(serde_json::from_str::<ServerPush>(&json).unwrap(), push, "{json}");
    }
}
