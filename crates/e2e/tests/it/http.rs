//! What is not a message: the documentation and the landing page.

use chat_e2e::System;
use serde_json::Value;

#[tokio::test]
async fn people_find_a_page_and_the_reference() {
    let system = System::shared().await;
    let base = system.gateway(0).url();
    for path in ["/", "/api/docs/"] {
        let response = reqwest::get(format!("{base}{path}")).await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{path}");
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(kind.starts_with("text/html"), "{path}: {kind}");
        assert!(response.text().await.unwrap().contains("<html"), "{path}");
    }
    let response = reqwest::get(format!("{base}/api/v1/nowhere")).await.unwrap();
    assert_eq!(response.status().as_u16(), 404);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["code"], "not_found");
}

#[tokio::test]
async fn a_request_that_cannot_be_served_gets_a_problem_with_its_code() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let base = format!("{}/api/v1/chat", system.gateway(0).url());
    let client = reqwest::Client::new();
    let json = "application/json";
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(140_000));
    for (method, path, content_type, body, status, code) in [
        ("POST", "/group-rooms", json, "{", 400, "bad_request"),
        ("POST", "/group-rooms", json, r#"{"name":"a"}"#, 400, "bad_request"),
        ("POST", "/group-rooms", json, r#"{"name":" ","userIds":[]}"#, 400, "bad_request"),
        ("POST", "/group-rooms", json, r#"{"name":"a\u0000b","userIds":[]}"#, 400, "invalid_character"),
        ("POST", "/group-rooms", json, r#"{"name":"a","userIds":["x"]}"#, 400, "bad_request"),
        ("POST", "/group-rooms", "text/plain", r#"{"name":"a","userIds":[]}"#, 415, "unsupported_media_type"),
        ("POST", "/group-rooms", json, large.as_str(), 413, "too_large"),
        ("GET", "/rooms/not-a-room", json, "", 400, "bad_request"),
        ("PUT", "/rooms", json, "{}", 405, "method_not_allowed"),
        // Not for a member with this id.
        ("PATCH", "/rooms/0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d11/members/me", json, "{}", 405, "method_not_allowed"),
        ("GET", "/nowhere", json, "", 404, "not_found"),
    ] {
        let request = client.request(method.parse().unwrap(), format!("{base}{path}")).bearer_auth(&alice.token);
        let response = request.header("content-type", content_type).body(body.to_owned()).send().await.unwrap();
        let seen = response.status().as_u16();
        let problem: Value = response.json().await.unwrap_or_default();
        assert_eq!((seen, problem["code"].as_str()), (status, Some(code)), "{method} {path} {problem}");
    }
}
