//! SockJS, byte by byte: info, the two WebSocket transports, the framing.

use chat_e2e::{Answer, Gateway, PATIENCE, Person, RawSocket, System, ask, deadline, upgrade_request};
use serde_json::Value;

const FRAMED: &str = "/ws/v1/chat/000/k3x9qd2a/websocket";
const TEXT: u8 = 0x81;

async fn request(gateway: &Gateway, method: &str, path: &str, headers: &str) -> Answer {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", gateway.addr);
    deadline("an answer", PATIENCE, ask(gateway.addr, &request)).await
}

async fn text(socket: &mut RawSocket) -> String {
    loop {
        let (opcode, payload) = deadline("a frame", PATIENCE, socket.next()).await.expect("an open connection");
        if opcode != 9 {
            assert_eq!(opcode, 1, "{payload:?}");
            return String::from_utf8(payload).unwrap();
        }
    }
}

/// What a frame `a["…"]` holds.
async fn messages(socket: &mut RawSocket) -> Vec<String> {
    let frame = text(socket).await;
    serde_json::from_str(frame.strip_prefix('a').unwrap_or_else(|| panic!("no messages: {frame}"))).unwrap()
}

fn connect_frame(person: &Person) -> String {
    format!("CONNECT\naccept-version:1.1,1.0\nheart-beat:0,0\nAuthorization:Bearer {}\n\n\0", person.token)
}

async fn send(socket: &mut RawSocket, messages: &[&str]) {
    let array = serde_json::to_vec(messages).unwrap();
    socket.send(TEXT, &array).await.unwrap();
}

#[tokio::test]
async fn info_says_that_websockets_are_served_and_is_never_stored() {
    let system = System::shared().await;
    let gateway = system.gateway(0);
    let mut entropies = Vec::new();
    for _ in 0..2 {
        let answer = request(&gateway, "GET", "/ws/v1/chat/info?t=1700000000000", "").await;
        assert_eq!(answer.status, 200);
        assert!(answer.header("cache-control").unwrap().contains("no-store"));
        assert!(answer.header("content-type").unwrap().starts_with("application/json"));
        let info: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((&info["websocket"], &info["cookie_needed"]), (&true.into(), &false.into()));
        entropies.push(info["entropy"].as_u64().unwrap());
    }
    assert_ne!(entropies[0], entropies[1]);
}

#[tokio::test]
async fn info_may_be_read_by_pages_that_may_connect_and_by_no_others() {
    let system = System::shared().await;
    let gateway = system.add_gateway(&[("CHAT__HTTP__ALLOWED_ORIGINS", "https://good.example")]).await;
    for (method, status) in [("GET", 200), ("OPTIONS", 204)] {
        let headers = "Origin: https://good.example\r\nAccess-Control-Request-Headers: x-a\r\n";
        let answer = request(&gateway, method, "/ws/v1/chat/info", headers).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://good.example"));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("vary"), Some("Origin"));
        let foreign = request(&gateway, method, "/ws/v1/chat/info", "Origin: https://evil.com\r\n").await;
        assert_eq!((foreign.status, foreign.header("access-control-allow-origin")), (403, None));
    }
    let preflight = request(&gateway, "OPTIONS", "/ws/v1/chat/info", "Origin: https://good.example\r\n").await;
    assert!(preflight.header("access-control-allow-methods").unwrap().contains("GET"));
    let post = request(&gateway, "POST", "/ws/v1/chat/info", "Content-Length: 0\r\n").await;
    assert_eq!((post.status, post.code().as_str()), (405, "method_not_allowed"));
}

