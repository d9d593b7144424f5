//! Webhooks, from their management to what arrives.

use chat_e2e::{ADMIN_TOKEN, PATIENCE, System};
use chat_protocol::{ClientMessageId, RoomId};
use chat_testkit::{Receiver, Reply, assert_eventually};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Calls of an operator.
struct Operator {
    base: String,
    token: String,
}

impl Operator {
    fn of(system: &System, gateway: usize) -> Self {
        Self { base: format!("{}/api/v1/webhooks", system.gateway(gateway).url()), token: ADMIN_TOKEN.to_owned() }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let response = request.send().await.unwrap();
        let status = response.status();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    async fn post(&self, path: &str, body: Value, expected: StatusCode) -> Value {
        let (status, body) = self.call(Method::POST, path, Some(body)).await;
        assert_eq!(status, expected, "{body}");
        body
    }

    async fn create(&self, url: &str, room: RoomId) -> Value {
        self.post("", json!({ "url": url, "roomId": room }), StatusCode::CREATED).await
    }
}

fn types(receiver: &Receiver) -> Vec<String> {
    let calls = receiver.received();
    let kind = |body: &str| serde_json::from_str::<Value>(body).unwrap()["type"].as_str().unwrap().to_owned();
    calls.iter().map(|call| kind(&call.body)).collect()
}

fn ids(receiver: &Receiver) -> Vec<String> {
    receiver.received().iter().map(|call| call.header("webhook-id").to_owned()).collect()
}

#[tokio::test]
async fn another_system_is_told_what_happens_in_a_room() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice]).await;
    let (receiver, operator) = (Receiver::start().await, Operator::of(&system, 1));
    let created = operator.create(&receiver.url(), room).await;
    let path = format!("/{}", created["id"].as_str().unwrap());
    assert!(created["secret"].as_str().unwrap().starts_with("whsec_"));
    assert!(operator.get("").await["webhooks"].as_array().unwrap().iter().any(|one| one["id"] == created["id"]));
    assert_eq!(operator.get(&path).await["secret"], Value::Null, "shown once");

    // The notifier learns of the webhook within some seconds; its own test goes through PostgreSQL.
    operator.post(&format!("{path}/test"), json!({}), StatusCode::ACCEPTED).await;
    assert_eventually!(types(&receiver) == ["Test"], within = PATIENCE, "the test");
    let rest = system.rest(0, &alice);
    let sent = rest.send_message(room, &ClientMessageId::generate(), "hello").await.unwrap();
    assert_eventually!(types(&receiver).len() == 2, within = PATIENCE, "the message, as long as it has a text");
    rest.invite(room, &[bob.id]).await.unwrap();
    rest.delete_message(room, sent.message_id).await.unwrap();
    let all = ["Test", "MessageSent", "MembersInvited", "MessageDeleted"];
    assert_eventually!(types(&receiver) == all, within = PATIENCE, "everything: {:?}", types(&receiver));
    let told: Vec<_> = (2..=4).map(|seq| format!("{room}:{seq}")).collect();
    assert_eq!(ids(&receiver)[1..], told);

    let after: i64 = receiver.received()[1].header("chat-webhook-cursor").parse().unwrap();
    let last: i64 = receiver.received()[3].header("chat-webhook-cursor").parse().unwrap();
    assert_eventually!(operator.get(&path).await["waiting"] == 0, within = PATIENCE, "all settled");
    assert_eq!(operator.get(&path).await["cursor"], last);
    let replayed = operator.post(&format!("{path}/replay"), json!({ "after": after }), StatusCode::ACCEPTED).await;
    assert_eq!(replayed, json!({ "queued": 2, "upTo": last, "more": false }));
    assert_eventually!(ids(&receiver).len() == 6, within = PATIENCE, "again");
    assert_eq!(ids(&receiver)[4..], told[1..]);

    // The text of a deleted message is nowhere, not even in what is sent again.
    operator.post(&format!("{path}/replay"), json!({ "after": after - 1 }), StatusCode::ACCEPTED).await;
    assert_eventually!(ids(&receiver).len() >= 7, within = PATIENCE, "from the message on");
    let calls = receiver.received();
    let content = |call: usize| serde_json::from_str::<Value>(&calls[call].body).unwrap()["data"]["content"].clone();
    assert_eq!((ids(&receiver)[6].as_str(), content(1), content(6)), (told[0].as_str(), json!("hello"), json!("")));

    assert_eq!(operator.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(operator.call(Method::GET, &path, None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_webhook_can_be_changed_disabled_and_given_a_new_secret() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let (first, second, operator) = (Receiver::start().await, Receiver::start().await, Operator::of(&system, 0));
    first.always(Reply::Status(500));
    let created = operator.create(&first.url(), room).await;
    let path = format!("/{}", created["id"].as_str().unwrap());
    operator.post(&format!("{path}/test"), json!({}), StatusCode::ACCEPTED).await;
    assert_eventually!(
        operator.get(&path).await["lastFailure"] == "answered with status 500",
        within = PATIENCE,
        "a failure is told"
    );
    let state = operator.get(&path).await;
    assert_eq!((&state["waiting"], state["failingSince"].is_string()), (&json!(1), true), "{state}");

    let (status, disabled) = operator.call(Method::PATCH, &path, Some(json!({ "enabled": false }))).await;
    assert_eq!((status, &disabled["enabled"]), (StatusCode::OK, &json!(false)));
    assert_eq!(disabled["disabledReason"], "disabled by the operator");
    operator.post(&format!("{path}/test"), json!({}), StatusCode::BAD_REQUEST).await;

    let rotated = operator.post(&format!("{path}/rotate-secret"), json!({}), StatusCode::OK).await;
    assert_ne!(rotated["secret"], created["secret"]);
    let change = json!({ "url": second.url(), "roomId": null, "eventTypes": ["RoleChanged"], "enabled": true });
    let (status, changed) = operator.call(Method::PATCH, &path, Some(change)).await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    assert_eq!((&changed["roomId"], &changed["eventTypes"]), (&Value::Null, &json!(["RoleChanged"])));
    assert_eq!((&changed["disabledReason"], &changed["failingSince"]), (&Value::Null, &Value::Null));
    // Beside it come the changes of roles in the rooms of other tests.
    let test = || second.received().into_iter().find(|call| call.header("webhook-id").starts_with("test:"));
    assert_eventually!(test().is_some(), within = PATIENCE, "what waited goes to the new address");
    assert_eq!(test().unwrap().header("webhook-signature").split(' ').count(), 2, "signed with both");
    assert_eq!(operator.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_must_not_be_called_is_refused_when_it_is_saved() {
    let strict = [("CHAT__OUTBOUND__ALLOW_PRIVATE", "false"), ("CHAT__OUTBOUND__ALLOW_HTTP", "false")];
    let full = [("CHAT__WEBHOOKS__MAX_ENDPOINTS", "1")];
    let system = System::with_gateways(&[&strict, &full]).await;
    let operator = Operator::of(&system, 0);
    let inside = "url must lead to addresses of the public internet only";
    let table = [
        ("https://127.0.0.1/", inside),
        ("https://127.1/", inside),
        ("https://2130706433/", inside),
        ("https://0177.0.0.1/", inside),
        ("https://0x7f000001/", inside),
        ("https://10.0.0.1/", inside),
        ("https://192.168.1.1:8443/", inside),
        ("https://169.254.169.254/latest/meta-data/", inside),
        ("https://[::1]/", inside),
        ("https://[fd00:ec2::254]/", inside),
        ("https://[::ffff:10.0.0.1]/", inside),
        ("https://localhost/", inside),
        ("http://example.com/", "url must begin with https://"),
        ("https://user:password@example.com/", "url must not contain a user name or password"),
        ("https://example.com:25/", "url must use port 443, or one from 1024"),
        ("example.com", "url must be an absolute URL of at most 2000 characters"),
    ];
    for (url, why) in table {
        let refused = operator.post("", json!({ "url": url }), StatusCode::BAD_REQUEST).await;
        assert_eq!((&refused["code"], &refused["detail"]), (&json!("bad_request"), &json!(why)), "{url}");
    }
    let unknown = json!({ "url": "https://hook.example/", "eventTypes": ["Everything"] });
    operator.post("", unknown, StatusCode::BAD_REQUEST).await;
    assert_eq!(operator.get("").await["webhooks"], json!([]));

    let good = operator.post("", json!({ "url": "https://hook.example/" }), StatusCode::CREATED).await;
    let path = format!("/{}", good["id"].as_str().unwrap());
    let (status, _) = operator.call(Method::PATCH, &path, Some(json!({ "url": "https://127.0.0.1/" }))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "nor when it is changed");
    let one_more = json!({ "url": "https://hook.example/" });
    let refused = Operator::of(&system, 1).post("", one_more, StatusCode::FORBIDDEN).await;
    assert!(refused["detail"].as_str().unwrap().contains("webhooks.max_endpoints"), "{refused}");
}

#[tokio::test]
async fn only_the_admin_token_manages_and_guessing_it_is_slow() {
    let few = [("CHAT__WEBHOOKS__FAILURES_PER_MINUTE", "3")];
    let off = [("CHAT__WEBHOOKS__ADMIN_TOKEN", "")];
    let system = System::with_gateways(&[&few, &off]).await;
    let alice = system.person("alice").await;
    let (status, refused) = Operator::of(&system, 1).call(Method::GET, "", None).await;
    assert_eq!((status, &refused["code"]), (StatusCode::FORBIDDEN, &json!("forbidden")));
    assert!(refused["detail"].as_str().unwrap().contains("webhooks.admin_token"), "{refused}");

    let right = Operator::of(&system, 0);
    right.get("").await;
    for token in [alice.token.clone(), "wrong".to_owned(), format!("{ADMIN_TOKEN}x")] {
        let guesser = Operator { base: right.base.clone(), token };
        assert_eq!(guesser.call(Method::GET, "", None).await.0, StatusCode::UNAUTHORIZED);
    }
    let guesser = Operator { base: right.base.clone(), token: "another".to_owned() };
    let (status, refused) = guesser.call(Method::GET, "", None).await;
    assert_eq!((status, &refused["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("rate_limited")));
    assert!(refused["retryAfterMs"].as_u64().unwrap() > 1_000, "{refused}");
    assert_eq!(right.call(Method::GET, "", None).await.0, StatusCode::TOO_MANY_REQUESTS, "nothing is looked at");
}
