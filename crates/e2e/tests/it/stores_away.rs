//! What clients are told while a store is away, and that they are taken back.

use chat_e2e::{PATIENCE, StompClient, System, Talk, deadline};
use chat_stomp::{Command, Frame, header};
use chat_testkit::{TcpProxy, TestEnv, assert_eventually};

#[tokio::test]
async fn a_stomp_subscription_while_the_database_is_away_is_closed_with_1013_and_works_when_it_is_back() {
    let (proxy, through_proxy) = TcpProxy::before(&TestEnv::from_env().postgres_url).await;
    let system = System::shared().await;
    let gateway = system.add_gateway(&[("CHAT__POSTGRES__URL", &through_proxy)]).await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let destination = format!("/sub/chat/room/{room}");

    let mut stomp = StompClient::connect(gateway.addr, &alice).await;
    proxy.cut();
    let subscribe = Frame::new(Command::Subscribe)
        .with(header::ID, "room")
        .with(header::DESTINATION, destination.clone())
        .with(header::RECEIPT, "r");
    stomp.put(&subscribe).await;
    let error = stomp.next().await;
    assert_eq!((error.command, error.header("code")), (Command::Error, Some("unavailable")), "{error:?}");
    assert_eq!(error.header(header::RECEIPT_ID), Some("r"));
    assert_eq!(stomp.close_code().await, Some(1013));

    proxy.heal();
    let rest = gateway.rest(&alice);
    assert_eventually!(rest.room(room).await.is_ok(), within = PATIENCE, "the database is back");
    let mut again = StompClient::connect(gateway.addr, &alice).await;
    deadline("subscribed", PATIENCE, again.subscribe("room", &destination, Some(0))).await;
    assert_eq!(again.next_of("room").await.1["seq"], 1);
    system.connect(0, &alice, &[]).await.say(room, "live").await;
    assert_eq!(again.next_of("room").await.1["seq"], 2);
}