#[tokio::test]
async fn other_transports_are_not_there() {
    let system = System::shared().await;
    let gateway = system.gateway(0);
    for (method, transport) in [("POST", "xhr"), ("POST", "xhr_streaming"), ("GET", "eventsource"), ("GET", "jsonp")] {
        let path = format!("/ws/v1/chat/000/k3x9qd2a/{transport}");
        let answer = request(&gateway, method, &path, "Content-Length: 0\r\n").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{transport}");
        assert!(answer.body.contains("only websocket is served"), "{}", answer.body);
    }
    for path in ["/ws/v1/chat/a.b/c/websocket", "/ws/v1/chat/000//websocket", "/ws/v1/chat/000/websocket"] {
        let answer =
            deadline("an answer", PATIENCE, ask(gateway.addr, &upgrade_request(gateway.addr, path, &[]))).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_raw_websocket_below_the_endpoint_is_the_endpoint() {
    let system = System::shared().await;
    let gateway = system.gateway(0);
    let person = system.person("alice").await;
    let path = "/ws/v1/chat/websocket";
    let mut socket = RawSocket::open_at(gateway.addr, path, &[]).await;
    socket.send(TEXT, connect_frame(&person).as_bytes()).await.unwrap();
    assert!(text(&mut socket).await.starts_with("CONNECTED\n"));
    let native = RawSocket::open_at(gateway.addr, path, &[("Sec-WebSocket-Protocol", "chat.v1")]).await;
    assert!(native.head.to_lowercase().contains("sec-websocket-protocol: chat.v1"), "{}", native.head);
}

#[tokio::test]
async fn stomp_runs_in_sockjs_frames() {
    let system = System::shared().await;
    let person = system.person("alice").await;
    let room = system.group(&[&person]).await;
    let mut socket = RawSocket::open_at(system.gateway(0).addr, FRAMED, &[]).await;
    assert_eq!(text(&mut socket).await, "o", "at once, before anything was sent");
    send(&mut socket, &[&connect_frame(&person)]).await;
    let connected = messages(&mut socket).await;
    assert!(connected[0].starts_with("CONNECTED\nversion:1.1\n") && connected[0].ends_with('\0'), "{connected:?}");
    // Two frames in one array, and one frame in two strings.
    let room_frame = format!("SUBSCRIBE\nid:a\ndestination:/sub/chat/room/{room}\nafter:0\nreceipt:one\n\n\0");
    let queue_frame = "SUBSCRIBE\nid:b\ndestination:/user/queue/ack\nreceipt:two\n\n\0";
    send(&mut socket, &[&room_frame, &queue_frame[..20], &queue_frame[20..]]).await;
    let mut heard = String::new();
    while !(heard.contains("receipt-id:one") && heard.contains("receipt-id:two") && heard.contains("SYSTEM_CREATE")) {
        heard.push_str(&messages(&mut socket).await.concat());
    }
    let body = format!(r#"{{"roomId":"{room}","content":"\u2028 in a frame \ud83d\ude00"}}"#);
    send(&mut socket, &[&format!("SEND\ndestination:/pub/chat/message\n\n{body}\0")]).await;
    heard.clear();
    while !heard.contains("in a frame \u{1f600}") {
        heard.push_str(&messages(&mut socket).await.concat());
    }
    // One string without its array is a message too, and nothing is none.
    socket.send(TEXT, b"").await.unwrap();
    socket.send(TEXT, b"[]").await.unwrap();
    socket.send(TEXT, &serde_json::to_vec("DISCONNECT\nreceipt:bye\n\n\0").unwrap()).await.unwrap();
    while !messages(&mut socket).await.concat().contains("receipt-id:bye") {}
    assert_eq!(text(&mut socket).await, r#"c[1000,""]"#);
    assert_eq!(deadline("closed", PATIENCE, socket.close_code()).await, Some(1000));
}

#[tokio::test]
async fn a_frame_that_is_not_an_array_of_strings_closes_the_session() {
    let system = System::shared().await;
    let many = serde_json::to_vec(&vec![""; 257]).unwrap();
    for (opcode, frame, code) in [
        (TEXT, &b"[\"a"[..], 1002),
        (TEXT, b"CONNECT\n\n\0", 1002),
        (TEXT, b"{}", 1002),
        (TEXT, b"[1]", 1002),
        (TEXT, b"[\"a\"][\"b\"]", 1002),
        (TEXT, &many, 1009),
        (TEXT, b"\xff", 1007),
        (0x82, b"[\"a\"]", 1003),
    ] {
        let row = String::from_utf8_lossy(frame);
        let mut socket = RawSocket::open_at(system.gateway(0).addr, FRAMED, &[]).await;
        assert_eq!(text(&mut socket).await, "o");
        socket.send(opcode, frame).await.unwrap();
        let close = text(&mut socket).await;
        assert!(close.starts_with(&format!("c[{code},\"")), "{row}: {close}");
        assert_eq!(deadline("closed", PATIENCE, socket.close_code()).await, Some(code), "{row}");
    }
}

#[tokio::test]
async fn a_refusal_comes_as_a_message_and_a_close_frame() {
    let system = System::shared().await;
    let mut socket = RawSocket::open_at(system.gateway(0).addr, FRAMED, &[]).await;
    assert_eq!(text(&mut socket).await, "o");
    send(&mut socket, &["CONNECT\naccept-version:1.2\nAuthorization:Bearer nonsense\n\n\0"]).await;
    assert!(messages(&mut socket).await[0].starts_with("ERROR\n"));
    assert!(text(&mut socket).await.starts_with("c[4401,\""));
    assert_eq!(deadline("closed", PATIENCE, socket.close_code()).await, Some(4401));
}

#[tokio::test]
async fn silence_is_broken_by_heart_beats() {
    let system = System::shared().await;
    let gateway = system.add_gateway(&[("CHAT__WS__SOCKJS_HEART_BEAT_SECS", "1")]).await;
    let mut socket = RawSocket::open_at(gateway.addr, FRAMED, &[]).await;
    let mut since = std::time::Instant::now();
    assert_eq!(text(&mut socket).await, "o");
    for _ in 0..2 {
        // From before the frame that came before the silence.
        let before = std::mem::replace(&mut since, std::time::Instant::now());
        assert_eq!(text(&mut socket).await, "h");
        assert!(before.elapsed().as_millis() > 500, "not without silence: {:?}", before.elapsed());
    }
}

#[tokio::test]
async fn every_configured_path_has_its_sockjs_addresses() {
    let system = System::shared().await;
    let gateway = system.add_gateway(&[("CHAT__WS__PATHS", "/ws-chat,/stomp/chats")]).await;
    for path in ["/ws-chat", "/stomp/chats"] {
        assert_eq!(request(&gateway, "GET", &format!("{path}/info"), "").await.status, 200);
        RawSocket::open_at(gateway.addr, path, &[]).await;
        RawSocket::open_at(gateway.addr, &format!("{path}/websocket"), &[]).await;
        let mut framed = RawSocket::open_at(gateway.addr, &format!("{path}/0/x/websocket"), &[]).await;
        assert_eq!(text(&mut framed).await, "o");
    }
    assert_eq!(request(&gateway, "GET", "/ws/v1/chat", "").await.status, 404);
}
