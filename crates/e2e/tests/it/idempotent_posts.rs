//! POSTs with a key: once, however often they arrive.

use chat_e2e::{Gateway, Person, System};
use chat_protocol::{ClientMessageId, RoomId};
use reqwest::Response;
use serde_json::{Value, json};

async fn post(gateway: &Gateway, person: &Person, path: &str, key: Option<&str>, body: &Value) -> Response {
    let url = format!("{}/api/v1/chat{path}", gateway.url());
    let request = reqwest::Client::new().post(url).bearer_auth(&person.token).json(body);
    key.into_iter().fold(request, |request, key| request.header("Idempotency-Key", key)).send().await.unwrap()
}

async fn assert_refused(response: Response, status: u16, code: &str) {
    let seen = response.status().as_u16();
    let problem: Value = response.json().await.unwrap();
    assert_eq!((seen, problem["code"].as_str()), (status, Some(code)), "{problem}");
}

#[tokio::test]
async fn a_group_is_made_once_with_a_key_on_whichever_gateway_and_another_body_is_a_conflict() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let (group, key) = (json!({"name": "Lobby", "userIds": [bob.id]}), ClientMessageId::generate().to_string());
    let mut made = Vec::new();
    for gateway in [0, 1, 0] {
        let response = post(&system.gateway(gateway), &alice, "/group-rooms", Some(&key), &group).await;
        assert_eq!(response.status(), 201);
        made.push(response.json::<Value>().await.unwrap());
    }
    assert!(made.iter().all(|room| *room == made[0]), "the same answer: {made:?}");
    assert_eq!(system.rest(0, &alice).rooms().await.unwrap().len(), 1);

    let other = json!({"name": "Another", "userIds": []});
    assert_refused(post(&system.gateway(1), &alice, "/group-rooms", Some(&key), &other).await, 409, "id_conflict")
        .await;
    let of_bob = post(&system.gateway(1), &bob, "/group-rooms", Some(&key), &other).await;
    assert_eq!(of_bob.status(), 201, "a key is its user's own");
    assert_ne!(of_bob.json::<Value>().await.unwrap()["roomId"], made[0]["roomId"]);
    for _ in 0..2 {
        assert_eq!(post(&system.gateway(0), &alice, "/group-rooms", None, &group).await.status(), 201);
    }
    assert_eq!(system.rest(0, &alice).rooms().await.unwrap().len(), 3, "without a key each is new");
}

#[tokio::test]
async fn two_that_make_the_same_group_at_once_make_one() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let (group, key) = (json!({"name": "Lobby", "userIds": []}), ClientMessageId::generate().to_string());
    let (first, second) = (system.gateway(0), system.gateway(1));
    let (first, second) = tokio::join!(
        post(&first, &alice, "/group-rooms", Some(&key), &group),
        post(&second, &alice, "/group-rooms", Some(&key), &group)
    );
    let (first, second): (Value, Value) = (first.json().await.unwrap(), second.json().await.unwrap());
    assert_eq!(first["roomId"], second["roomId"]);
    assert_eq!(system.rest(0, &alice).rooms().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_invitation_is_executed_once_and_its_key_serves_nothing_else_in_the_room() {
    let system = System::shared().await;
    let (alice, bob, cem) = (system.person("alice").await, system.person("bob").await, system.person("cem").await);
    let room: RoomId = system.group(&[&alice]).await;
    let (path, key) = (format!("/rooms/{room}/members"), ClientMessageId::generate().to_string());
    for gateway in [0, 1] {
        let invited = post(&system.gateway(gateway), &alice, &path, Some(&key), &json!({"userIds": [bob.id]})).await;
        assert_eq!(invited.status(), 204);
    }
    assert_eq!(system.rest(0, &alice).room(room).await.unwrap().head_seq, 2, "one entry for it");
    let other = post(&system.gateway(0), &alice, &path, Some(&key), &json!({"userIds": [cem.id]})).await;
    assert_refused(other, 409, "id_conflict").await;
}

#[tokio::test]
async fn the_key_of_a_message_is_its_client_message_id() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let (path, key) = (format!("/rooms/{room}/messages"), ClientMessageId::generate().to_string());
    let mut sent = Vec::new();
    for (gateway, body) in [(0, json!({"content": "hello"})), (1, json!({"content": "hello", "clientMessageId": key}))]
    {
        let response = post(&system.gateway(gateway), &alice, &path, Some(&key), &body).await;
        assert_eq!(response.status(), 201);
        sent.push(response.json::<Value>().await.unwrap());
    }
    assert_eq!((&sent[0]["messageId"], &sent[0]["clientMessageId"]), (&sent[1]["messageId"], &json!(key)));
    assert_eq!((&sent[0]["duplicate"], &sent[1]["duplicate"]), (&json!(false), &json!(true)));

    let gateway = system.gateway(0);
    let other = post(&gateway, &alice, &path, Some(&key), &json!({"content": "other"})).await;
    assert_refused(other, 409, "id_conflict").await;
    let both = json!({"content": "hello", "clientMessageId": ClientMessageId::generate()});
    assert_refused(post(&gateway, &alice, &path, Some(&key), &both).await, 400, "bad_request").await;
    let neither = json!({"content": "hello"});
    assert_refused(post(&gateway, &alice, &path, None, &neither).await, 400, "bad_request").await;
}

#[tokio::test]
async fn a_key_that_cannot_be_one_is_refused() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let (gateway, group) = (system.gateway(0), json!({"name": "Lobby", "userIds": []}));
    for key in ["", "with space", "#5", "\"quoted\"", &"x".repeat(65), "caf\u{e9}"] {
        assert_refused(post(&gateway, &alice, "/group-rooms", Some(key), &group).await, 400, "bad_request").await;
    }
    assert_eq!(system.rest(0, &alice).rooms().await.unwrap().len(), 0);
}
