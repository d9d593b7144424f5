//! Devices, and what a member wants to be told of a room.

use chat_client::RestClient;
use chat_e2e::{Gateway, Person, System};
use chat_protocol::{RoomId, UserId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Public half of the private key 1, 2, 3 … 32.
const PUBLIC_KEY: &str = "BFFcPW6545a5BNP-yn9U_c0MwemXvzddylFa0KbDtANfRTa-OlDzGPv5pUdZAqIhUCvvDVfgjFOyzApW8X2fk1Q";
const P256DH: &str = "BLn9b-VR0ca83knDNZ32dCHGyjJp-1riX9ZTN40MqV8K_LpQmLqxC_DoHvqvFXO_nGdAB4W9dogZb_sM-uV4JbY";
const AUTH: &str = "_ordMnz7uTCmrpBTeUV4Bw";

async fn call(
    gateway: &Gateway,
    person: &Person,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> (StatusCode, Value) {
    let request = reqwest::Client::new().request(method, format!("{}/api/v1{path}", gateway.url()));
    let request = body.into_iter().fold(request.bearer_auth(&person.token), reqwest::RequestBuilder::json);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap_or_default())
}

fn subscription(endpoint: &str) -> Value {
    json!({ "endpoint": endpoint, "expirationTime": null, "keys": { "p256dh": P256DH, "auth": AUTH } })
}

/// A gateway with a key for pushes, and the guard of production.
async fn pushing(system: &System) -> Gateway {
    let settings = [
        ("CHAT__PUSH__VAPID_PUBLIC_KEY", PUBLIC_KEY),
        ("CHAT__OUTBOUND__ALLOW_PRIVATE", "false"),
        ("CHAT__OUTBOUND__ALLOW_HTTP", "false"),
    ];
    system.add_gateway(&settings).await
}

#[tokio::test]
async fn a_device_is_registered_once_per_endpoint_and_belongs_to_whoever_did_it_last() {
    let system = System::start().await;
    let gateway = pushing(&system).await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    assert_eq!(call(&gateway, &alice, Method::GET, "/devices/key", None).await.1, json!({ "publicKey": PUBLIC_KEY }));
    let body = subscription("https://1.1.1.1/wpush/1");
    let (status, first) = call(&gateway, &alice, Method::POST, "/devices", Some(&body)).await;
    assert_eq!((status, &first["service"]), (StatusCode::CREATED, &json!("https://1.1.1.1")));
    let (status, again) = call(&gateway, &alice, Method::POST, "/devices", Some(&body)).await;
    assert_eq!((status, &again["deviceId"]), (StatusCode::OK, &first["deviceId"]));
    let (_, listed) = call(&gateway, &alice, Method::GET, "/devices", None).await;
    assert_eq!(listed["devices"], json!([again]));
    assert!(!listed.to_string().contains("wpush"), "the endpoint is told to nobody");

    let (status, of_bob) = call(&gateway, &bob, Method::POST, "/devices", Some(&body)).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(call(&gateway, &alice, Method::GET, "/devices", None).await.1, json!({ "devices": [] }));
    let path = format!("/devices/{}", of_bob["deviceId"].as_str().unwrap());
    let (status, refusal) = call(&gateway, &alice, Method::DELETE, &path, None).await;
    assert_eq!((status, &refusal["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    assert_eq!(call(&gateway, &bob, Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(call(&gateway, &bob, Method::DELETE, &path, None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn of_more_than_ten_devices_the_oldest_go() {
    let system = System::start().await;
    let gateway = pushing(&system).await;
    let alice = system.person("alice").await;
    let mut ids = Vec::new();
    for n in 0..12 {
        let body = subscription(&format!("https://1.1.1.1/{n}"));
        let (status, device) = call(&gateway, &alice, Method::POST, "/devices", Some(&body)).await;
        assert_eq!(status, StatusCode::CREATED);
        ids.insert(0, device["deviceId"].clone());
    }
    let (_, listed) = call(&gateway, &alice, Method::GET, "/devices", None).await;
    let listed: Vec<_> =
        listed["devices"].as_array().unwrap().iter().map(|device| device["deviceId"].clone()).collect();
    assert_eq!(listed, ids[..10]);
}

#[tokio::test]
async fn a_device_goes_when_its_log_in_ends() {
    let system = System::start().await;
    let gateway = pushing(&system).await;
    let rest = RestClient::new(&gateway.url()).unwrap();
    let (email, password) = (format!("{}@example.com", UserId::generate()), "correct horse battery");
    let first = rest.signup(&email, password, "alice").await.unwrap();
    let second = rest.login(&email, password).await.unwrap();
    let device = async |token: &str, endpoint: &str| {
        let request = reqwest::Client::new().post(format!("{}/api/v1/devices", gateway.url())).bearer_auth(token);
        request.json(&subscription(endpoint)).send().await.unwrap().status()
    };
    let left = async |token: &str| {
        let request = reqwest::Client::new().get(format!("{}/api/v1/devices", gateway.url())).bearer_auth(token);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["devices"].as_array().unwrap().len()
    };
    assert_eq!(device(&first.access_token, "https://1.1.1.1/first").await, StatusCode::CREATED);
    assert_eq!(device(&second.access_token, "https://1.1.1.1/second").await, StatusCode::CREATED);
    rest.logout(&first.refresh_token).await.unwrap();
    assert_eq!(left(&second.access_token).await, 1);
    rest.with_token(second.access_token.clone()).logout_all().await.unwrap();
    assert_eq!(device(&second.access_token, "https://1.1.1.1/late").await, StatusCode::UNAUTHORIZED);
    let third = rest.login(&email, password).await.unwrap();
    assert_eq!(left(&third.access_token).await, 0);
}

#[tokio::test]
async fn what_no_browser_gives_is_refused_by_name() {
    let system = System::start().await;
    let gateway = pushing(&system).await;
    let alice = system.person("alice").await;
    let with = |p256dh: &str, auth: &str| json!({ "endpoint": "https://1.1.1.1/", "keys": { "p256dh": p256dh, "auth": auth } });
    for (body, named) in [
        (subscription(""), "endpoint"),
        (subscription("http://1.1.1.1/"), "endpoint"),
        (subscription("https://127.0.0.1/"), "endpoint"),
        (subscription("https://localhost/"), "endpoint"),
        (subscription("https://169.254.169.254/latest/"), "endpoint"),
        (subscription("https://user@1.1.1.1/"), "endpoint"),
        (subscription(&format!("https://1.1.1.1/{}", "x".repeat(3_000))), "endpoint"),
        (with("", AUTH), "keys.p256dh"),
        (with(AUTH, AUTH), "keys.p256dh"),
        (with(&format!("{}A", &P256DH[..86]), AUTH), "keys.p256dh"),
        (with(P256DH, "short"), "keys.auth"),
        (with(P256DH, P256DH), "keys.auth"),
        (json!({ "endpoint": "https://1.1.1.1/" }), "keys"),
    ] {
        let (status, refusal) = call(&gateway, &alice, Method::POST, "/devices", Some(&body)).await;
        assert_eq!((status, &refusal["code"]), (StatusCode::BAD_REQUEST, &json!("bad_request")), "{body}");
        assert!(refusal["detail"].as_str().unwrap().contains(named), "{refusal}");
    }
    assert_eq!(call(&gateway, &alice, Method::GET, "/devices", None).await.1, json!({ "devices": [] }));
}

#[tokio::test]
async fn where_there_are_no_pushes_nothing_is_registered() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let body = subscription("https://1.1.1.1/");
    for (method, path, body) in [(Method::GET, "/devices/key", None), (Method::POST, "/devices", Some(&body))] {
        let (status, refusal) = call(&system.gateway(0), &alice, method, path, body).await;
        assert_eq!((status, &refusal["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")));
        assert!(refusal["detail"].as_str().unwrap().contains("no pushes"), "{refusal}");
    }
}

#[tokio::test]
async fn a_member_says_what_of_a_room_they_want_to_be_told() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice]).await;
    let path = |room: RoomId| format!("/chat/rooms/{room}/notifications");
    let gateway = system.gateway(0);
    let everything = json!({ "level": "ALL", "mutedUntil": null });
    assert_eq!(call(&gateway, &alice, Method::GET, &path(room), None).await, (StatusCode::OK, everything));
    let mentions = json!({ "level": "MENTIONS", "mutedUntil": "2030-01-01T08:00:00Z" });
    assert_eq!(
        call(&gateway, &alice, Method::PUT, &path(room), Some(&mentions)).await,
        (StatusCode::OK, mentions.clone())
    );
    assert_eq!(call(&system.gateway(1), &alice, Method::GET, &path(room), None).await.1, mentions);
    let unmuted = json!({ "level": "NONE" });
    assert_eq!(call(&gateway, &alice, Method::PUT, &path(room), Some(&unmuted)).await.1["mutedUntil"], json!(null));
    // Earlier than the database can say, and as late as can be said.
    for (until, told) in [("-009000-01-01T00:00:00Z", None), ("9999-12-30T22:00:00Z", Some("9999-12-30T22:00:00Z"))] {
        let body = json!({ "level": "ALL", "mutedUntil": until });
        let expected = (StatusCode::OK, json!({ "level": "ALL", "mutedUntil": told }));
        assert_eq!(call(&gateway, &alice, Method::PUT, &path(room), Some(&body)).await, expected);
        assert_eq!(call(&gateway, &alice, Method::GET, &path(room), None).await, expected);
    }
    for wrong in [json!({}), json!({ "level": "LOUD" }), json!({ "level": "ALL", "mutedUntil": "soon" })] {
        let (status, refusal) = call(&gateway, &alice, Method::PUT, &path(room), Some(&wrong)).await;
        assert_eq!((status, &refusal["code"]), (StatusCode::BAD_REQUEST, &json!("bad_request")), "{wrong}");
    }
    for (method, body) in [(Method::GET, None), (Method::PUT, Some(&mentions))] {
        let (status, refusal) = call(&gateway, &bob, method, &path(room), body).await;
        assert_eq!((status, &refusal["code"]), (StatusCode::NOT_FOUND, &json!("room_not_found")));
    }
}
