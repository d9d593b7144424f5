//! "Server Frames": CONNECTED, MESSAGE, RECEIPT and ERROR, octet by octet.

use chat_stomp::{
    Decoder, Frame, HEART_BEAT, Item, Limits, MessageTemplate, ServerSettings, Session, Version, encode, error, receipt,
};

/// What a session answers to CONNECT with these headers: CONNECTED, or the ERROR.
fn answer(headers: &str) -> String {
    let mut input = format!("CONNECT\n{headers}\n\0").into();
    let Ok(Some(Item::Frame(frame))) = Decoder::new(Limits::default(), Version::V1_0).decode(&mut input) else {
        panic!("a frame: {headers}")
    };
    let settings = ServerSettings { server: "chat/0.1.0".into(), ..ServerSettings::default() };
    let mut session = Session::new(settings);
    let frame = match session.accept(frame) {
        Ok(_) => session.connected("s-1"),
        Err(error) => error.to_frame("bad_request"),
    };
    written(&frame, session.version())
}

fn written(frame: &Frame, version: Version) -> String {
    String::from_utf8(encode(frame, version).to_vec()).expect("text")
}

#[test]
fn connected_and_its_refusal_are_as_specified() {
    let connected =
        |version| format!("CONNECTED\nversion:{version}\nheart-beat:10000,10000\nserver:chat/0.1.0\nsession:s-1\n\n\0");
    let rows = [
        ("1.2, CONNECTED Frame: version is set", "accept-version:1.0,1.2\n", connected("1.2")),
        ("1.1, CONNECTED Frame: version is set", "accept-version:1.1\n", connected("1.1")),
        ("1.0, CONNECT: session is set", "", connected("1.0")),
        (
            "1.2, Protocol Negotiation: ERROR names the server's versions",
            "accept-version:2.1\n",
            "ERROR\nmessage:no common version; supported are 1.0,1.1,1.2\ncode:bad_request\ncontent-type:text/plain\n\
             version:1.0,1.1,1.2\ncontent-length:44\n\nno common version; supported are 1.0,1.1,1.2\0"
                .to_owned(),
        ),
    ];
    for (rule, headers, expected) in rows {
        assert_eq!(answer(headers), expected, "{rule}");
    }
}

#[test]
fn message_names_destination_id_and_subscription() {
    let rows = [
        (
            "1.2, MESSAGE: destination, message-id, subscription; content-type and content-length of the body",
            Version::V1_2,
            Some("sub-0"),
            "MESSAGE\nsubscription:sub-0\ndestination:/a\nmessage-id:m-1\nseq:5\ncontent-type:application/json\n\
             content-length:4\n\n\"é\"\0",
        ),
        (
            "1.2, MESSAGE: the id as the client wrote it",
            Version::V1_2,
            Some("a:\r\nb"),
            "MESSAGE\nsubscription:a\\c\\r\\nb\ndestination:/a\nmessage-id:m-1\nseq:5\ncontent-type:application/json\n\
             content-length:4\n\n\"é\"\0",
        ),
        (
            "1.0, MESSAGE: no subscription if the client named none",
            Version::V1_0,
            None,
            "MESSAGE\ndestination:/a\nmessage-id:m-1\nseq:5\ncontent-type:application/json\ncontent-length:4\n\n\"é\"\0",
        ),
    ];
    for (rule, version, id, expected) in rows {
        let template = MessageTemplate::new(version, "m-1", &[("seq", "5")], "\"é\"");
        assert_eq!(template.render(id, "/a"), expected, "{rule}");
    }
}

#[test]
fn receipt_error_and_heart_beat_are_as_specified() {
    assert_eq!(written(&receipt("m 1:2"), Version::V1_2), "RECEIPT\nreceipt-id:m 1\\c2\n\n\0", "1.2, RECEIPT: no body");
    assert_eq!(
        written(&error("forbidden", "not a member", Some("7"), "join it first"), Version::V1_2),
        "ERROR\nmessage:not a member\ncode:forbidden\nreceipt-id:7\ncontent-type:text/plain\ncontent-length:13\n\n\
         join it first\0",
        "1.2, ERROR: message, receipt-id, a body with type and length"
    );
    assert_eq!(
        written(&error("forbidden", "no", None, ""), Version::V1_1),
        "ERROR\nmessage:no\ncode:forbidden\ncontent-type:text/plain\ncontent-length:0\n\n\0",
        "1.2, ERROR: the body may be empty"
    );
    assert_eq!(HEART_BEAT, "\n", "1.2, Heart-beating: a single newline octet");
}
