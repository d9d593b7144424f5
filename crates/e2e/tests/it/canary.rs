//! A gateway is ready only while messages come through.

use chat_e2e::{Gateway, PATIENCE, System, Talk};
use chat_testkit::{TcpProxy, TestEnv, assert_eventually};

/// Impatient, so that a test need not wait for half a minute.
const SETTINGS: &[(&str, &str)] =
    &[("CHAT__DELIVERY__CANARY_MS", "200"), ("CHAT__DELIVERY__CANARY_LOST_AFTER_MS", "2000")];

async fn assert_not_ready_for_delivery_alone(gateway: &Gateway) {
    let missing = || gateway.context.readiness.missing();
    assert_eventually!(missing() == ["delivery"], within = PATIENCE, "delivery is missed: {:?}", missing());
}

#[tokio::test]
async fn a_gateway_whose_persister_or_broadcaster_is_away_is_not_ready_and_serves_all_the_same() {
    let system = System::with_gateways(&[SETTINGS]).await;
    let gateway = system.gateway(0);
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let mut before = system.connect(0, &alice, &[(room, Some(0))]).await;
    let mut seq = 1;
    before.entries(room, seq).await;
    let lost = || gateway.metric("chat_gateway_canaries_lost_total").unwrap();

    for worker in ["persister", "broadcaster"] {
        let lost_before = lost();
        system.stop_worker(worker).await;
        assert_not_ready_for_delivery_alone(&gateway).await;
        assert_eventually!(lost() > lost_before, within = PATIENCE, "canaries without a {worker} are counted");

        // Sessions of before, and new ones: only a gateway that drains refuses.
        before.say(room, worker).await;
        let mut during = system.connect(0, &alice, &[(room, Some(seq))]).await;
        during.say(room, "from a new session").await;
        assert_eq!(gateway.rest(&alice).room(room).await.unwrap().room_id, room);
        assert_eq!(gateway.context.readiness.missing(), ["delivery"], "{worker}");

        system.start_worker(worker);
        let ready = &gateway.context.readiness;
        assert_eventually!(ready.is_ready(), within = 2 * PATIENCE, "{worker} is back: {:?}", ready.missing());
        seq += 2;
        before.entries(room, seq).await;
        during.entries(room, seq).await;
    }
}

#[tokio::test]
async fn a_gateway_without_redis_is_not_ready_and_is_again_when_redis_is_back() {
    let (proxy, through_proxy) = TcpProxy::before(&TestEnv::from_env().redis_url).await;
    let settings = [SETTINGS, &[("CHAT__REDIS__URL", &*through_proxy)]].concat();
    let system = System::with_gateways(&[&settings]).await;
    let ready = system.gateway(0).context.readiness;
    proxy.blackhole();
    assert_not_ready_for_delivery_alone(&system.gateway(0)).await;
    proxy.heal();
    assert_eventually!(ready.is_ready(), within = PATIENCE, "Redis is back: {:?}", ready.missing());
}
