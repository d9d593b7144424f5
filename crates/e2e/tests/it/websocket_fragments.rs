//! RFC 6455, row by row: messages in fragments, their size, and UTF-8. The numbers are those of the well-known families of test cases.

use chat_e2e::{RawSocket, System};

use crate::websocket_conformance::{
    AT_ONCE, BINARY, CONTINUATION, FIN, PING, PONG, TEXT, assert_answered, assert_closed, assert_silent, command,
    connected, frame, next,
};

/// 5.3–5.8, 5.19, 5.20, 10.1.1, RFC 6455 5.4.
#[tokio::test]
async fn a_message_in_fragments_is_one_message() {
    let system = System::shared().await;
    let person = system.person("alice").await;
    let mut socket = connected(&system, &person).await;
    let text = command(65_536);
    let fragments = |size: usize, between: &[u8]| {
        let count = text.len().div_ceil(size);
        let piece = |(index, part): (usize, &[u8])| {
            let fin = if index + 1 == count { FIN } else { 0 };
            let opcode = if index == 0 { TEXT } else { CONTINUATION };
            [if index == 0 { &[] } else { between }, &frame(fin | opcode, part)].concat()
        };
        text.chunks(size).enumerate().flat_map(piece).collect::<Vec<u8>>()
    };
    for (row, bytes) in [
        ("5.3: two fragments", fragments(40_000, &[])),
        ("10.1.1: fragments of 1,300 bytes", fragments(1_300, &[])),
        ("5.7: a pong between", fragments(40_000, &frame(FIN | PONG, b"x"))),
        ("empty fragments", [frame(TEXT, b""), frame(CONTINUATION, b""), frame(FIN, &command(30))].concat()),
    ] {
        for piece in [AT_ONCE, 997] {
            socket.write(&bytes, piece).await.unwrap();
            assert_answered(row, &mut socket).await;
        }
    }
    let pinged = fragments(20_000, &frame(FIN | PING, b"between"));
    socket.write(&pinged, 5_000).await.unwrap();
    assert_eq!(next(&mut socket).await, (PONG, b"between".to_vec()), "5.6: the ping does not wait for the message");
    while let (PONG, payload) = next(&mut socket).await {
        assert_eq!(payload, b"between", "5.19");
    }
}

/// 5.1, 5.2, 5.9–5.18, RFC 6455 5.4 and 5.5.
#[tokio::test]
async fn fragments_out_of_order_are_a_protocol_error() {
    let system = System::shared().await;
    let whole = frame(FIN | TEXT, &command(30));
    let rows = [
        ("5.1: a ping in fragments", [frame(PING, b"a"), frame(FIN, b"b")].concat()),
        ("5.2: a pong in fragments", [frame(PONG, b"a"), frame(FIN, b"b")].concat()),
        ("a close in fragments", frame(8, &1000_u16.to_be_bytes())),
        ("5.9: the last fragment of nothing", [frame(FIN, b"a"), whole.clone()].concat()),
        ("5.12: a fragment of nothing", [frame(CONTINUATION, b"a"), whole.clone()].concat()),
        ("5.15: a fragment after the last one", [frame(TEXT, b"["), frame(FIN, b"]"), frame(0, b"c"), whole].concat()),
        ("5.18: a text inside a text", [frame(TEXT, b"a"), frame(FIN | TEXT, b"b")].concat()),
        ("a binary inside a text", [frame(TEXT, b"a"), frame(BINARY, b"b")].concat()),
    ];
    for (row, bytes) in rows {
        for piece in [AT_ONCE, 1] {
            let mut socket = RawSocket::open(system.gateway(0).addr, "chat.v1").await;
            // It may be closed before all of it is written.
            socket.write(&bytes, piece).await.ok();
            assert_closed(row, &mut socket, 1002).await;
        }
    }
}

