//! RFC 6455 sections 5.5.1 and 7: the closing handshake, row by row. The numbers are those of the seventh family of test cases.

use chat_e2e::{PATIENCE, RawSocket, System, deadline};
use futures_util::future::join_all;

const FIN: u8 = 0x80;
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    RawSocket::frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// Everything that comes after these bytes; the connection must end by itself.
async fn answers(row: &str, protocol: &str, bytes: &[u8], piece: usize) -> Vec<(u8, Vec<u8>)> {
    let system = System::shared().await;
    let mut socket = RawSocket::open(system.gateway(0).addr, protocol).await;
    // It may be closed before all of it is written.
    socket.write(bytes, piece).await.ok();
    let mut frames = Vec::new();
    deadline(row, PATIENCE, async {
        while let Some(frame) = socket.next().await {
            frames.push(frame);
        }
    })
    .await;
    frames
}

/// The code that a close of ours is answered with.
async fn answered_with(row: &str, bytes: &[u8]) -> Option<u16> {
    let frames = answers(row, "chat.v1", bytes, usize::MAX).await;
    let (opcode, payload) = frames.last().unwrap_or_else(|| panic!("{row}: no close frame"));
    assert_eq!(*opcode, 8, "{row}: {frames:?}");
    payload.first_chunk().map(|code| u16::from_be_bytes(*code))
}

/// 7.3.1–7.3.5, 7.7.1–7.7.13, RFC 6455 5.5.1 and 7.4.
#[tokio::test]
async fn a_close_is_answered_with_its_own_code() {
    assert_eq!(answered_with("7.3.1: no code", &RawSocket::frame(CLOSE, b"")).await, Some(1000));
    let codes = (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999]);
    join_all(codes.map(async |code| assert_eq!(answered_with("7.7", &close(code, b"")).await, Some(code)))).await;
    assert_eq!(answered_with("7.3.4: with a reason", &close(1000, b"goodbye")).await, Some(1000));
    assert_eq!(answered_with("7.3.5: the longest reason", &close(1001, &[b'x'; 123])).await, Some(1001));
}

/// 7.9.1–7.9.13, 7.13.1, 7.13.2, RFC 6455 7.4.1 and 7.4.2: codes that may not be sent, or mean nothing.
#[tokio::test]
async fn a_close_with_a_code_that_may_not_be_sent_is_a_protocol_error() {
    let codes = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
    join_all(codes.map(async |code| {
        assert_eq!(answered_with("7.9", &close(code, b"")).await, Some(1002), "{code}");
        assert_eq!(answered_with("7.9", &close(code, b"with a reason")).await, Some(1002), "{code}");
    }))
    .await;
}

/// 7.3.2, 7.3.6, 7.5.1, RFC 6455 5.5 and 5.5.1.
#[tokio::test]
async fn a_close_whose_payload_is_wrong_is_a_protocol_error() {
    assert_eq!(answered_with("7.3.2: one byte", &RawSocket::frame(CLOSE, b"\x03")).await, Some(1002));
    assert_eq!(answered_with("7.3.6: a reason of 124 bytes", &close(1000, &[b'x'; 124])).await, Some(1002));
    let not_text = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";
    assert_eq!(answered_with("7.5.1: a reason that is not UTF-8", &close(1000, not_text)).await, Some(1002));
}

/// 7.1.2–7.1.5, RFC 6455 5.5.1 and 1.4: what comes after a close is dropped.
#[tokio::test]
async fn nothing_after_a_close_is_looked_at() {
    let after: [(&str, Vec<u8>); 4] = [
        ("7.1.2: another close", close(1001, b"")),
        ("7.1.3: a ping", RawSocket::frame(PING, b"still there?")),
        ("7.1.4: a text", RawSocket::frame(TEXT, b"{\"id\":1,\"cmd\":\"ping\"}")),
        ("7.1.5: the rest of a message", RawSocket::frame(FIN, b"}")),
    ];
    for (row, after) in after {
        let before = if row.starts_with("7.1.5") { RawSocket::frame(0x01, b"{") } else { Vec::new() };
        let bytes = [before, close(1000, b""), after].concat();
        for piece in [usize::MAX, 1] {
            let frames = answers(row, "chat.v1", &bytes, piece).await;
            assert_eq!(frames, [(8, 1000_u16.to_be_bytes().to_vec())], "{row}");
        }
    }
}

/// 7.1.1: what came before a close is answered first.
#[tokio::test]
async fn a_message_before_a_close_is_answered_before_it() {
    let bytes = [RawSocket::frame(PING, b"first"), close(1000, b"")].concat();
    let frames = answers("7.1.1", "v12.stomp", &bytes, usize::MAX).await;
    assert_eq!(frames, [(10, b"first".to_vec()), (8, 1000_u16.to_be_bytes().to_vec())]);
}
