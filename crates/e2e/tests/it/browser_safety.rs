//! What browsers and careless clients meet: CORS, headers on every answer, problems for every error.

use std::time::{Duration, Instant};

use chat_e2e::{Answer, Gateway, PATIENCE, System, ask, deadline};
use reqwest::Method;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PAGE: &str = "https://chat.example.com";

async fn gateway_with_pages(system: &System) -> Gateway {
    system.add_gateway(&[("CHAT__HTTP__ALLOWED_ORIGINS", &format!("same-origin,{PAGE}"))]).await
}

/// A request by the byte; header lines without their ends.
async fn request(gateway: &Gateway, line: &str, headers: &[&str], body: &str) -> Answer {
    let headers: Vec<String> = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let text = format!("{line} HTTP/1.1\r\nHost: {}\r\n{}{length}\r\n{body}", gateway.addr, headers.concat());
    deadline(line, PATIENCE, ask(gateway.addr, &text)).await
}

#[tokio::test]
async fn a_listed_page_may_call_and_learns_when_to_come_back() {
    let system = System::shared().await;
    let gateway = gateway_with_pages(&system).await;
    let origin = format!("Origin: {PAGE}");
    for path in ["/api/v1/chat/rooms", "/api/v1/auth/login", "/compat/api/v1/chat/rooms", "/api/v1/nowhere"] {
        let preflight = [
            &*origin,
            "Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: authorization,content-type,idempotency-key",
        ];
        let answer = request(&gateway, &format!("OPTIONS {path}"), &preflight, "").await;
        assert!(matches!(answer.status, 200 | 204), "{path}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{path}");
        let allowed = |name| answer.header(name).unwrap_or_default().to_ascii_lowercase();
        assert!(allowed("access-control-allow-methods").contains("patch"), "{answer:?}");
        for header in ["authorization", "content-type", "idempotency-key"] {
            assert!(allowed("access-control-allow-headers").contains(header), "{answer:?}");
        }
        assert!(allowed("vary").contains("origin"), "{answer:?}");
        assert!(answer.header("access-control-max-age").is_some());

        let answer = request(&gateway, &format!("GET {path}"), &[&origin], "").await;
        assert!(answer.status >= 400, "no token");
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE), "errors can be read, too: {path}");
        let exposed = answer.header("access-control-expose-headers").unwrap_or_default().to_ascii_lowercase();
        assert!(exposed.contains("retry-after"), "{path}: {answer:?}");
        assert!(answer.header("vary").unwrap_or_default().to_ascii_lowercase().contains("origin"), "{path}");
    }
}

#[tokio::test]
async fn a_foreign_page_is_told_nothing_it_may_read() {
    let system = System::shared().await;
    let gateway = gateway_with_pages(&system).await;
    for origin in [
        "https://evil.example.com",
        "https://chat.example.com.evil.com",
        "https://sub.chat.example.com",
        "http://chat.example.com",
        "null",
    ] {
        let origin = format!("Origin: {origin}");
        let answer = request(&gateway, "GET /api/v1/chat/rooms", &[&origin], "").await;
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
        let preflight = [&*origin, "Access-Control-Request-Method: GET"];
        let answer = request(&gateway, "OPTIONS /api/v1/chat/rooms", &preflight, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"), "{origin}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
    let origin = format!("Origin: {PAGE}");
    let preflight = [&*origin, "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: x-other"];
    let answer = request(&gateway, "OPTIONS /api/v1/chat/rooms", &preflight, "").await;
    assert_eq!(answer.status, 403, "a header that is not known: {answer:?}");
}

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_browsers_safe() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let gateway = system.gateway(0);
    let token = format!("Authorization: Bearer {}", alice.token);
    for (line, status) in [
        ("GET /", 200),
        ("GET /api/docs/", 200),
        ("GET /api/openapi.json", 200),
        ("GET /api/v1/users/me", 200),
        ("GET /api/v1/nowhere", 404),
        ("DELETE /api/v1/users/me", 405),
        ("POST /api/v1/auth/login", 415),
        ("GET /ws/v1/chat", 426),
        ("GET /compat/api/v1/nowhere", 404),
        ("GET /nowhere", 404),
    ] {
        let answer = request(&gateway, line, &[&token], "").await;
        assert_eq!(answer.status, status, "{line}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{line} {name}");
        }
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{line}");
        assert_eq!(answer.header("strict-transport-security"), None, "only by configuration");
        if line.contains("/api/v1") {
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{line}");
        }
    }
    let strict = system.add_gateway(&[("CHAT__HTTP__HSTS_SECS", "31536000")]).await;
    let answer = request(&strict, "GET /nowhere", &[], "").await;
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
}

#[tokio::test]
async fn the_reference_works_under_its_policy() {
    let system = System::shared().await;
    let base = system.gateway(0).url();
    let page = reqwest::get(format!("{base}/api/docs/")).await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("script-src 'self';"), "no scripts in the page itself: {policy}");
    let page = page.text().await.unwrap();
    let sources: Vec<&str> = page
        .split("<script")
        .skip(1)
        .map(|tag| tag.split_once('>').map_or(tag, |(attributes, _)| attributes))
        .collect();
    assert!(!sources.is_empty(), "{page}");
    for attributes in sources {
        let source = attributes.split_once("src=\"").and_then(|(_, rest)| rest.split('"').next());
        let source = source.unwrap_or_else(|| panic!("a script in the page: {attributes}"));
        let source = source.trim_start_matches("./");
        assert!(!source.contains("//"), "from elsewhere: {source}");
        let script = reqwest::get(format!("{base}/api/docs/{source}")).await.unwrap();
        assert_eq!(script.status(), 200, "{source}");
        assert!(script.headers()["content-type"].to_str().unwrap().contains("javascript"), "nosniff: {source}");
    }
}

