//! WebSocket frames against the rules: closed, with the code that says why.

use chat_client::{Connection, connection::ConnectError};
use chat_e2e::{PATIENCE, RawSocket, System, deadline};
use tokio::io::AsyncWriteExt;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

async fn closed_with(system: &System, protocol: &str, first_byte: u8, payload: &[u8]) -> Option<u16> {
    let mut socket = RawSocket::open(system.gateway(0).addr, protocol).await;
    socket.send(first_byte, payload).await.unwrap();
    deadline("closed", PATIENCE, socket.close_code()).await
}

#[tokio::test]
async fn frames_against_the_rules_are_closed_with_a_code() {
    let system = System::shared().await;
    assert_eq!(closed_with(&system, "chat.v1", BINARY, b"{}").await, Some(1003));
    assert_eq!(closed_with(&system, "chat.v1", TEXT, b"\xff\xfe").await, Some(1007));
    assert_eq!(closed_with(&system, "v12.stomp", TEXT, b"\xff\xfe").await, Some(1007));
    assert_eq!(closed_with(&system, "chat.v1", TEXT, &vec![b' '; 65_537]).await, Some(1009));
    assert_eq!(closed_with(&system, "v12.stomp", TEXT, &vec![b'x'; 65_537]).await, Some(1009));
    assert_eq!(closed_with(&system, "chat.v1", 0x83, b"a reserved opcode").await, Some(1002));
    assert_eq!(closed_with(&system, "chat.v1", 0x80, b"a continuation of nothing").await, Some(1002));
}

#[tokio::test]
async fn a_declared_terabyte_is_refused_from_its_header() {
    let system = System::shared().await;
    let mut socket = RawSocket::open(system.gateway(0).addr, "chat.v1").await;
    socket.declare(BINARY, 1 << 40).await.unwrap();
    assert_eq!(deadline("closed", PATIENCE, socket.close_code()).await, Some(1009));
}

/// RFC 6455 5.2 and 5.4, as far as the guard in front of the decoder reads them. All frames are masked with zeros.
#[tokio::test]
async fn headers_that_are_not_of_the_protocol_are_closed_with_1002() {
    let system = System::shared().await;
    let rows: [(&str, &[u8]); 6] = [
        ("RSV1 without an extension", &[0xc1, 0x82, 0, 0, 0, 0, b'{', b'}']),
        ("2 written in two bytes", &[0x81, 0xfe, 0, 2, 0, 0, 0, 0, b'{', b'}']),
        ("2 written in eight bytes", &[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, b'{', b'}']),
        ("the highest bit of a length", &[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("a text inside a fragmented text", &[0x01, 0x80, 0, 0, 0, 0, 0x81, 0x82, 0, 0, 0, 0, b'{', b'}']),
        ("a ping of 126 bytes", &[0x89, 0xfe, 0, 126, 0, 0, 0, 0]),
    ];
    for (row, bytes) in rows {
        let mut socket = RawSocket::open(system.gateway(0).addr, "chat.v1").await;
        socket.stream.write_all(bytes).await.unwrap();
        assert_eq!(deadline("closed", PATIENCE, socket.close_code()).await, Some(1002), "{row}");
    }
}

#[tokio::test]
async fn a_message_in_too_many_pieces_is_refused() {
    let system = System::shared().await;
    let mut socket = RawSocket::open(system.gateway(0).addr, "chat.v1").await;
    socket.send(0x01, b"").await.unwrap();
    // Masked, empty, not the last.
    let pieces = [0x00, 0x80, 0, 0, 0, 0].repeat(2_000);
    // It may be closed before all of them are written.
    socket.stream.write_all(&pieces).await.ok();
    assert_eq!(deadline("closed", PATIENCE, socket.close_code()).await, Some(1009));
}

#[tokio::test]
async fn an_upgrade_that_cannot_succeed_gets_an_http_status() {
    let system = System::shared().await;
    let url = system.gateway(0).ws_url();
    let (protocol, authorization) = ("sec-websocket-protocol", "authorization");
    for (url, headers, expected) in [
        (url.clone(), vec![(protocol, "chat.v1"), (authorization, "Bearer nonsense")], 401),
        (url.clone(), vec![(protocol, "chat.v1"), (authorization, "Basic YTpi")], 401),
        (url.clone(), vec![(authorization, "Bearer nonsense")], 401),
        (format!("{url}?token=nonsense"), vec![(protocol, "v12.stomp")], 401),
        (url.clone(), vec![(protocol, "mqtt")], 400),
        (url.clone(), vec![(protocol, "chat.v2, soap")], 400),
        (url.replace("/chat", "/chats"), vec![(protocol, "chat.v1")], 404),
    ] {
        match Connection::open_with(&url, &headers).await {
            Err(ConnectError::Http(status)) => assert_eq!(status, expected, "{url} {headers:?}"),
            other => panic!("{url} {headers:?}: {other:?}"),
        }
    }
}
