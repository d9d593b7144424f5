//! Redis Pub/Sub loses messages; nobody notices.

use std::time::Duration;

use chat_e2e::{System, Talk, assert_gapless, deadline};
use chat_testkit::{TcpProxy, TestEnv};
use tokio::time::timeout;

/// Heads are compared every 2 s; a page is read then.
const REPAIRED_WITHIN: Duration = Duration::from_secs(6);

/// Heads are not compared for as long as the test lasts, unless a reconnect makes the gateway do it.
#[tokio::test]
async fn a_reconnect_to_redis_compares_the_heads_at_once() {
    let (proxy, through_proxy) = TcpProxy::before(&TestEnv::from_env().redis_url).await;
    let never = [("CHAT__REDIS__URL", &*through_proxy), ("CHAT__DELIVERY__HEAD_CHECK_MS", "3600000")];
    let system = System::with_gateways(&[&[], &never]).await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_alice = system.connect(0, &alice, &[(room, Some(0))]).await;
    let mut at_bob = system.connect(1, &bob, &[(room, Some(0))]).await;
    at_bob.entries(room, 1).await;

    proxy.cut();
    at_alice.say(room, "lost by Pub/Sub").await;
    // Published, and gone, before the other gateway is back.
    at_alice.entries(room, 2).await;
    proxy.heal();
    let entries = deadline("found", REPAIRED_WITHIN, at_bob.entries(room, 2)).await;
    assert_gapless(&entries, 2);
}

#[tokio::test]
async fn messages_lost_by_pub_sub_are_found_even_when_silence_follows() {
    let (proxy, through_proxy) = TcpProxy::before(&TestEnv::from_env().redis_url).await;
    let system = System::with_gateways(&[&[], &[("CHAT__REDIS__URL", &through_proxy)]]).await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let at_alice = system.connect(0, &alice, &[]).await;
    let mut at_bob = system.connect(1, &bob, &[(room, Some(0))]).await;
    at_bob.entries(room, 1).await;
    let mut seq = 1;

    for how in ["cut", "black hole"] {
        if how == "cut" {
            proxy.cut();
        } else {
            proxy.blackhole();
        }
        for turn in 0..5 {
            at_alice.say(room, &format!("{how} {turn}")).await;
        }
        let entries = deadline(how, REPAIRED_WITHIN, at_bob.entries(room, seq + 5)).await;
        assert_gapless(&entries, seq + 1);
        proxy.heal();
        at_alice.say(room, "healed").await;
        let entries = deadline(how, REPAIRED_WITHIN, at_bob.entries(room, seq + 6)).await;
        assert_gapless(&entries, seq + 6);
        seq += 6;
    }

    proxy.cut();
    let id = at_bob.say(room, "my outcome is lost").await;
    let sent = system.rest(1, &bob).send_message(room, &chat_protocol::ClientMessageId::generate(), "by REST").await;
    assert_eq!(sent.unwrap().seq, seq + 2, "a call that waits finds its outcome in the database");
    proxy.heal();
    // As clients do that are not told what became of a send: the same again.
    let told = async {
        loop {
            at_bob.say_as(room, &id, "my outcome is lost").await.unwrap();
            if let Ok(told) = timeout(Duration::from_millis(500), at_bob.persisted(&id)).await {
                return told;
            }
        }
    };
    assert_eq!(deadline("told", REPAIRED_WITHIN, told).await, (seq + 1, true));
}
