//! Upgrades that are refused before there is a WebSocket: the status, the code, and what was asked for.

use chat_e2e::{Answer, Gateway, PATIENCE, RawSocket, System, ask, deadline, upgrade_request};
use serde_json::json;

const PATH: &str = "/ws/v1/chat";
const NATIVE: (&str, &str) = ("Sec-WebSocket-Protocol", "chat.v1");

async fn upgrade(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Answer {
    deadline("an answer", PATIENCE, ask(gateway.addr, &upgrade_request(gateway.addr, path, headers))).await
}

/// The handshake's request with a header replaced, or left out.
async fn with(gateway: &Gateway, name: &str, value: Option<&str>) -> Answer {
    let request = upgrade_request(gateway.addr, PATH, &[NATIVE]);
    let kept = request.trim_end().lines().filter(|line| !line.starts_with(&format!("{name}:")));
    let replaced = value.map(|value| format!("{name}: {value}"));
    let lines: Vec<_> = kept.chain(replaced.as_deref()).collect();
    deadline("an answer", PATIENCE, ask(gateway.addr, &format!("{}\r\n\r\n", lines.join("\r\n")))).await
}

fn assert_problem(row: &str, answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{row}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{row}");
}

#[tokio::test]
async fn an_upgrade_from_a_foreign_page_is_refused_with_403() {
    let system = System::shared().await;
    let settings = [("CHAT__HTTP__ALLOWED_ORIGINS", "https://good.example,http://localhost:3000")];
    let gateway = system.add_gateway(&settings).await;
    for good in ["https://good.example", "https://good.example:443", "http://localhost:3000"] {
        assert_eq!(upgrade(&gateway, PATH, &[NATIVE, ("Origin", good)]).await.status, 101, "{good}");
    }
    let own = gateway.url();
    for foreign in [
        "https://good.example.evil.com",
        "https://notgood.example",
        "https://sub.good.example",
        "http://good.example",
        "https://good.example:444",
        "http://localhost:30000",
        "null",
        &own,
    ] {
        let answer = upgrade(&gateway, PATH, &[NATIVE, ("Origin", foreign)]).await;
        assert_problem(foreign, &answer, 403, "forbidden");
    }
    let two = [NATIVE, ("Origin", "https://good.example"), ("Origin", "https://evil.com")];
    assert_problem("two", &upgrade(&gateway, PATH, &two).await, 403, "forbidden");
    let sockjs = upgrade(&gateway, "/ws/v1/chat/000/abc/websocket", &[("Origin", "https://evil.com")]).await;
    assert_problem("SockJS", &sockjs, 403, "forbidden");
    assert!(gateway.counter("chat_gateway_upgrades_refused_total", "origin") >= 10.0);
}

#[tokio::test]
async fn a_page_of_our_own_may_connect_and_so_may_a_program_that_sends_no_origin() {
    let system = System::shared().await;
    let gateway = system.gateway(0);
    assert_eq!(upgrade(&gateway, PATH, &[NATIVE, ("Origin", &gateway.url())]).await.status, 101);
    assert_eq!(upgrade(&gateway, PATH, &[NATIVE]).await.status, 101);
    let other = system.gateway(1).url();
    assert_eq!(upgrade(&gateway, PATH, &[NATIVE, ("Origin", &other)]).await.status, 403, "another port");
    let strict = system.add_gateway(&[("CHAT__HTTP__REQUIRE_ORIGIN", "true")]).await;
    assert_problem("no origin", &upgrade(&strict, PATH, &[NATIVE]).await, 403, "forbidden");
    let open = system.add_gateway(&[("CHAT__HTTP__ALLOWED_ORIGINS", "*")]).await;
    assert_eq!(upgrade(&open, PATH, &[NATIVE, ("Origin", "https://any.example")]).await.status, 101);
}

#[tokio::test]
async fn a_wrong_token_at_the_upgrade_is_refused_with_401_and_www_authenticate() {
    let system = System::shared().await;
    let gateway = system.gateway(1);
    let expired = format!("Bearer {}", system.person("alice").await.expired_token());
    for (authorization, code) in [
        ("Bearer nonsense", "unauthorized"),
        ("Basic YTpi", "unauthorized"),
        ("Bearer", "unauthorized"),
        (expired.as_str(), "token_expired"),
    ] {
        let answer = upgrade(&gateway, PATH, &[NATIVE, ("Authorization", authorization)]).await;
        assert_problem(authorization, &answer, 401, code);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test]
async fn wrong_tokens_and_passwords_are_counted_by_address_and_answered_with_429() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let gateway = system.add_gateway(&[("CHAT__AUTH__FAILURES_PER_MINUTE", "3")]).await;
    let bearer = format!("Bearer {}", alice.token);
    let from = |address: &'static str| ("X-Forwarded-For", address);
    for _ in 0..3 {
        let answer = upgrade(&gateway, PATH, &[NATIVE, from("192.0.2.1"), ("Authorization", "Bearer no")]).await;
        assert_problem("one of three", &answer, 401, "unauthorized");
    }
    let answer = upgrade(&gateway, PATH, &[NATIVE, from("192.0.2.1"), ("Authorization", "Bearer no")]).await;
    assert_problem("the fourth", &answer, 429, "rate_limited");
    let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    let body = json!({"email": "a@example.com", "password": "not hers at all"}).to_string();
    let log_in = |address: &str| {
        let length = body.len();
        format!(
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {address}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    assert_problem("a log-in", &ask(gateway.addr, &log_in("192.0.2.1")).await, 429, "rate_limited");
    let good = upgrade(&gateway, PATH, &[NATIVE, from("192.0.2.1"), ("Authorization", &bearer)]).await;
    assert_eq!(good.status, 101, "who has a good token is not kept out by neighbours");
    for attempt in 0..4 {
        let answer = ask(gateway.addr, &log_in("192.0.2.2")).await;
        let expected = if attempt < 3 { (401, "invalid_credentials") } else { (429, "rate_limited") };
        assert_problem("another address", &answer, expected.0, expected.1);
    }
}

#[tokio::test]
async fn a_wrong_version_is_426_and_a_wrong_key_400_and_no_upgrade_426() {
    let system = System::shared().await;
    let gateway = system.gateway(0);
    assert_eq!(with(&gateway, "Upgrade", Some("WebSocket")).await.status, 101, "names have no case");
    for version in [None, Some("8"), Some("0"), Some("thirteen")] {
        let answer = with(&gateway, "Sec-WebSocket-Version", version).await;
        assert_problem("version", &answer, 426, "upgrade_required");
        assert_eq!(answer.header("sec-websocket-version"), Some("13"), "RFC 6455 4.4");
    }
    for (name, value) in
        [("Upgrade", None), ("Upgrade", Some("h2c")), ("Connection", None), ("Connection", Some("close"))]
    {
        let answer = with(&gateway, name, value).await;
        assert_problem(name, &answer, 426, "upgrade_required");
        assert_eq!(answer.header("upgrade"), Some("websocket"), "RFC 9110 15.5.22");
    }
    for key in
        [None, Some(""), Some("c2hvcnQ="), Some("dGhlIHNhbXBsZSBub25jZSBsb25nZXI="), Some("!!!!!!!!!!!!!!!!!!!!!!==")]
    {
        assert_problem("key", &with(&gateway, "Sec-WebSocket-Key", key).await, 400, "bad_request");
    }
    for method in ["POST", "PUT", "DELETE"] {
        let request = upgrade_request(gateway.addr, PATH, &[]).replacen("GET", method, 1);
        let answer = deadline("an answer", PATIENCE, ask(gateway.addr, &request)).await;
        assert_problem(method, &answer, 405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("GET"));
    }
}

#[tokio::test]
async fn only_unsupported_sub_protocols_are_400_and_the_chosen_one_is_echoed() {
    let system = System::shared().await;
    let gateway = system.gateway(0);
    for offer in ["mqtt", "chat.v2, soap", "CHAT.V1"] {
        let answer = upgrade(&gateway, PATH, &[("Sec-WebSocket-Protocol", offer)]).await;
        assert_problem(offer, &answer, 400, "bad_request");
    }
    for (offer, chosen) in [
        ("chat.v1", Some("chat.v1")),
        ("v12.stomp, v11.stomp, v10.stomp", Some("v12.stomp")),
        ("v10.stomp,chat.v1", Some("v10.stomp")),
        ("soap, v11.stomp", Some("v11.stomp")),
    ] {
        let answer = upgrade(&gateway, PATH, &[("Sec-WebSocket-Protocol", offer)]).await;
        assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, chosen), "{offer}");
    }
    let none = upgrade(&gateway, PATH, &[]).await;
    assert_eq!((none.status, none.header("sec-websocket-protocol")), (101, None));
    assert_eq!(none.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "RFC 6455 1.3");
}

#[tokio::test]
async fn the_oldest_connections_of_a_node_and_of_an_address_stay_and_new_ones_are_refused() {
    let system = System::shared().await;
    let settings = [("CHAT__WS__MAX_SESSIONS", "3"), ("CHAT__WS__MAX_SESSIONS_PER_IP", "2")];
    let gateway = system.add_gateway(&settings).await;
    let open = async |address| RawSocket::open_at(gateway.addr, PATH, &[NATIVE, ("X-Forwarded-For", address)]).await;
    let mut first = open("192.0.2.1").await;
    let _second = open("192.0.2.1").await;
    let third = upgrade(&gateway, PATH, &[NATIVE, ("X-Forwarded-For", "192.0.2.1")]).await;
    assert_problem("the third of an address", &third, 429, "rate_limited");
    assert!(third.header("retry-after").is_some());
    let _other = open("192.0.2.2").await;
    let fourth = upgrade(&gateway, PATH, &[NATIVE, ("X-Forwarded-For", "192.0.2.3")]).await;
    assert_problem("the fourth of the node", &fourth, 503, "unavailable");
    assert!(fourth.header("retry-after").is_some());
    first.send(0x89, b"still here").await.unwrap();
    assert_eq!(deadline("a pong", PATIENCE, first.next()).await, Some((10, b"still here".to_vec())));
    first.send(0x88, &1000_u16.to_be_bytes()).await.unwrap();
    assert_eq!(deadline("closed", PATIENCE, first.close_code()).await, Some(1000));
    let sockets = || gateway.metric("chat_gateway_sockets");
    chat_testkit::assert_eventually!(sockets() == Some(2.0), within = PATIENCE, "a place is free: {:?}", sockets());
    open("192.0.2.1").await;
}

#[tokio::test]
async fn the_oldest_sessions_of_a_user_stay_and_a_new_one_is_closed_with_4429() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let gateway = system.add_gateway(&[("CHAT__WS__MAX_SESSIONS_PER_USER", "1")]).await;
    let first = gateway.connect(&alice, &[]).await;
    let mut native = RawSocket::open(gateway.addr, "chat.v1").await;
    let connect = json!({"id": 1, "cmd": "connect", "token": alice.token}).to_string();
    native.send(0x81, connect.as_bytes()).await.unwrap();
    let (_, reply) = deadline("a reply", PATIENCE, native.next()).await.unwrap();
    assert!(String::from_utf8(reply).unwrap().contains("session_limit"));
    assert_eq!(deadline("closed", PATIENCE, native.close_code()).await, Some(4429));
    let mut stomp = RawSocket::open(gateway.addr, "v12.stomp").await;
    let connect = format!("CONNECT\naccept-version:1.2\nhost:a\nAuthorization:Bearer {}\n\n\0", alice.token);
    stomp.send(0x81, connect.as_bytes()).await.unwrap();
    let (_, error) = deadline("an ERROR", PATIENCE, stomp.next()).await.unwrap();
    let error = String::from_utf8(error).unwrap();
    assert!(error.starts_with("ERROR") && error.contains("session_limit"), "{error}");
    assert_eq!(deadline("closed", PATIENCE, stomp.close_code()).await, Some(4429));
    gateway.connect(&bob, &[]).await;
    first.call(chat_protocol::frame::ClientCommand::Ping).await.unwrap();
    drop(first);
    let sessions = || gateway.metric("chat_gateway_sessions");
    chat_testkit::assert_eventually!(sessions() <= Some(1.0), within = PATIENCE, "a place is free: {:?}", sessions());
    gateway.connect(&alice, &[]).await;
}
