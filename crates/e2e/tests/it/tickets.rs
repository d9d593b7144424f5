//! Tickets: one connection for a browser that can send its token in no header.

use chat_client::{Connection, connection::ConnectError};
use chat_e2e::{Gateway, Person, System, frame_error};
use chat_protocol::{ErrorCode, frame::ClientCommand};
use serde_json::Value;

async fn ticket(gateway: &Gateway, person: &Person) -> String {
    let request = reqwest::Client::new().post(format!("{}/api/v1/auth/ticket", gateway.url()));
    let response = request.bearer_auth(&person.token).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["expiresIn"], 30);
    body["ticket"].as_str().unwrap().to_owned()
}

async fn open(gateway: &Gateway, query: &str) -> Result<Connection, u16> {
    let url = format!("{}?{query}", gateway.ws_url());
    match Connection::open_with(&url, &[("sec-websocket-protocol", "chat.v1")]).await {
        Ok(connection) => Ok(connection),
        Err(ConnectError::Http(status) | ConnectError::Later { status, .. }) => Err(status),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_ticket_opens_one_connection_on_whichever_gateway() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    for parameter in ["ticket", "token"] {
        let ticket = ticket(&system.gateway(0), &alice).await;
        let query = format!("{parameter}={ticket}");
        let connection = open(&system.gateway(1), &query).await.unwrap();
        connection.call(ClientCommand::Connect { token: None, rooms: Vec::new() }).await.unwrap();
        assert_eq!(open(&system.gateway(0), &query).await.unwrap_err(), 401, "used before");
    }
}

#[tokio::test]
async fn a_ticket_is_accepted_where_access_tokens_in_the_address_are_not() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let gateway = system.add_gateway(&[("CHAT__AUTH__QUERY_TOKEN", "false")]).await;
    assert_eq!(open(&gateway, &format!("token={}", alice.token)).await.unwrap_err(), 401);
    assert_eq!(open(&gateway, &format!("ticket={}", alice.token)).await.unwrap_err(), 401, "no ticket");
    open(&gateway, &format!("token={}", ticket(&gateway, &alice).await)).await.unwrap();
}

#[tokio::test]
async fn a_ticket_is_no_access_token() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let gateway = system.gateway(0);
    let ticket = ticket(&gateway, &alice).await;
    let rest = reqwest::Client::new().get(format!("{}/api/v1/users/me", gateway.url())).bearer_auth(&ticket);
    assert_eq!(rest.send().await.unwrap().status().as_u16(), 401);
    let connection = Connection::open(&gateway.ws_url()).await.unwrap();
    assert_eq!(frame_error(connection.caller().connect(&ticket, Vec::new()).await).code, ErrorCode::Unauthorized);
    let bearer = format!("Bearer {ticket}");
    let header = [("sec-websocket-protocol", "chat.v1"), ("authorization", bearer.as_str())];
    assert!(matches!(Connection::open_with(&gateway.ws_url(), &header).await, Err(ConnectError::Http(401))));
    open(&gateway, &format!("ticket={ticket}")).await.unwrap();
}

#[tokio::test]
async fn a_ticket_is_not_used_up_by_an_upgrade_that_something_else_refuses() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let gateway = system.gateway(0);
    let query = format!("ticket={}", ticket(&gateway, &alice).await);
    let url = format!("{}?{query}", gateway.ws_url());
    let foreign = Connection::open_with(&url, &[("sec-websocket-protocol", "mqtt")]).await;
    assert!(matches!(foreign, Err(ConnectError::Http(400))), "{foreign:?}");
    open(&gateway, &query).await.unwrap();
}

#[tokio::test]
async fn without_redis_no_ticket_is_accepted_and_tokens_are() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let ticket = ticket(&system.gateway(0), &alice).await;
    let lonely = system.add_unready_gateway(&[("CHAT__REDIS__URL", "redis://127.0.0.1:1")]);
    assert_eq!(open(&lonely, &format!("ticket={ticket}")).await.unwrap_err(), 503);
    open(&lonely, &format!("token={}", alice.token)).await.unwrap();
}