/// 9.1, 9.3, 9.5 beyond our limit, RFC 6455 7.4.1 and 10.4.
#[tokio::test]
async fn a_message_above_64_kib_is_closed_with_1009_in_one_frame_or_over_fragments() {
    let system = System::shared().await;
    let part = b" ".repeat(32_768);
    for protocol in ["chat.v1", "v12.stomp"] {
        for (row, bytes) in [
            ("one frame", frame(FIN | TEXT, &b" ".repeat(65_537))),
            ("two fragments", [frame(TEXT, &part), frame(FIN, &b" ".repeat(32_769))].concat()),
            ("endless", [frame(BINARY, &part), frame(0, &part), frame(0, b"x"), frame(0, &part)].concat()),
        ] {
            let mut socket = RawSocket::open(system.gateway(0).addr, protocol).await;
            // It may be closed before all of it is written.
            socket.write(&bytes, 4_096).await.ok();
            assert_closed(row, &mut socket, 1009).await;
        }
    }
}

#[tokio::test]
async fn a_million_empty_continuations_are_closed_with_1009_at_the_1025th_fragment() {
    let system = System::shared().await;
    let mut socket = RawSocket::open(system.gateway(0).addr, "chat.v1").await;
    socket.write(&frame(TEXT, b"{"), AT_ONCE).await.unwrap();
    socket.write(&frame(CONTINUATION, b"").repeat(1_022), AT_ONCE).await.unwrap();
    assert_silent("1,023 fragments", &mut socket).await;
    socket.write(&frame(CONTINUATION, b"").repeat(1_000_000), 65_536).await.ok();
    assert_closed("too many", &mut socket, 1009).await;
}

/// 6.1, 6.2, 6.5–6.7, 6.22, 6.23, RFC 6455 8.1.
#[tokio::test]
async fn valid_utf8_is_taken_wherever_it_is_cut() {
    let system = System::shared().await;
    let person = system.person("alice").await;
    let mut socket = connected(&system, &person).await;
    // The first and last of each length, noncharacters, and a word with accents of their own.
    for text in [
        "Hello-µ@ßöäüàá-UTF-8!!",
        "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}",
        "\u{fffe}\u{d7ff}\u{e000}",
        "κόσμε",
    ] {
        let command = format!("{{\"id\":7,\"cmd\":\"ping\",\"note\":\"{text}\"}}");
        for cut in 0..=command.len() {
            let (start, end) = command.as_bytes().split_at(cut);
            socket.write(&[frame(TEXT, start), frame(FIN, end)].concat(), AT_ONCE).await.unwrap();
            if cut % 8 == 0 {
                socket.write(&frame(FIN | TEXT, command.as_bytes()), 1).await.unwrap();
                assert_answered(text, &mut socket).await;
            }
            assert_answered(text, &mut socket).await;
        }
    }
}

/// 6.3, 6.4, 6.6, 6.8–6.21, RFC 6455 8.1. The message is refused when it is complete.
#[tokio::test]
async fn text_that_is_not_utf8_is_closed_with_1007() {
    let system = System::shared().await;
    let rows: [(&str, &[u8]); 12] = [
        ("6.3: a surrogate in a word", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"),
        ("6.6: a sequence without its end", b"\xce"),
        ("6.8: five bytes", b"\xf8\x88\x80\x80\x80"),
        ("6.10: six bytes", b"\xfc\x84\x80\x80\x80\x80"),
        ("6.12: a continuation alone", b"\x80"),
        ("6.14: a beginning and a space", b"\xc0 \xe0 \xf0 "),
        ("6.18: / in two bytes", b"\xc0\xaf"),
        ("6.18: / in four bytes", b"\xf0\x80\x80\xaf"),
        ("6.19: NUL in two bytes", b"\xc0\x80"),
        ("6.20: a lone surrogate", b"\xed\xbf\xbf"),
        ("6.21: above U+10FFFF", b"\xf4\x90\x80\x80"),
        ("bytes that never occur", b"\xfe\xff"),
    ];
    for (row, text) in rows {
        for (protocol, cut) in [("chat.v1", 0), ("v12.stomp", 0), ("chat.v1", 1), ("v12.stomp", text.len() - 1)] {
            let mut socket = RawSocket::open(system.gateway(0).addr, protocol).await;
            let (start, end) = text.split_at(cut);
            let bytes = if cut == 0 { frame(FIN | TEXT, text) } else { [frame(TEXT, start), frame(FIN, end)].concat() };
            socket.write(&bytes, AT_ONCE).await.unwrap();
            assert_closed(row, &mut socket, 1007).await;
        }
    }
}
