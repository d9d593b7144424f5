//! The client against a scripted server on a real socket.

mod fake_server;

use std::{sync::Arc, time::Duration};

use chat_client::{Client, ClientOptions, Connection, Event, Incoming, RestClient, SendState, StaticToken};
use chat_protocol::{RoomId, frame::ClientCommand};
use fake_server::{FakeServer, entry, http_server};
use serde_json::json;
use tokio::time::timeout;

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(5), what).await.expect("in time")
}

#[tokio::test]
async fn replies_find_their_commands_and_pushes_keep_their_order() {
    let server = FakeServer::bind().await;
    let url = server.url();
    let script = tokio::spawn(async move {
        let mut peer = server.accept().await;
        let first = peer.command().await;
        let second = peer.command().await;
        peer.send(json!({"push": "ping"})).await;
        peer.send(json!({"id": second["id"], "reply": "ping"})).await;
        peer.send(json!({"id": first["id"], "error": {"code": "busy", "message": "m", "retry": true}})).await;
        peer.send(json!({"push": "from-the-future", "x": 1})).await;
        peer.close(4008, "slow").await;
    });
    let mut connection = Connection::open(&url).await.unwrap();
    let (first, second) = tokio::join!(connection.call(ClientCommand::Ping), connection.call(ClientCommand::Ping));
    assert_eq!(first.unwrap_err().to_string(), "m (busy)");
    second.unwrap();
    assert!(matches!(soon(connection.next()).await, Some(Incoming::Push(_))));
    assert!(matches!(soon(connection.next()).await, Some(Incoming::Other(text)) if text.contains("future")));
    assert_eq!(soon(connection.next()).await, None);
    assert_eq!(soon(connection.closed()).await.code, Some(4008));
    assert!(soon(connection.call(ClientCommand::Ping)).await.is_err());
    script.await.unwrap();
}

#[tokio::test]
async fn a_client_reconnects_resumes_and_repeats_what_was_not_answered() {
    let server = FakeServer::bind().await;
    let room = RoomId::generate();
    let mut options = ClientOptions::new(server.url());
    options.rooms = vec![(room, Some(4))];
    options.reconnect = (Duration::from_millis(1), Duration::from_millis(20));
    let mut client = Client::start(options, Arc::new(StaticToken("secret".into())));

    let mut peer = soon(server.accept()).await;
    let connect = soon(peer.command()).await;
    assert_eq!(connect["token"], "secret");
    assert_eq!(connect["rooms"], json!([{"roomId": room, "after": 4}]));
    peer.welcome(&connect, room, 4).await;
    peer.send(json!({"push": "message", "message": entry(room, 5)})).await;
    peer.send(json!({"push": "message", "message": entry(room, 5)})).await;
    let id = client.handle().send(room, "hello").await.unwrap();
    assert_eq!(soon(peer.command()).await["clientMessageId"], json!(id));
    drop(peer); // no reply, no goodbye

    let mut peer = soon(server.accept()).await;
    let connect = soon(peer.command()).await;
    assert_eq!(connect["rooms"], json!([{"roomId": room, "after": 5}]));
    peer.welcome(&connect, room, 5).await;
    let again = soon(peer.command()).await;
    assert_eq!((&again["clientMessageId"], &again["content"]), (&json!(id), &json!("hello")));
    peer.send(json!({"id": again["id"], "reply": "send", "clientMessageId": id, "roomId": room,
        "acceptedAt": "2026-01-01T00:00:00Z"}))
        .await;
    peer.send(json!({"push": "persisted", "roomId": room, "clientMessageId": id, "messageId": room, "seq": 6,
        "duplicate": true}))
        .await;
    peer.close(1000, "").await;

    let mut seen = Vec::new();
    while let Some(event) = soon(client.next_event()).await {
        seen.push(match event {
            Event::Connected { .. } => "connected".to_owned(),
            Event::Disconnected { .. } => "disconnected".to_owned(),
            Event::Subscribed { seq, .. } => format!("subscribed {seq}"),
            Event::Entry(entry) => format!("entry {}", entry.seq),
            Event::Send { state: SendState::Accepted, .. } => "accepted".to_owned(),
            Event::Send { state: SendState::Persisted { seq, .. }, .. } => format!("persisted {seq}"),
            Event::Failed(closed) => format!("failed {:?}", closed.code),
            other => format!("{other:?}"),
        });
    }
    let expected = "connected, subscribed 4, entry 5, disconnected, connected, subscribed 5, accepted, persisted 6, failed Some(1000)";
    assert_eq!(seen.join(", "), expected);
}