#[tokio::test]
async fn every_error_is_a_problem_with_its_code() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let gateway = system.gateway(0);
    let token = format!("Authorization: Bearer {}", alice.token);
    let (large_header, json) = (format!("X-Large: {}", "x".repeat(40_000)), "Content-Type: application/json");
    let long_path = format!("GET /api/v1/chat/rooms?{}", "x".repeat(40_000));
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(140_000));
    for (line, headers, body, status, code) in [
        ("GET /nowhere", &[][..], "", 404, "not_found"),
        ("GET /api/docs/nowhere.js", &[], "", 404, "not_found"),
        ("GET /api/v1/auth/nowhere", &[], "", 404, "not_found"),
        ("PUT /api/v1/chat/rooms", &[&*token], "", 405, "method_not_allowed"),
        ("TRACE /api/v1/chat/rooms", &[&*token], "", 405, "method_not_allowed"),
        ("GET /api/v1/chat/rooms", &[&*token, "Accept: text/html"], "", 406, "not_acceptable"),
        ("GET /api/v1/chat/rooms", &[&*token, &*large_header], "", 431, "headers_too_large"),
        (&*long_path, &[&*token], "", 431, "headers_too_large"),
        ("POST /api/v1/chat/rooms", &[&*token, "Content-Type: text/plain"], "{}", 415, "unsupported_media_type"),
        ("POST /api/v1/chat/group-rooms", &[&*token, json], &*large, 413, "too_large"),
        ("POST /api/v1/chat/rooms", &[&*token, json], "{", 400, "bad_request"),
        ("GET /api/v1/chat/rooms/not-a-room", &[&*token], "", 400, "bad_request"),
    ] {
        let shown = &line[..line.len().min(60)];
        let answer = request(&gateway, line, headers, body).await;
        assert_eq!((answer.status, &*answer.code()), (status, code), "{shown}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{shown}");
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((&problem["status"], &problem["type"]), (&status.into(), &"about:blank".into()), "{shown}");
    }
    let answer = request(&gateway, "PUT /api/v1/chat/rooms", &[&token], "").await;
    assert_eq!(answer.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
}

#[tokio::test]
async fn head_is_get_without_a_body_and_options_names_the_methods() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let gateway = system.gateway(0);
    let client = reqwest::Client::new();
    for path in ["/", "/api/docs/", "/api/v1/users/me", "/api/v1/nowhere"] {
        let ask = |method: Method| {
            client.request(method, format!("{}{path}", gateway.url())).bearer_auth(&alice.token).send()
        };
        let (get, head) = (ask(Method::GET).await.unwrap(), ask(Method::HEAD).await.unwrap());
        assert_eq!(
            (head.status(), head.headers().get("content-type")),
            (get.status(), get.headers().get("content-type"))
        );
        assert_eq!(head.text().await.unwrap(), "", "{path}");
    }
    let answer = request(&gateway, "OPTIONS /api/v1/chat/rooms", &[], "").await;
    assert_eq!((answer.status, answer.header("allow")), (204, Some("GET, HEAD, POST, OPTIONS")));
    assert_eq!(request(&gateway, "OPTIONS /api/v1/nowhere", &[], "").await.status, 404);
}

#[tokio::test]
async fn a_body_that_is_dribbled_is_answered_with_408_and_the_connection_ends() {
    let system = System::shared().await;
    let gateway = system.add_gateway(&[("CHAT__HTTP__BODY_SECS", "1")]).await;
    for framing in ["Content-Length: 1000\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"] {
        let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
        let head = format!(
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n{framing}",
            gateway.addr
        );
        let start = Instant::now();
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let piece = if framing.starts_with('C') { " " } else { "1\r\n \r\n" };
        let dribbling = tokio::spawn(async move {
            while writing.write_all(piece.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        let mut answer = Vec::new();
        deadline("an answer and the end", PATIENCE, async {
            while !matches!(reading.read_buf(&mut answer).await, Ok(0) | Err(_)) {}
        })
        .await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("request_timeout"), "{answer}");
        assert!(start.elapsed() >= Duration::from_millis(900), "not before its time");
        deadline("nothing more is taken", PATIENCE, dribbling).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let system = System::shared().await;
    let gateway = system.gateway(0);
    let both = ["Content-Length: 5", "Transfer-Encoding: chunked"];
    let answer = request(&gateway, "POST /api/v1/auth/login", &both, "").await;
    assert_eq!(answer.status, 400, "two lengths: {answer:?}");
    let endless = format!("X-Endless: {}", "x".repeat(200_000));
    let answer = request(&gateway, "GET /", &[&endless], "").await;
    assert_eq!(answer.status, 431, "{}", answer.head);
}
