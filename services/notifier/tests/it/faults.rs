use chat_service::Context;
use chat_testkit::{TcpProxy, TestEnv, assert_eventually};

use crate::stage::{Stage, WITHIN, stop};

/// A proxy in front of the host of `url`, and the URL through it.
fn messages_taken(ctx: &Context) -> f64 {
    let families = ctx.metrics.gather();
    let messages = families.iter().find(|family| family.name() == "chat_notifier_messages_total");
    messages.map_or(0.0, |family| family.get_metric()[0].get_counter().get_value())
}

#[tokio::test]
async fn a_poison_event_goes_to_the_dead_letter_topic() {
    let mut stage = Stage::new().await;
    let ctx = stage.start(&[]).await;
    stage.send_raw(stage.room, b"{\"v\":1}").await;
    let message = stage.write(stage.room, stage.alice, "hi").await;
    let told = stage.next_notifications(2).await;
    assert_eq!(told, [(stage.bob, message.seq, 1), (stage.carol, message.seq, 1)], "the poison stopped its neighbour");
    let dead = stage.next_dead_letter().await;
    assert_eq!((dead.value(), dead.key_str()), (&b"{\"v\":1}"[..], Some(stage.room.to_string().as_str())));
    assert_eq!(dead.header_str("kafka_dlt-exception-fqcn"), Some("poison"));
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the poison's offset is committed");
    stop(ctx).await;
}

#[tokio::test]
async fn news_wait_for_a_database_that_is_away() {
    let mut stage = Stage::new().await;
    let (proxy, url) = TcpProxy::before(&TestEnv::from_env().postgres_url).await;
    let ctx = stage.start(&[("CHAT__POSTGRES__URL", url)]).await;
    let first = stage.write(stage.room, stage.alice, "hi").await;
    assert_eq!(stage.next_notifications(2).await, [(stage.bob, first.seq, 1), (stage.carol, first.seq, 1)]);
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the first message is committed");
    proxy.cut();
    let second = stage.write(stage.room, stage.alice, "hi again").await;
    assert_eq!(stage.lag().await, 1);
    proxy.heal();
    assert_eq!(stage.next_notifications(2).await, [(stage.bob, second.seq, 1), (stage.carol, second.seq, 1)]);
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "everything is committed");
    stop(ctx).await;
}

#[tokio::test]
async fn a_long_absence_of_redis_costs_notifications_but_stops_nothing() {
    let mut stage = Stage::new().await;
    let (proxy, url) = TcpProxy::before(stage.isolation.redis_url()).await;
    let ctx = stage.start(&[("CHAT__REDIS__URL", url)]).await;
    proxy.cut();
    stage.write(stage.room, stage.alice, "nobody is told").await;
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the message is passed over");
    proxy.heal();
    let next = stage.write(stage.room, stage.alice, "hi").await;
    assert_eq!(stage.next_notifications(2).await, [(stage.bob, next.seq, 1), (stage.carol, next.seq, 1)]);
    stop(ctx).await;
}

#[tokio::test]
async fn a_short_absence_of_redis_costs_nothing() {
    let mut stage = Stage::new().await;
    let (proxy, url) = TcpProxy::before(stage.isolation.redis_url()).await;
    proxy.blackhole();
    let ctx = stage.start(&[("CHAT__REDIS__URL", url)]).await;
    let message = stage.write(stage.room, stage.alice, "hi").await;
    assert_eventually!(messages_taken(&ctx) > 0.5, within = WITHIN, "the message is in hand");
    assert!(ctx.readiness.is_ready(), "not ready without Redis");
    proxy.heal();
    assert_eq!(stage.next_notifications(2).await, [(stage.bob, message.seq, 1), (stage.carol, message.seq, 1)]);
    stop(ctx).await;
}