#[tokio::test]
async fn a_client_stays_away_for_as_long_as_it_is_told() {
    let problem = r#"{"status":503,"code":"unavailable","retryAfterMs":150,"detail":"too many"}"#;
    let refuse = |headers: &str, body: &str| {
        format!("503 Service Unavailable\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
    };
    let answers = vec![refuse("retry-after: 9\r\n", problem), refuse("retry-after: 1\r\n", ""), refuse("", "")];
    let (base, server) = http_server(answers).await;
    let mut options = ClientOptions::new(chat_client::ws_url(&base));
    options.reconnect = (Duration::from_millis(1), Duration::from_millis(20));
    let mut client = Client::start(options, Arc::new(StaticToken("secret".into())));
    let mut waits = Vec::new();
    while waits.len() < 3 {
        match soon(client.next_event()).await {
            Some(Event::Disconnected { retry_in, .. }) => waits.push(retry_in.as_millis()),
            other => panic!("{other:?}"),
        }
    }
    assert!(waits[0] == 150 && waits[1] == 1_000 && waits[2] <= 20, "{waits:?}");
    assert_eq!(server.await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_goodbye_names_the_time_of_the_return() {
    let server = FakeServer::bind().await;
    let mut options = ClientOptions::new(server.url());
    options.reconnect = (Duration::from_millis(1), Duration::from_millis(20));
    let mut client = Client::start(options, Arc::new(StaticToken("secret".into())));
    let mut peer = soon(server.accept()).await;
    let connect = soon(peer.command()).await;
    peer.welcome(&connect, RoomId::generate(), 1).await;
    peer.send(json!({"push": "closing", "code": 1012, "reason": "the server restarts", "retryAfterMs": 230})).await;
    peer.close(1012, "the server restarts").await;
    let retry_in = loop {
        match soon(client.next_event()).await {
            Some(Event::Disconnected { retry_in, .. }) => break retry_in,
            Some(Event::Failed(closed)) => panic!("{closed}"),
            Some(_) => {}
            None => panic!("the client ended"),
        }
    };
    assert_eq!(retry_in, Duration::from_millis(230));
    let again = soon(server.accept());
    soon(again).await.command().await;
}

#[tokio::test]
async fn a_busy_server_is_asked_again_after_the_time_it_names() {
    let problem = r#"{"status":503,"code":"busy","retryAfterMs":1,"detail":"full"}"#;
    let busy =
        format!("503 Service Unavailable\r\nretry-after: 9\r\ncontent-length: {}\r\n\r\n{problem}", problem.len());
    let answer = "200 OK\r\ncontent-length: 12\r\n\r\n{\"users\":[]}".to_owned();
    let (base, server) = http_server(vec![busy.clone(), answer, busy]).await;
    let rest = RestClient::new(&base).unwrap().with_token("t");
    assert_eq!(soon(rest.users("a b")).await.unwrap(), []);
    let refused = soon(rest.with_retries(0).users("a b")).await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (Some(503), Some(chat_protocol::ErrorCode::Busy)));
    let requests = server.await.unwrap();
    assert_eq!(requests.len(), 3);
    assert!(requests[0].starts_with("get /api/v1/users?query=a+b HTTP/1.1"), "{}", requests[0]);
    assert!(requests[0].contains("authorization: bearer t"), "{}", requests[0]);
}
