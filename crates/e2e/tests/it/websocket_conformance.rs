//! RFC 6455, row by row: frames, control frames, reserved bits and opcodes. The numbers are those of the well-known families of test
//! cases; `websocket_fragments` has the fifth, sixth and ninth, `websocket_closing` the seventh.

use chat_e2e::{PATIENCE, Person, RawSocket, System, deadline};
use serde_json::{Value, json};

pub const FIN: u8 = 0x80;
pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// All in one write.
pub const AT_ONCE: usize = usize::MAX;

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
pub fn command(bytes: usize) -> Vec<u8> {
    let mut text = json!({"id": 7, "cmd": "ping"}).to_string().into_bytes();
    assert!(text.len() <= bytes);
    text.resize(bytes, b' ');
    text
}

/// The next frame that is not a ping of the server.
pub async fn next(socket: &mut RawSocket) -> (u8, Vec<u8>) {
    loop {
        let frame = deadline("a frame", PATIENCE, socket.next()).await.expect("an open connection");
        if frame.0 != PING {
            return frame;
        }
    }
}

pub async fn assert_answered(row: &str, socket: &mut RawSocket) {
    let (opcode, reply) = next(socket).await;
    let reply: Value = serde_json::from_slice(&reply).unwrap_or_else(|_| panic!("{row}: {opcode} {reply:?}"));
    assert_eq!((opcode, &reply["id"]), (TEXT, &json!(7)), "{row}: {reply}");
}

/// Nothing was sent but what was read so far: the answer to a ping comes next.
pub async fn assert_silent(row: &str, socket: &mut RawSocket) {
    socket.send(FIN | PING, b"and now").await.unwrap();
    assert_eq!(next(socket).await, (PONG, b"and now".to_vec()), "{row}");
}

pub async fn assert_closed(row: &str, socket: &mut RawSocket, code: u16) {
    assert_eq!(deadline(row, PATIENCE, socket.close_code()).await, Some(code), "{row}");
}

pub fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
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
