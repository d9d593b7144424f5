//! Clients that say nothing, or never come to the end of what they say.

use std::time::{Duration, Instant};

use chat_e2e::{PATIENCE, RawSocket, System, ask, deadline, upgrade_request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::interval,
};

#[tokio::test]
async fn no_first_frame_in_time_is_closed_with_4408() {
    let system = System::shared().await;
    let gateway = system.add_gateway(&[("CHAT__WS__FIRST_FRAME_SECS", "1")]).await;
    for protocol in ["chat.v1", "v12.stomp"] {
        let since = Instant::now();
        let mut socket = RawSocket::open(gateway.addr, protocol).await;
        // Signs of life are not the first frame.
        socket.send(0x89, b"").await.unwrap();
        let (code, reason) = deadline("closed", PATIENCE, socket.close()).await.unwrap();
        assert_eq!((code, reason.as_str()), (4408, "no connect in time"), "{protocol}");
        assert!(since.elapsed() > Duration::from_millis(500));
    }
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed_with_4408() {
    let system = System::shared().await;
    let settings = [("CHAT__WS__PING_INTERVAL_SECS", "1"), ("CHAT__WS__PONG_WAIT_SECS", "5")];
    let gateway = system.add_gateway(&settings).await;
    let mut silent = RawSocket::open(gateway.addr, "chat.v1").await;
    let mut alive = RawSocket::open(gateway.addr, "chat.v1").await;
    let answering = async {
        while let Some((opcode, payload)) = alive.next().await {
            assert_eq!(opcode, 9, "{payload:?}");
            alive.send(0x8a, &payload).await.unwrap();
        }
    };
    tokio::select! {
        closed = deadline("closed", PATIENCE, silent.close()) => {
            assert_eq!(closed, Some((4408, "nothing heard for too long".to_owned())));
        }
        () = answering => panic!("a client that answers was closed"),
    }
}

/// Control frames between the fragments show that the client lives; the message is unfinished all the same.
#[tokio::test]
async fn a_message_that_is_never_complete_is_closed_with_4408() {
    let system = System::shared().await;
    let gateway = system.add_gateway(&[("CHAT__WS__MESSAGE_SECS", "1")]).await;
    let whole = RawSocket::frame(0x81, &[b' '; 1_000]);
    for (row, start, more) in [
        ("a fragment", RawSocket::frame(0x01, b"{"), RawSocket::frame(0x8a, b"")),
        ("empty fragments", RawSocket::frame(0x01, b"{"), RawSocket::frame(0x00, b"")),
        ("dribbled bytes", whole[..20].to_vec(), vec![whole[0]]),
        ("half a header", vec![0x81], vec![]),
    ] {
        let mut socket = RawSocket::open(gateway.addr, "chat.v1").await;
        let begun = Instant::now();
        socket.write(&start, usize::MAX).await.unwrap();
        let mut ticks = interval(Duration::from_millis(100));
        let (code, reason) = deadline(row, PATIENCE, async {
            loop {
                let mut byte = [0];
                tokio::select! {
                    // The close frame is there; who reads it is the next line.
                    peeked = socket.stream.peek(&mut byte) => if peeked.is_ok() { break socket.close().await },
                    _ = ticks.tick() => { socket.write(&more, usize::MAX).await.ok(); }
                }
            }
        })
        .await
        .unwrap_or_else(|| panic!("{row}: no close frame"));
        assert_eq!((code, reason.as_str()), (4408, "a message must be complete within 1 seconds"), "{row}");
        assert!(begun.elapsed() > Duration::from_millis(800), "{row}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn messages_that_never_end_at_the_end_of_a_read_are_not_taken_for_one() {
    let system = System::shared().await;
    let gateway = system.add_gateway(&[("CHAT__WS__MESSAGE_SECS", "1")]).await;
    let mut socket = RawSocket::open(gateway.addr, "v12.stomp").await;
    // Line ends are heart-beats. Every write ends in the middle of a message.
    let frame = RawSocket::frame(0x81, b"\n\n\n\n\n\n\n\n");
    let stream: Vec<u8> = frame.repeat(40);
    let mut ticks = interval(Duration::from_millis(50));
    for piece in stream.chunks(frame.len() + 1) {
        ticks.tick().await;
        socket.write(piece, usize::MAX).await.unwrap();
    }
    socket.write(&RawSocket::frame(0x89, b"alive"), usize::MAX).await.unwrap();
    assert_eq!(deadline("a pong", PATIENCE, socket.next()).await, Some((10, b"alive".to_vec())));
}

#[tokio::test]
async fn an_http_head_that_is_dribbled_is_answered_with_408() {
    let system = System::shared().await;
    let addr = system.gateway(0).addr;
    let request = upgrade_request(addr, "/ws/v1/chat", &[]);
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let mut answer = Vec::new();
    let mut ticks = interval(Duration::from_millis(200));
    let mut bytes = request.bytes();
    deadline("an answer", PATIENCE, async {
        loop {
            tokio::select! {
                read = stream.read_buf(&mut answer) => if matches!(read, Ok(0) | Err(_)) { break },
                _ = ticks.tick() => if let Some(byte) = bytes.next() { stream.write_all(&[byte]).await.ok(); },
            }
        }
    })
    .await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(bytes.next().is_some(), "the whole head was sent: nothing was tested");
    assert_eq!(ask(addr, &request).await.status, 101, "the same at once");
}
