//! SockJS 0.3.4 framing of the WebSocket transport, `/{server}/{session}/websocket`.
//!
//! The server opens with [`OPEN`], sends messages as [`message`], may send [`HEART_BEAT`] at any time and ends with [`close`] before it
//! closes the WebSocket. What the client sends is read by [`read`]. The other WebSocket transport, `/websocket`, has no framing at all.
//!
//! Before any of it a client asks `/info`, which is answered with [`info`].

mod escape;
mod read;

use bytestring::ByteString;

pub use self::read::{Error, Limits, read};

/// The first frame of a session.
pub const OPEN: &str = "o";

/// A frame that only shows that the connection lives; clients do not answer it.
pub const HEART_BEAT: &str = "h";

/// One message to the client: `a["…"]`.
pub fn message(text: &str) -> ByteString {
    let mut frame = String::with_capacity(text.len() + text.len() / 8 + 8);
    frame.push_str("a[");
    escape::push_string(&mut frame, text);
    frame.push(']');
    frame.into()
}

/// The last frame of a session: `c[code,"reason"]`. The client reports code and reason as those of the close. It knows that a session is
/// over for good only by this frame; without it, it takes the connection for broken.
pub fn close(code: u16, reason: &str) -> ByteString {
    let mut frame = format!("c[{code},");
    escape::push_string(&mut frame, reason);
    frame.push(']');
    frame.into()
}

/// The answer to `GET /info`, `application/json`, never cached: WebSocket is served, no cookie is needed to find the same server again.
/// `entropy` is random at every request; clients use it to seed their session ids.
pub fn info(entropy: u32) -> String {
    format!(r#"{{"websocket":true,"origins":["*:*"],"cookie_needed":false,"entropy":{entropy}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_the_letters_and_arrays_of_the_protocol() {
        assert_eq!((OPEN, HEART_BEAT), ("o", "h"));
        assert_eq!(message("hello"), r#"a["hello"]"#);
        assert_eq!(message(""), r#"a[""]"#);
        assert_eq!(close(3000, "Go away!"), r#"c[3000,"Go away!"]"#);
        assert_eq!(close(1002, "a \"quote\"\n"), r#"c[1002,"a \"quote\"\n"]"#);
    }

    #[test]
    fn a_stomp_frame_keeps_its_line_ends_and_its_nul() {
        assert_eq!(message("MESSAGE\nid:1\r\n\n\\\0"), "a[\"MESSAGE\\nid:1\\r\\n\\n\\\\\\u0000\"]");
    }

    #[test]
    fn the_info_document_has_the_four_members_clients_read() {
        let info: serde_json::Value = serde_json::from_str(&info(u32::MAX)).expect("JSON");
        let expected = serde_json::json!({
            "websocket": true, "origins": ["*:*"], "cookie_needed": false, "entropy": 4_294_967_295_u32,
        });
        assert_eq!(info, expected);
    }
}
