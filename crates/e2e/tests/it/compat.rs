//! The face for front ends of a Spring backend: envelope, errors, and the switch.

use chat_client::rest::PageQuery;
use chat_e2e::System;
use serde_json::{Value, json};

#[tokio::test]
async fn every_refusal_of_the_compatible_calls_comes_in_the_envelope() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice]).await;
    let other = system.group(&[&bob]).await;
    let base = format!("{}/compat/api/v1", system.gateway(0).url());
    let client = reqwest::Client::new();
    let nobody = "0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d11";
    let entry = system.rest(0, &bob).messages(other, PageQuery::default()).await.unwrap().messages[0].message_id;
    for (method, path, body, status, code) in [
        ("GET", "/chat/nowhere".to_owned(), "", 404, "not_found"),
        ("PUT", "/chat/rooms".to_owned(), "{}", 405, "method_not_allowed"),
        ("POST", "/chat/rooms".to_owned(), "{", 400, "bad_request"),
        ("POST", "/chat/rooms".to_owned(), r#"{"targetUserId":7}"#, 400, "bad_request"),
        ("POST", "/chat/group-rooms".to_owned(), r#"{"roomName":" ","userIds":[]}"#, 400, "bad_request"),
        ("GET", "/chat/rooms/7/messages".to_owned(), "", 400, "bad_request"),
        ("GET", format!("/chat/rooms/{room}/messages?offset=10001"), "", 400, "bad_request"),
        ("GET", format!("/chat/rooms/{other}/messages"), "", 404, "room_not_found"),
        ("PATCH", format!("/chat/rooms/{room}/read"), "", 400, "bad_request"),
        ("PATCH", format!("/chat/rooms/{room}/read?messageId={nobody}"), "", 404, "not_found"),
        ("PATCH", format!("/chat/rooms/{room}/read?messageId={entry}"), "", 404, "not_found"),
        ("PATCH", format!("/chat/rooms/{other}/read?messageId={entry}"), "", 404, "room_not_found"),
        ("DELETE", format!("/chat/rooms/{room}/messages/{nobody}"), "", 404, "not_found"),
        ("PATCH", format!("/chat/group-rooms/{room}"), r#"{"roomName":" "}"#, 400, "bad_request"),
        ("PATCH", format!("/chat/group-rooms/{other}"), r#"{"roomName":"x"}"#, 404, "room_not_found"),
        ("DELETE", format!("/chat/group-rooms/{room}/members/{nobody}"), "", 404, "user_not_found"),
        ("DELETE", format!("/chat/group-rooms/{other}/members/{nobody}"), "", 404, "room_not_found"),
        ("POST", "/devices/fcm-token".to_owned(), "{}", 404, "not_found"),
    ] {
        let request = client.request(method.parse().unwrap(), format!("{base}{path}")).bearer_auth(&alice.token);
        let response = request.header("content-type", "application/json").body(body).send().await.unwrap();
        let seen = response.status().as_u16();
        let answer: Value = response.json().await.unwrap_or_default();
        assert_eq!((seen, answer["code"].as_str()), (status, Some(code)), "{method} {path} {answer}");
        assert_eq!((&answer["success"], &answer["data"]), (&json!(false), &Value::Null), "{method} {path}");
        assert!(answer["message"].as_str().is_some_and(|message| !message.is_empty()), "{method} {path} {answer}");
    }
    let anonymous = client.get(format!("{base}/chat/rooms")).send().await.unwrap();
    assert_eq!(
        (anonymous.status().as_u16(), &anonymous.headers()["www-authenticate"]),
        (401, &"Bearer".parse().unwrap())
    );
    assert_eq!(anonymous.json::<Value>().await.unwrap()["code"], "unauthorized");
}

#[tokio::test]
async fn the_compatible_calls_can_be_switched_off() {
    let system = System::shared().await;
    let gateway = system.add_gateway(&[("CHAT__COMPAT__ENABLED", "false")]).await;
    for path in ["/compat/api/v1/chat/rooms", "/compat/ws/v1/chat"] {
        let response = reqwest::get(format!("{}{path}", gateway.url())).await.unwrap();
        let (status, problem) = (response.status().as_u16(), response.json::<Value>().await.unwrap());
        assert_eq!((status, problem["code"].as_str()), (404, Some("not_found")), "{path}");
    }
}
