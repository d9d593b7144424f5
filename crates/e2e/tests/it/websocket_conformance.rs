//! RFC 6455, row by row: frames, control frames, reserved bits and opcodes, fragments, UTF-8. The numbers are those of the well-known
//! families of test cases; `websocket_closing` has the seventh.

use chat_e2e::{PATIENCE, Person, RawSocket, System, deadline};
use serde_json::{Value, json};

const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const PING: u8 = 9;
const PONG: u8 = 10;

/// All in one write.
const AT_ONCE: usize = usize::MAX;

/// A `chat.v1` connection after its connect.
pub async fn connected(system: &System, person: &Person) -> RawSocket {
    let mut socket = RawSocket::open(system.gateway(0).addr, "chat.v1").await;
    let connect = json!({"id": 1, "cmd": "connect", "token": person.token}).to_string();
    socket.send(FIN | TEXT, connect.as_bytes()).await.unwrap();
    let (opcode, reply) = deadline("the reply to connect", PATIENCE, socket.next()).await.unwrap();
    let reply: Value = serde_json::from_slice(&reply).unwrap();
    assert_eq!((opcode, &reply["id"]), (TEXT, &json!(1)), "{reply}");
    socket
}

/// A command of exactly so many bytes that is answered under its id.
fn command(bytes: usize) -> Vec<u8> {
    let mut text = json!({"id": 7, "cmd": "ping"}).to_string().into_bytes();
    assert!(text.len() <= bytes);
    text.resize(bytes, b' ');
    text
}

/// The next frame that is not a ping of the server.
async fn next(socket: &mut RawSocket) -> (u8, Vec<u8>) {
    loop {
        let frame = deadline("a frame", PATIENCE, socket.next()).await.expect("an open connection");
        if frame.0 != PING {
            return frame;
        }
    }
}

async fn assert_answered(row: &str, socket: &mut RawSocket) {
    let (opcode, reply) = next(socket).await;
    let reply: Value = serde_json::from_slice(&reply).unwrap_or_else(|_| panic!("{row}: {opcode} {reply:?}"));
    assert_eq!((opcode, &reply["id"]), (TEXT, &json!(7)), "{row}: {reply}");
}

/// Nothing was sent but what was read so far: the answer to a ping comes next.
async fn assert_silent(row: &str, socket: &mut RawSocket) {
    socket.send(FIN | PING, b"and now").await.unwrap();
    assert_eq!(next(socket).await, (PONG, b"and now".to_vec()), "{row}");
}

async fn assert_closed(row: &str, socket: &mut RawSocket, code: u16) {
    assert_eq!(deadline(row, PATIENCE, socket.close_code()).await, Some(code), "{row}");
}

fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    RawSocket::frame(first_byte, payload)
}

/// 1.1.1–1.1.8, RFC 6455 5.2: each way to write a length.
#[tokio::test]
async fn a_text_message_of_any_length_is_answered() {
    let system = System::shared().await;
    let person = system.person("alice").await;
    let mut socket = connected(&system, &person).await;
    for length in [21, 125, 126, 127, 128, 65_535, 65_536] {
        for piece in [AT_ONCE, 997] {
            socket.write(&frame(FIN | TEXT, &command(length)), piece).await.unwrap();
            assert_answered(&format!("{length} bytes by {piece}"), &mut socket).await;
        }
    }
    socket.write(&frame(FIN | TEXT, b""), AT_ONCE).await.unwrap();
    let (_, reply) = next(&mut socket).await;
    assert_eq!(serde_json::from_slice::<Value>(&reply).unwrap()["error"]["code"], "bad_request", "1.1.1: 0 bytes");
}

/// 1.2.1–1.2.8: the same in binary, which STOMP takes. Line ends between STOMP frames are heart-beats and fill the message up.
#[tokio::test]
async fn a_binary_message_of_any_length_is_answered() {
    let system = System::shared().await;
    let person = system.person("alice").await;
    let mut socket = RawSocket::open(system.gateway(0).addr, "v12.stomp").await;
    let connect = format!("CONNECT\naccept-version:1.2\nhost:a\nAuthorization:Bearer {}\n\n\0", person.token);
    socket.write(&frame(FIN | BINARY, connect.as_bytes()), AT_ONCE).await.unwrap();
    assert!(next(&mut socket).await.1.starts_with(b"CONNECTED"));
    for length in [0_usize, 125, 126, 127, 128, 65_535, 65_536] {
        for piece in [AT_ONCE, 997] {
            let row = format!("{length} bytes by {piece}");
            let ask = format!("SUBSCRIBE\nid:{length}-{piece}\ndestination:/user/queue/ack\nreceipt:{row}\n\n\0");
            let mut message = vec![b'\n'; length.saturating_sub(ask.len())];
            message.extend_from_slice(ask.as_bytes());
            if length < ask.len() {
                socket.write(&frame(FIN | BINARY, &vec![b'\n'; length]), piece).await.unwrap();
            }
            socket.write(&frame(FIN | BINARY, &message), piece).await.unwrap();
            let (_, receipt) = next(&mut socket).await;
            let receipt = String::from_utf8(receipt).unwrap();
            assert!(receipt.starts_with("RECEIPT") && receipt.contains(&row), "{row}: {receipt}");
        }
    }
}

