//! Who subscribes and speaks in one breath sees what was said.

use std::time::Duration;

use chat_e2e::{StompClient, System, Talk};
use chat_stomp::{Command, Frame, header};
use chat_testkit::{TcpProxy, TestEnv};
use serde_json::json;
use tokio::time::timeout;

#[tokio::test]
async fn a_message_sent_right_after_a_subscribe_is_seen_although_the_subscription_takes_time() {
    let (proxy, through_proxy) = TcpProxy::before(&TestEnv::from_env().redis_url).await;
    let system = System::with_gateways(&[&[], &[("CHAT__REDIS__URL", &through_proxy)]]).await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut elsewhere = system.connect(0, &alice, &[(room, Some(0))]).await;
    elsewhere.entries(room, 1).await;

    let mut stomp = StompClient::connect(system.gateway(1).addr, &alice).await;
    // The subscription is confirmed by Redis before the room's head is read, which is where it begins.
    proxy.blackhole();
    let subscribe = Frame::new(Command::Subscribe)
        .with(header::ID, "room")
        .with(header::DESTINATION, format!("/sub/chat/room/{room}"));
    stomp.put(&subscribe).await;
    stomp.put(&StompClient::message("/pub/chat/message", &json!({"roomId": room, "content": "hello"}))).await;
    // Either it is held back, or it is stored by now.
    timeout(Duration::from_millis(700), elsewhere.entries(room, 2)).await.ok();
    proxy.heal();
    assert_eq!(stomp.next_of("room").await.1["content"], "hello");
}
