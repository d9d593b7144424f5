use std::time::Duration;

use chat_protocol::MarkRead;
use chat_redis::{Part, RedisConfig, RedisPool, RoomListCache};
use chat_service::{Context, Secret};
use chat_testkit::{TcpProxy, TestEnv, assert_eventually};
use jiff::Timestamp;

use crate::stage::{Stage, WITHIN, stop};

/// A proxy in front of the host of `url`, and the URL through it.
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
    let refused = MarkRead { at: "-009000-01-01T00:00:00Z".parse::<Timestamp>().unwrap(), ..stage.unplaced(bob, 5) };
    for seq in 1..4 {
        stage.send(&stage.unplaced(bob, seq)).await;
    }
    stage.send(&refused).await;
    stage.send(&stage.unplaced(bob, 4)).await;
    let ctx = stage.start(&[]).await;
    let dead = stage.next_dead_letter().await;
    assert_eq!(dead.value(), serde_json::to_vec(&refused).unwrap());
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the batch is committed");
    assert_eq!(stage.read_seq(bob).await, 4);
    let told = stage.told_until((bob, 4)).await;
    assert!(told.is_sorted(), "{told:?}");
    stop(ctx).await;
}

/// Starts the service with PostgreSQL at this URL; bob's mark at 2 is told and committed.
async fn started_with_a_mark(stage: &mut Stage, postgres: String) -> Context {
    let (ctx, bob) = (stage.start(&[("CHAT__POSTGRES__URL", postgres)]).await, stage.bob);
    stage.send(&stage.mark(bob, 2)).await;
    assert_eq!(stage.next_receipt().await, (bob, 2));
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the first mark is committed");
    ctx
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
    let (proxy, url) = TcpProxy::before(&TestEnv::from_env().postgres_url).await;
    let (ctx, bob) = (started_with_a_mark(&mut stage, url).await, stage.bob);

    proxy.cut();
    for seq in [3, 5, 4] {
        stage.send(&stage.mark(bob, seq)).await;
    }
    assert_eq!(stage.told_until((bob, 5)).await.last(), Some(&(bob, 5)), "Redis knows what is ahead");
    assert_eventually!(taken(&ctx) > 3.5, within = WITHIN, "all marks are in hand");
    assert_eq!((stage.lag().await, stage.read_seq(bob).await), (3, 2), "committed before it was stored");

    proxy.heal();
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "everything is committed");
    assert_eq!(stage.read_seq(bob).await, 5);
    stage.send(&stage.mark(bob, 6)).await;
    assert_eq!(stage.next_receipt().await, (bob, 6), "nothing was told twice, nor the mark at 4");
    stop(ctx).await;
}

#[tokio::test]
async fn marks_that_redis_does_not_know_are_told_when_the_database_is_back() {
    let mut stage = Stage::new().await;
    let (proxy, url) = TcpProxy::before(&TestEnv::from_env().postgres_url).await;
    let (ctx, bob) = (started_with_a_mark(&mut stage, url).await, stage.bob);
    proxy.cut();
    stage.lose_marks().await;
    stage.send(&stage.mark(bob, 3)).await;
    assert_eventually!(taken(&ctx) > 1.5, within = WITHIN, "the mark is in hand");
    proxy.heal();
    assert_eq!(stage.next_receipt().await, (bob, 3));
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "everything is committed");
    stop(ctx).await;
}

#[tokio::test]
async fn no_more_marks_are_taken_than_may_wait_for_the_database() {
    let mut stage = Stage::new().await;
    let (proxy, url) = TcpProxy::before(&TestEnv::from_env().postgres_url).await;
    let few = [
        ("CHAT__POSTGRES__URL", url),
        ("CHAT__CONSUMER__BATCH_RECORDS", "1".to_owned()),
        ("CHAT__READ_MARKS__DIRTY_MAX", "2".to_owned()),
    ];
    let (ctx, bob) = (stage.start(&few).await, stage.bob);
    stage.send(&stage.mark(bob, 2)).await;
    assert_eq!(stage.next_receipt().await, (bob, 2));
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the first mark is committed");
    proxy.cut();
    for seq in 3..=6 {
        stage.send(&stage.mark(bob, seq)).await;
    }
    assert_eq!((stage.next_receipt().await, stage.next_receipt().await), ((bob, 3), (bob, 4)));
    // Longer than the consumer works before it polls beside.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(taken(&ctx) < 3.5, "more were taken than may wait");
    proxy.heal();
    assert_eq!((stage.next_receipt().await, stage.next_receipt().await), ((bob, 5), (bob, 6)));
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "everything is committed");
    assert_eq!(stage.read_seq(bob).await, 6);
    stop(ctx).await;
}

#[tokio::test]
async fn a_mark_in_hand_survives_a_stop_while_the_database_is_away() {
    let mut stage = Stage::new().await;
    let (proxy, url) = TcpProxy::before(&TestEnv::from_env().postgres_url).await;
    let finish = ("CHAT__CONSUMER__FINISH_MS", "300".to_owned());
    let (first, bob) = (stage.start(&[("CHAT__POSTGRES__URL", url), finish]).await, stage.bob);
    stage.send(&stage.mark(bob, 2)).await;
    assert_eq!(stage.next_receipt().await, (bob, 2));
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the first mark is committed");
    proxy.cut();
    stage.send(&stage.mark(bob, 3)).await;
    assert_eq!(stage.next_receipt().await, (bob, 3), "told, and in hand");
    stop(first).await;
    assert_eq!((stage.lag().await, stage.read_seq(bob).await), (1, 2), "committed before it was stored");
    // Until the next process has stored it, Redis is who knows it.
    assert_eq!(stage.marks_in_redis().of_user(bob).await.unwrap()[0].seq, 3);
    let second = stage.start(&[]).await;
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "stored by the next");
    assert_eq!(stage.read_seq(bob).await, 3);
    // It cannot know whether anybody was told, and tells it once more.
    assert_eq!(stage.next_receipt().await, (bob, 3));
    stage.send(&stage.mark(bob, 2)).await;
    stage.send(&stage.mark(bob, 4)).await;
    assert_eq!(stage.next_receipt().await, (bob, 4), "nobody sees a mark go back");
    stop(second).await;
}

#[tokio::test]
async fn marks_are_stored_while_redis_is_away() {
    let mut stage = Stage::new().await;
    let (proxy, url) = TcpProxy::before(stage.isolation.redis_url()).await;
    let (ctx, bob) = (stage.start(&[("CHAT__REDIS__URL", url)]).await, stage.bob);
    proxy.cut();
    for seq in [2, 3] {
        stage.send(&stage.mark(bob, seq)).await;
        assert_eventually!(stage.lag().await == 0, within = WITHIN, "the mark at {seq} is committed");
        assert_eq!(stage.read_seq(bob).await, seq);
    }
    proxy.heal();
    // Redis has the mark from before it was away, or none.
    stage.send(&stage.mark(bob, 2)).await;
    stage.send(&stage.mark(bob, 4)).await;
    assert_eq!(stage.next_receipt().await, (bob, 4));
    assert_eq!(stage.marks_in_redis().of_room(stage.room).await.unwrap()[0].seq, 4);
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
    let (proxy, url) = TcpProxy::before(stage.isolation.redis_url()).await;
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
