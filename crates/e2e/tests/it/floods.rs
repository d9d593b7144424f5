//! Clients that send too much: told first, then cut.

use chat_e2e::{Gateway, PATIENCE, RawSocket, StompClient, System, Talk, deadline};
use chat_stomp::{Command, Frame, header};
use serde_json::Value;

const TEXT: u8 = 0x81;
const PING: u8 = 0x89;

/// 10 a second, 40 at once: told at the 41st, cut at the 81st.
async fn strict_gateway(system: &System) -> Gateway {
    system.add_gateway(&[("CHAT__WS__FRAMES_PER_SECOND", "10"), ("CHAT__WS__FRAMES_BURST", "40")]).await
}

fn pings(protocol_pings: usize) -> Vec<u8> {
    (0..protocol_pings).flat_map(|_| RawSocket::frame(TEXT, br#"{"id":7,"cmd":"ping"}"#)).collect()
}

async fn connected(system: &System, gateway: &Gateway) -> RawSocket {
    let person = system.person("alice").await;
    let mut socket = RawSocket::open(gateway.addr, "chat.v1").await;
    let connect = serde_json::json!({"id": 1, "cmd": "connect", "token": person.token}).to_string();
    socket.send(TEXT, connect.as_bytes()).await.unwrap();
    deadline("the reply to connect", PATIENCE, socket.next()).await.unwrap();
    socket
}

#[tokio::test]
async fn a_flood_of_messages_is_told_and_then_closed_with_1008() {
    let system = System::shared().await;
    let gateway = strict_gateway(&system).await;
    let mut socket = connected(&system, &gateway).await;
    socket.write(&pings(50), usize::MAX).await.unwrap();
    let (mut answered, mut told) = (0, Vec::new());
    while answered < 50 {
        let (opcode, payload) = deadline("an answer", PATIENCE, socket.next()).await.expect("still open");
        let frame: Value = if opcode == 1 { serde_json::from_slice(&payload).unwrap() } else { continue };
        if frame["id"] == 7 { answered += 1 } else { told.push(frame) }
    }
    assert_eq!(told.len(), 1, "once, however many were too many: {told:?}");
    let error = &told[0]["error"];
    assert_eq!((&told[0]["id"], &error["code"]), (&0.into(), &"rate_limited".into()));
    assert!(error["retryAfterMs"].as_u64().is_some_and(|wait| (1..=1_000).contains(&wait)), "{error}");
    socket.write(&pings(100), usize::MAX).await.ok();
    assert_eq!(deadline("closed", PATIENCE, socket.close_code()).await, Some(1008));
}

#[tokio::test]
async fn a_flood_of_pings_is_closed_with_1008_and_answered_with_few_pongs() {
    let system = System::shared().await;
    let gateway = strict_gateway(&system).await;
    let mut socket = RawSocket::open(gateway.addr, "v12.stomp").await;
    let flood: Vec<u8> = (0..200).flat_map(|_| RawSocket::frame(PING, b"flood")).collect();
    socket.write(&flood, usize::MAX).await.ok();
    let mut pongs = 0;
    let code = deadline("closed", PATIENCE, async {
        loop {
            match socket.next().await {
                Some((8, payload)) => break u16::from_be_bytes([payload[0], payload[1]]),
                Some((10, _)) => pongs += 1,
                other => assert!(other.is_some(), "no close frame"),
            }
        }
    })
    .await;
    assert_eq!(code, 1008);
    assert!(pongs < 40, "{pongs} pongs");
}

#[tokio::test]
async fn a_stomp_client_is_told_of_its_flood_on_its_error_queue() {
    let system = System::shared().await;
    let gateway = strict_gateway(&system).await;
    let person = system.person("alice").await;
    let mut stomp = StompClient::connect(gateway.addr, &person).await;
    stomp.subscribe("errors", "/user/queue/errors", None).await;
    for number in 0..60 {
        let frame = Frame::new(Command::Subscribe)
            .with(header::ID, format!("q{number}"))
            .with(header::DESTINATION, "/user/queue/ack");
        stomp.put(&frame).await;
    }
    let (_, error) = stomp.next_of("errors").await;
    assert_eq!(error["code"], "rate_limited");
    assert!(error["retryAfterMs"].as_u64().is_some(), "{error}");
}

#[tokio::test]
async fn strings_in_a_sockjs_frame_are_counted_one_by_one() {
    let system = System::shared().await;
    let gateway = strict_gateway(&system).await;
    let mut socket = RawSocket::open_at(gateway.addr, "/ws/v1/chat/0/x/websocket", &[]).await;
    socket.send(TEXT, &serde_json::to_vec(&vec!["\n"; 100]).unwrap()).await.unwrap();
    assert_eq!(deadline("closed", PATIENCE, socket.close_code()).await, Some(1008));
}

#[tokio::test]
async fn a_busy_client_below_the_limits_is_never_told() {
    let system = System::shared().await;
    let person = system.person("alice").await;
    let room = system.group(&[&person]).await;
    let mut connection = system.connect(0, &person, &[(room, Some(1))]).await;
    for number in 0..300 {
        connection.say(room, &number.to_string()).await;
    }
    assert_eq!(connection.entries(room, 301).await.len(), 300);
}
