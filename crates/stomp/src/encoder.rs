//! Writes frames. Encoding never fails: see [`encode`] for what happens to text a version cannot express.

use bytes::Bytes;
use bytestring::ByteString;

use crate::escape::{Part, escape_into};
use crate::{Command, Frame, Version, header};

/// A heart-beat: one end-of-line between frames.
pub const HEART_BEAT: &str = "\n";

/// Encodes a frame for a peer that speaks `version`.
///
/// `content-length` is always the encoder's own: present on SEND, MESSAGE and ERROR, absent elsewhere, whatever the headers
/// say. A body on another command and a header without name are left out. An octet that has no form in the version (NUL
/// anywhere, line ends in 1.0, carriage return in 1.1, line ends in CONNECT and CONNECTED) becomes a space, so that no text can
/// forge a header or a frame; text that was decoded in the same version holds none of them.
pub fn encode(frame: &Frame, version: Version) -> Bytes {
    let escapes = if frame.command.is_unescaped() { Version::V1_0 } else { version };
    let headers = frame.headers.iter().filter(|(name, _)| !name.is_empty() && *name != header::CONTENT_LENGTH);
    let text: usize = frame.headers.iter().map(|(name, value)| name.len() + value.len() + 2).sum();

    let mut out = String::with_capacity(text + frame.body.len() + 48);
    out.push_str(frame.command.as_str());
    out.push('\n');
    for (name, value) in headers {
        push_header(&mut out, name, value, escapes);
    }
    if frame.command.may_have_body() {
        push_header(&mut out, header::CONTENT_LENGTH, &frame.body.len().to_string(), escapes);
    }
    out.push('\n');
    let mut out = out.into_bytes();
    if frame.command.may_have_body() {
        out.extend_from_slice(&frame.body);
    }
    out.push(0);
    out.into()
}

/// As [`encode`], for a WebSocket text message; `None` when the body is not UTF-8 and needs a binary one.
pub fn encode_text(frame: &Frame, version: Version) -> Option<ByteString> {
    encode(frame, version).try_into().ok()
}

fn push_header(out: &mut String, name: &str, value: &str, escapes: Version) {
    escape_into(out, name, Part::Name, escapes);
    out.push(':');
    escape_into(out, value, Part::Value, escapes);
    out.push('\n');
}

/// One event as a MESSAGE frame for many subscribers: what is the same for all of them is encoded once, and each frame is one
/// allocation and two copies.
#[derive(Debug, Clone)]
pub struct MessageTemplate {
    version: Version,
    /// From the `message-id` header to the NUL.
    tail: String,
}

impl MessageTemplate {
    /// Encodes the shared part; `content-type` is `application/json`. `extra` must not repeat the headers named here.
    pub fn new(version: Version, message_id: &str, extra: &[(&str, &str)], json: &str) -> Self {
        let text: usize = extra.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
        let mut tail = String::with_capacity(message_id.len() + text + json.len() + 96);
        push_header(&mut tail, header::MESSAGE_ID, message_id, version);
        for (name, value) in extra {
            push_header(&mut tail, name, value, version);
        }
        push_header(&mut tail, header::CONTENT_TYPE, "application/json", version);
        push_header(&mut tail, header::CONTENT_LENGTH, &json.len().to_string(), version);
        for part in ["\n", json, "\0"] {
            tail.push_str(part);
        }
        Self { version, tail }
    }

    /// The frame for one subscription. `subscription` is `None` for a 1.0 client that subscribed without `id`.
    pub fn render(&self, subscription: Option<&str>, destination: &str) -> ByteString {
        let mut frame =
            String::with_capacity(64 + subscription.map_or(0, str::len) + destination.len() + self.tail.len());
        frame.push_str(Command::Message.as_str());
        frame.push('\n');
        if let Some(id) = subscription {
            push_header(&mut frame, header::SUBSCRIPTION, id, self.version);
        }
        push_header(&mut frame, header::DESTINATION, destination, self.version);
        frame.push_str(&self.tail);
        frame.into()
    }
}
