//! Who may connect, and for how long.

use std::time::Duration;

use chat_client::Connection;
use chat_e2e::{PATIENCE, System, deadline, frame_error};
use chat_protocol::{ErrorCode, frame::ClientCommand};

#[tokio::test]
async fn a_wrong_token_at_connect_is_told_and_closed() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    for (token, code) in [
        ("nonsense".to_owned(), ErrorCode::Unauthorized),
        (String::new(), ErrorCode::Unauthorized),
        (format!("{}x", alice.token), ErrorCode::Unauthorized),
        (alice.expired_token(), ErrorCode::TokenExpired),
    ] {
        let connection = Connection::open(&system.gateway(0).ws_url()).await.unwrap();
        let refused = connection.caller().connect(&token, Vec::new()).await;
        assert_eq!(frame_error(refused).code, code, "{token}");
        assert_eq!(deadline("closed", PATIENCE, connection.closed()).await.code, Some(4401), "{token}");
    }
}

#[tokio::test]
async fn nothing_is_done_before_connect() {
    let system = System::shared().await;
    let connection = Connection::open(&system.gateway(0).ws_url()).await.unwrap();
    let refused = connection.call(ClientCommand::Subscribe { rooms: Vec::new() }).await;
    assert_eq!(frame_error(refused).code, ErrorCode::Unauthorized);
    assert_eq!(deadline("closed", PATIENCE, connection.closed()).await.code, Some(4401));
}

#[tokio::test]
async fn a_token_in_the_upgrade_is_enough() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let protocol = ("sec-websocket-protocol", "chat.v1");
    let bearer = format!("Bearer {}", alice.token);
    let (url, header) = (system.gateway(0).ws_url(), ("authorization", bearer.as_str()));
    for (url, headers) in
        [(url.clone(), vec![protocol, header]), (format!("{url}?token={}", alice.token), vec![protocol])]
    {
        let connection = Connection::open_with(&url, &headers).await.unwrap();
        connection.call(ClientCommand::Connect { token: None, rooms: Vec::new() }).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_ends_with_its_token() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let token = alice.token_for(Duration::from_secs(2));
    let (connection, _) = Connection::connect(&system.gateway(0).ws_url(), &token, Vec::new()).await.unwrap();
    connection.call(ClientCommand::Ping).await.unwrap();
    assert_eq!(deadline("closed", PATIENCE, connection.closed()).await.code, Some(4401));
}
