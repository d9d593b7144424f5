//! SockJS framing.

use chat_websocket::sockjs::{self, Error, Limits};
use serde_json::Value;

const LIMITS: Limits = Limits { strings: 4, bytes: 4_096 };

/// A client's frame is read as a general JSON parser would read it, within the limits; any text survives being sent to a client and
/// leaves no character raw that the protocol wants escaped.
pub fn sockjs_frame(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = sockjs::read(text, LIMITS).map(|messages| messages.iter().map(ToString::to_string).collect());
    match (text.len() > LIMITS.bytes, reference(text), read) {
        (true, _, read) => assert_eq!(read, Err(Error::TooLong { limit: LIMITS.bytes })),
        (_, Some(strings), read) if strings.len() <= LIMITS.strings => assert_eq!(read, Ok(strings)),
        (_, Some(_), read) => assert_eq!(read, Err(Error::TooManyStrings { limit: LIMITS.strings })),
        // What is wrong may come after what is too much.
        (_, None, read) => assert!(matches!(read, Err(Error::BrokenJson | Error::TooManyStrings { .. })), "{read:?}"),
    }
    survives_sending(text);
}

/// The strings in a frame, if it is one.
fn reference(text: &str) -> Option<Vec<String>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let string = |value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    match serde_json::from_str(text).ok()? {
        Value::Array(items) => items.into_iter().map(string).collect(),
        value => string(value).map(|text| vec![text]),
    }
}

fn survives_sending(text: &str) {
    let frame = sockjs::message(text);
    let raw = frame.chars().find(|c| {
        let code = u32::from(*c);
        let ranges = [0..=0x1f, 0x200c..=0x200f, 0x2028..=0x202f, 0x2060..=0x206f, 0xfff0..=0x0010_ffff];
        ranges.iter().any(|range| range.contains(&code))
    });
    assert_eq!(raw, None);
    let array = frame.strip_prefix('a').expect("a message frame");
    assert_eq!(serde_json::from_str::<Vec<String>>(array).expect("a JSON array"), [text]);
    let close = sockjs::close(3_000, text);
    let (code, reason): (u16, String) = serde_json::from_str(&close[1..]).expect("a JSON array");
    assert_eq!((code, &*reason), (3_000, text));
}
