//! The JSON envelope of `chat.v1`.

use chat_protocol::frame::ClientFrame;

/// Any text is a frame or an error, and a frame that was read is written as one that reads the same.
pub fn json_envelope(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(frame) = serde_json::from_str::<ClientFrame>(text) else { return };
    let written = serde_json::to_string(&frame).expect("a frame that was read can be written");
    let again: ClientFrame = serde_json::from_str(&written).expect("a frame that was written can be read");
    assert_eq!(again, frame, "{written}");
}
