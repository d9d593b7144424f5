//! What several examples of the OpenAPI document show: one room, and its last message.

use serde_json::{Value, json};

/// Said by alice in the lobby.
pub fn message() -> Value {
    json!({
        "messageId": "01a1fdc8-5f77-7202-8ceb-6df5c04d4265", "roomId": "2501ce54-9bbf-52d2-9009-46db5de7d7bc", "seq": 5, "number": 4,
        "senderId": "01a1fdc7-2d30-7763-9e90-2a12c2c04065", "senderNickname": "alice",
        "clientMessageId": "cbf14627-c8a3-4eb3-a701-a4afcab583d6", "type": "TEXT", "content": "hello",
        "sentAt": "2026-11-21T11:05:29.720097Z"
    })
}

/// The lobby, as bob sees it, who has not read that yet.
pub fn room() -> Value {
    json!({
        "roomId": "2501ce54-9bbf-52d2-9009-46db5de7d7bc", "type": "GROUP", "name": "Lobby", "memberCount": 2, "open": false, "headSeq": 5,
        "lastMessage": message(),
        "unreadCount": 1, "readSeq": 4
    })
}
