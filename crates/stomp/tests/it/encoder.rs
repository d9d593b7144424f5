//! What goes on the wire, byte for byte.

use bytes::Bytes;
use chat_stomp::{Command, Frame, MessageTemplate, Version, encode, encode_text, error, receipt};

use crate::one_frame;

#[test]
fn content_length_is_the_encoders_own() {
    let frame = Frame::new(Command::Send).with("destination", "/a").with("content-length", "999").with_body("hé");
    assert_eq!(encode(&frame, Version::V1_2), "SEND\ndestination:/a\ncontent-length:3\n\nhé\0");
    let frame = Frame::new(Command::Subscribe).with("id", "1").with("content-length", "4").with_body("body");
    assert_eq!(encode(&frame, Version::V1_2), "SUBSCRIBE\nid:1\n\n\0");
}

/// "Value Encoding" of each version.
#[test]
fn values_are_escaped_as_the_version_says() {
    let frame = Frame::new(Command::Receipt).with("a:b", "1:2\\3\n4\r5\u{0}6");
    for (version, expected) in [
        (Version::V1_0, "RECEIPT\na b:1:2\\3 4 5 6\n\n\0"),
        (Version::V1_1, "RECEIPT\na\\cb:1\\c2\\\\3\\n4 5 6\n\n\0"),
        (Version::V1_2, "RECEIPT\na\\cb:1\\c2\\\\3\\n4\\r5 6\n\n\0"),
    ] {
        assert_eq!(encode(&frame, version), expected);
    }
}

#[test]
fn no_text_can_forge_a_header_or_a_frame() {
    for version in Version::ALL {
        for command in [Command::Connected, Command::Error] {
            let frame = Frame::new(command).with("", "nameless").with("x\ny:1", "a\r\n\r\n\0MESSAGE\n\n\0");
            let decoded = one_frame(&encode(&frame, version), version);
            assert_eq!(decoded.command, command);
            assert!(decoded.headers.iter().all(|(name, _)| name.starts_with('x') || name == "content-length"));
        }
    }
}

#[test]
fn a_binary_body_has_no_text_form() {
    let frame = Frame::new(Command::Message).with_body(Bytes::from_static(b"\xff"));
    assert_eq!(encode_text(&frame, Version::V1_2), None);
    assert_eq!(encode_text(&receipt("7"), Version::V1_2).as_deref(), Some("RECEIPT\nreceipt-id:7\n\n\0"));
}

#[test]
fn an_error_names_message_code_and_receipt() {
    let bytes = encode(&error("bad_request", "no: way", Some("7"), "detail"), Version::V1_2);
    let expected = "ERROR\nmessage:no\\c way\ncode:bad_request\nreceipt-id:7\ncontent-type:text/plain\n\
                    content-length:6\n\ndetail\0";
    assert_eq!(bytes, expected);
}

#[test]
fn a_template_writes_what_the_encoder_would() {
    let json = r#"{"content":"é:"}"#;
    for version in Version::ALL {
        let template = MessageTemplate::new(version, "m-1", &[("seq", "5"), ("event", "a:b")], json);
        for id in [Some("sub:0"), None] {
            let mut frame = Frame::new(Command::Message);
            if let Some(id) = id {
                frame = frame.with("subscription", id);
            }
            let frame = frame
                .with("destination", "/sub/a")
                .with("message-id", "m-1")
                .with("seq", "5")
                .with("event", "a:b")
                .with("content-type", "application/json")
                .with_body(json);
            assert_eq!(template.render(id, "/sub/a").as_bytes(), &encode(&frame, version));
        }
    }
}
