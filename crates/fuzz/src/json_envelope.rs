//! The JSON envelope of `chat.v1`.

use chat_protocol::frame::read_command;

/// Any text is a frame or an error with a message, and a frame that was read is written as one that reads the same.
pub fn json_envelope(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let frame = match read_command(text) {
        Ok(frame) => frame,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let written = serde_json::to_string(&frame).expect("a frame that was read can be written");
    let again = read_command(&written).expect("a frame that was written can be read");
    assert_eq!(again, frame, "{written}");
}