/// 2.1–2.6, RFC 6455 5.5.2 and 5.5.3.
#[tokio::test]
async fn a_ping_is_answered_with_its_own_payload() {
    let system = System::shared().await;
    let mut socket = RawSocket::open(system.gateway(0).addr, "chat.v1").await;
    let rows: [(&str, Vec<u8>); 4] = [
        ("2.1: nothing", vec![]),
        ("2.2: text", b"Hello, world!".to_vec()),
        ("2.3: bytes that are no text", vec![0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff]),
        ("2.4: 125 bytes", vec![0xfe; 125]),
    ];
    for (row, payload) in rows {
        for piece in [AT_ONCE, 1] {
            socket.write(&frame(FIN | PING, &payload), piece).await.unwrap();
            assert_eq!(next(&mut socket).await, (PONG, payload.clone()), "{row}");
        }
    }
    socket.write(&frame(FIN | PING, &[0xfe; 126]), AT_ONCE).await.unwrap();
    assert_closed("2.5: 126 bytes", &mut socket, 1002).await;
}

/// 2.7–2.9, RFC 6455 5.5.3.
#[tokio::test]
async fn a_pong_that_nobody_asked_for_is_not_answered() {
    let system = System::shared().await;
    let mut socket = RawSocket::open(system.gateway(0).addr, "chat.v1").await;
    for (row, payload) in [("2.7: nothing", &b""[..]), ("2.8: text", b"unsolicited"), ("125 bytes", &[0xfe; 125])] {
        socket.write(&frame(FIN | PONG, payload), AT_ONCE).await.unwrap();
        assert_silent(row, &mut socket).await;
    }
}

/// 2.10, 2.11, RFC 6455 5.5.3: "may elect to send a pong frame for only the most recently processed ping".
#[tokio::test]
async fn pings_that_come_together_are_answered_by_the_last_ones_pong() {
    let system = System::shared().await;
    let mut socket = RawSocket::open(system.gateway(0).addr, "chat.v1").await;
    for piece in [AT_ONCE, 1] {
        let pings: Vec<u8> = (0..10).flat_map(|n| frame(FIN | PING, format!("payload-{n}").as_bytes())).collect();
        socket.write(&pings, piece).await.unwrap();
        let mut pongs = Vec::new();
        while pongs.last().is_none_or(|last| last != b"payload-9") {
            let (opcode, payload) = next(&mut socket).await;
            assert_eq!(opcode, PONG);
            pongs.push(payload);
        }
        assert!(pongs.len() < 10 || piece == 1, "coalesced: {}", pongs.len());
        assert!(pongs.is_sorted(), "in order: {pongs:?}");
        assert_silent("2.10", &mut socket).await;
    }
}

/// 3.1–3.7, RFC 6455 5.2: no extension was agreed on.
#[tokio::test]
async fn a_reserved_bit_is_a_protocol_error() {
    let system = System::shared().await;
    for rsv in 1..8_u8 {
        for opcode in [TEXT, BINARY, PING, PONG, 8] {
            let mut socket = RawSocket::open(system.gateway(0).addr, "v12.stomp").await;
            let bytes = [frame(FIN | PING, b"before"), frame(FIN | rsv << 4 | opcode, b"")].concat();
            socket.write(&bytes, AT_ONCE).await.unwrap();
            assert_closed(&format!("3.{rsv}: RSV {rsv} of opcode {opcode}"), &mut socket, 1002).await;
        }
    }
}

/// 4.1.1–4.1.5 and 4.2.1–4.2.5, RFC 6455 5.2.
#[tokio::test]
async fn a_reserved_opcode_is_a_protocol_error() {
    let system = System::shared().await;
    for opcode in (3..8).chain(11..16) {
        for payload in [&b""[..], b"reserved"] {
            let mut socket = RawSocket::open(system.gateway(0).addr, "chat.v1").await;
            socket.write(&frame(FIN | opcode, payload), AT_ONCE).await.unwrap();
            assert_closed(&format!("4.x: opcode {opcode}"), &mut socket, 1002).await;
        }
    }
}

/// RFC 6455 5.1: "a server MUST close the connection upon receiving a frame that is not masked".
#[tokio::test]
async fn an_unmasked_frame_is_a_protocol_error() {
    let system = System::shared().await;
    for bytes in [&[FIN | TEXT, 2, b'{', b'}'][..], &[FIN | PING, 0, 0, 0, 0, 0], &[FIN | 8, 2, 3, 0xe8, 0, 0]] {
        let mut socket = RawSocket::open(system.gateway(0).addr, "chat.v1").await;
        socket.write(bytes, AT_ONCE).await.unwrap();
        assert_closed("unmasked", &mut socket, 1002).await;
        assert_eq!(
            deadline("the end", PATIENCE, socket.next()).await,
            None,
            "the connection ends after the close frame"
        );
    }
}

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
    let part = [b' '; 32_768];
    for protocol in ["chat.v1", "v12.stomp"] {
        for (row, bytes) in [
            ("one frame", frame(FIN | TEXT, &[b' '; 65_537])),
            ("two fragments", [frame(TEXT, &part), frame(FIN, &[b' '; 32_769])].concat()),
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
