use chat_protocol::MarkRead;
use chat_redis::{Part, RedisConfig, RedisPool, RoomListCache};
use chat_service::{Context, Secret};
use chat_testkit::{TcpProxy, TestEnv, assert_eventually};
use jiff::Timestamp;

use crate::stage::{Stage, WITHIN, stop};

/// A proxy in front of the host of `url`, and the URL through it.
async fn behind_proxy(url: &str) -> (TcpProxy, String) {
    let start = url.rfind('@').map_or_else(|| url.find("://").unwrap() + 3, |at| at + 1);
    let end = url[start..].find('/').map_or(url.len(), |length| start + length);
    let proxy = TcpProxy::start(&url[start..end]).await;
    let through = format!("{}{}{}", &url[..start], proxy.addr(), &url[end..]);
    (proxy, through)
}

#[tokio::test]
async fn a_poison_mark_goes_to_the_dead_letter_topic() {
    let mut stage = Stage::new().await;
    let (ctx, bob) = (stage.start(&[]).await, stage.bob);
    stage.send_raw(b"{not json").await;
    stage.send(&stage.mark(bob, 3)).await;
    assert_eq!(stage.next_receipt().await, (bob, 3), "the poison stopped its neighbour");
    let dead = stage.next_dead_letter().await;
    assert_eq!(dead.value(), b"{not json");
    assert_eq!(dead.key_str(), Some(stage.room.to_string().as_str()));
    assert_eq!(dead.header_str("kafka_dlt-exception-fqcn"), Some("poison"));
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the poison's offset is committed");
    stop(ctx).await;
}

#[tokio::test]
async fn a_mark_that_the_database_refuses_spoils_no_other() {
    let mut stage = Stage::new().await;
    let bob = stage.bob;
    // PostgreSQL knows no time that early.
    let refused = MarkRead { at: "-009000-01-01T00:00:00Z".parse::<Timestamp>().unwrap(), ..stage.mark(bob, 5) };
    for seq in 1..4 {
        stage.send(&stage.mark(bob, seq)).await;
    }
    stage.send(&refused).await;
    stage.send(&stage.mark(bob, 4)).await;
    let ctx = stage.start(&[]).await;
    let dead = stage.next_dead_letter().await;
    assert_eq!(dead.value(), serde_json::to_vec(&refused).unwrap());
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the batch is committed");
    assert_eq!(stage.read_seq(bob).await, 4);
    // The halves of the batch moved it in two steps, in order.
    while stage.next_receipt().await != (bob, 4) {}
    stop(ctx).await;
}

/// Records that the service has taken from Kafka.
fn taken(ctx: &Context) -> f64 {
    let families = ctx.metrics.gather();
    let records = families.iter().find(|family| family.name() == "chat_kafka_records_consumed_total");
    records.map_or(0.0, |family| family.get_metric().iter().map(|metric| metric.get_counter().get_value()).sum())
}

#[tokio::test]
async fn marks_wait_for_a_database_that_is_away() {
    let mut stage = Stage::new().await;
    let (proxy, url) = behind_proxy(&TestEnv::from_env().postgres_url).await;
    let (ctx, bob) = (stage.start(&[("CHAT__POSTGRES__URL", url)]).await, stage.bob);
    stage.send(&stage.mark(bob, 2)).await;
    assert_eq!(stage.next_receipt().await, (bob, 2));
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the first mark is committed");

    proxy.cut();
    stage.send(&stage.mark(bob, 3)).await;
    assert_eventually!(taken(&ctx) > 1.5, within = WITHIN, "the mark is in hand");
    stage.send(&stage.mark(bob, 5)).await;
    assert_eq!((stage.lag().await, stage.read_seq(bob).await), (2, 2));

    proxy.heal();
    while stage.next_receipt().await != (bob, 5) {}
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "everything is committed");
    stop(ctx).await;
}

#[tokio::test]
async fn a_mark_in_hand_survives_a_stop_while_the_database_is_away() {
    let mut stage = Stage::new().await;
    let (proxy, url) = behind_proxy(&TestEnv::from_env().postgres_url).await;
    let finish = ("CHAT__CONSUMER__FINISH_MS", "300".to_owned());
    let (first, bob) = (stage.start(&[("CHAT__POSTGRES__URL", url), finish]).await, stage.bob);
    stage.send(&stage.mark(bob, 2)).await;
    assert_eq!(stage.next_receipt().await, (bob, 2));
    proxy.cut();
    stage.send(&stage.mark(bob, 3)).await;
    assert_eventually!(taken(&first) > 1.5, within = WITHIN, "the mark is in hand");
    stop(first).await;
    assert_eq!(stage.lag().await, 1, "the offset was committed before the mark was stored");
    let second = stage.start(&[]).await;
    assert_eq!(stage.next_receipt().await, (bob, 3));
    stop(second).await;
}

#[tokio::test]
async fn marks_are_stored_while_redis_is_away() {
    let mut stage = Stage::new().await;
    let (proxy, url) = behind_proxy(stage.isolation.redis_url()).await;
    let (ctx, bob) = (stage.start(&[("CHAT__REDIS__URL", url)]).await, stage.bob);
    proxy.cut();
    for seq in [2, 3] {
        stage.send(&stage.mark(bob, seq)).await;
        assert_eventually!(stage.lag().await == 0, within = WITHIN, "the mark at {seq} is committed");
        assert_eq!(stage.read_seq(bob).await, seq);
    }
    proxy.heal();
    stage.send(&stage.mark(bob, 4)).await;
    assert_eq!(stage.next_receipt().await, (bob, 4));
    stop(ctx).await;
}

#[tokio::test]
async fn a_mark_stored_while_redis_was_away_is_not_hidden_by_a_list_kept_there() {
    let stage = Stage::new().await;
    let near = RedisConfig {
        url: Secret::new(stage.isolation.redis_url()),
        key_prefix: stage.isolation.redis_prefix(),
        pool_size: 1,
    };
    let cache = RoomListCache::new(RedisPool::new(&near).unwrap());
    let part = Part::Rooms(stage.bob);
    let lease = cache.lease(&[part]).await.unwrap();
    assert_eq!(cache.keep(&lease, [(part, b"where the mark was".to_vec())]).await.unwrap(), 1);
    let (proxy, url) = behind_proxy(stage.isolation.redis_url()).await;
    let (ctx, bob) = (stage.start(&[("CHAT__REDIS__URL", url)]).await, stage.bob);
    proxy.cut();
    stage.send(&stage.mark(bob, 3)).await;
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the mark is committed");
    assert!(cache.read(&[part]).await.unwrap()[0].is_some());
    proxy.heal();
    // No further mark comes.
    assert_eventually!(cache.read(&[part]).await.unwrap()[0].is_none(), within = WITHIN, "the list is dropped");
    stop(ctx).await;
}

#[tokio::test]
async fn marks_sent_while_the_service_is_down_are_applied_when_it_is_back() {
    let mut stage = Stage::new().await;
    let bob = stage.bob;
    let first = stage.start(&[]).await;
    stage.send(&stage.mark(bob, 2)).await;
    assert_eq!(stage.next_receipt().await, (bob, 2));
    stop(first).await;
    assert_eq!(stage.lag().await, 0, "a clean shutdown commits");
    stage.send(&stage.mark(bob, 3)).await;
    let second = stage.start(&[]).await;
    assert_eq!(stage.next_receipt().await, (bob, 3));
    stop(second).await;
}
