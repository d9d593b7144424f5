//! How many sessions a user may have, on all gateways together.

use std::time::Duration;

use chat_client::{
    Connection,
    connection::{CallError, ConnectError},
};
use chat_e2e::{Gateway, PATIENCE, Person, RawSocket, StompClient, System, Talk, deadline};
use chat_protocol::{
    ErrorCode,
    frame::{ClientCommand, ServerPush},
};
use chat_testkit::{TcpProxy, TestEnv, assert_eventually};
use serde_json::json;

async fn gateways(system: &System, most: &str, policy: &str) -> [Gateway; 2] {
    let settings = [("CHAT__WS__MAX_SESSIONS_PER_USER", most), ("CHAT__WS__SESSION_POLICY", policy)];
    [system.add_gateway(&settings).await, system.add_gateway(&settings).await]
}

/// What a connect is answered with; refusals are closed with 4429.
async fn connect(gateway: &Gateway, person: &Person) -> Result<Connection, ErrorCode> {
    match Connection::connect(&gateway.ws_url(), &person.token, Vec::new()).await {
        Ok((connection, _)) => Ok(connection),
        Err(ConnectError::Call(CallError::Refused(error))) => Err(error.code),
        Err(error) => panic!("{error}"),
    }
}

async fn works(connection: &Connection) {
    connection.call(ClientCommand::Ping).await.unwrap();
}

/// Ended for a newer one, and told so before.
async fn replaced(connection: &mut Connection) {
    let (code, reason) = connection
        .hear("the reason", |push| match push {
            ServerPush::Closing { code, reason, .. } => Some((code, reason)),
            _ => None,
        })
        .await;
    assert_eq!(code, 4429);
    assert!(reason.contains("newer session"), "{reason}");
    assert_eq!(deadline("closed", PATIENCE, connection.closed()).await.code, Some(4429));
}

#[tokio::test]
async fn a_session_too_many_is_refused_whichever_gateway_it_comes_to() {
    let system = System::shared().await;
    let gateways = gateways(&system, "2", "oldest-stays").await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let first = connect(&gateways[0], &alice).await.unwrap();
    let second = connect(&gateways[1], &alice).await.unwrap();
    for gateway in &gateways {
        assert_eq!(connect(gateway, &alice).await.err(), Some(ErrorCode::SessionLimit));
        let mut raw = RawSocket::open(gateway.addr, "chat.v1").await;
        let connect = json!({"id": 1, "cmd": "connect", "token": alice.token}).to_string();
        raw.send(0x81, connect.as_bytes()).await.unwrap();
        assert_eq!(deadline("closed", PATIENCE, raw.close_code()).await, Some(4429));
    }
    works(&first).await;
    works(&second).await;
    connect(&gateways[0], &bob).await.unwrap();
    first.close().await;
    let coming = async {
        loop {
            if let Ok(third) = connect(&gateways[1], &alice).await {
                return third;
            }
        }
    };
    let third = deadline("a place is free when one has left", PATIENCE, coming).await;
    works(&third).await;
}

#[tokio::test]
async fn of_many_that_connect_at_once_exactly_as_many_as_may_stay() {
    let system = System::shared().await;
    let gateways = gateways(&system, "3", "oldest-stays").await;
    let alice = system.person("alice").await;
    let mut racing = tokio::task::JoinSet::new();
    for number in 0..16 {
        let (gateway, alice) = (gateways[number % 2].clone(), alice.clone());
        racing.spawn(async move { connect(&gateway, &alice).await });
    }
    let answers = deadline("all answered", PATIENCE, racing.join_all()).await;
    let refused = answers.iter().filter(|answer| answer.as_ref().err() == Some(&ErrorCode::SessionLimit)).count();
    assert_eq!((answers.iter().flatten().count(), refused), (3, 13));
}

#[tokio::test]
async fn the_newest_stays_if_so_configured_and_the_oldest_is_told_why_on_its_gateway() {
    let system = System::shared().await;
    let gateways = gateways(&system, "2", "newest-stays").await;
    let alice = system.person("alice").await;
    let mut stomp = StompClient::connect(gateways[0].addr, &alice).await;
    stomp.subscribe("session", "/user/queue/session", None).await;
    let mut second = connect(&gateways[1], &alice).await.unwrap();
    let third = connect(&gateways[1], &alice).await.unwrap();
    let (_, told) = stomp.next_of("session").await;
    assert_eq!(told["type"], "SESSION_CLOSED", "{told}");
    assert!(told["reason"].as_str().is_some_and(|reason| reason.contains("newer session")), "{told}");
    assert_eq!(deadline("closed", PATIENCE, stomp.close_code()).await, Some(4429));
    works(&second).await;
    let fourth = connect(&gateways[0], &alice).await.unwrap();
    replaced(&mut second).await;
    works(&third).await;
    works(&fourth).await;
}

#[tokio::test]
async fn without_redis_each_gateway_counts_alone_and_tells_redis_when_it_is_back() {
    let (proxy, through) = TcpProxy::before(&TestEnv::from_env().redis_url).await;
    let system = System::shared().await;
    let settings = [("CHAT__WS__MAX_SESSIONS_PER_USER", "2"), ("CHAT__REDIS__URL", &*through)];
    let (behind, other) = (system.add_gateway(&settings).await, system.add_gateway(&settings[..1]).await);
    let alice = system.person("alice").await;
    proxy.cut();
    let first = deadline("connected", PATIENCE, connect(&behind, &alice)).await.unwrap();
    let second = deadline("connected", PATIENCE, connect(&behind, &alice)).await.unwrap();
    assert_eq!(connect(&behind, &alice).await.err(), Some(ErrorCode::SessionLimit));
    connect(&other, &alice).await.expect("Redis does not know of them").close().await;
    proxy.heal();
    assert_eventually!(
        connect(&other, &alice).await.err() == Some(ErrorCode::SessionLimit),
        within = Duration::from_secs(30),
        "counted together again"
    );
    works(&first).await;
    works(&second).await;
}

#[tokio::test]
async fn without_redis_the_newest_stays_among_those_of_a_gateway() {
    let (proxy, through) = TcpProxy::before(&TestEnv::from_env().redis_url).await;
    let system = System::shared().await;
    let settings = [
        ("CHAT__WS__MAX_SESSIONS_PER_USER", "1"),
        ("CHAT__WS__SESSION_POLICY", "newest-stays"),
        ("CHAT__REDIS__URL", &*through),
    ];
    let gateway = system.add_gateway(&settings).await;
    let alice = system.person("alice").await;
    proxy.blackhole();
    let mut first = deadline("connected", PATIENCE, connect(&gateway, &alice)).await.unwrap();
    let second = deadline("connected", PATIENCE, connect(&gateway, &alice)).await.unwrap();
    replaced(&mut first).await;
    works(&second).await;
}

#[tokio::test]
async fn a_policy_that_is_not_known_is_refused_at_the_start() {
    let settings = [("CHAT__WS__SESSION_POLICY".to_owned(), "loudest-stays".to_owned())];
    let loaded = chat_service::config::load_from::<ws_gateway::Config>(ws_gateway::DEFAULTS, None, settings);
    let error = format!("{:?}", loaded.map(|_| ()).expect_err("a refusal"));
    assert!(error.contains("session_policy") || error.contains("loudest-stays"), "{error}");
}
