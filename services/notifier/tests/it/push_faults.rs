use std::time::{Duration, Instant};

use chat_store::{ClaimLimits, NewPush};
use chat_testkit::{TcpProxy, assert_eventually};
use jiff::{Timestamp, ToSpan as _};

use crate::{
    push_service::{Answer, PushService, settings},
    stage::{Stage, WITHIN, stop},
};

#[tokio::test]
async fn a_push_service_that_stalls_delays_nobody_else() {
    let (stage, mut slow, mut quick) = (Stage::new().await, PushService::start(), PushService::start());
    for n in 0..8 {
        slow.browser(&stage.store, stage.bob, &format!("slow {n}"), &[Answer::Stall]).await;
    }
    quick.browser(&stage.store, stage.carol, "quick", &[]).await;
    let mut settings = settings();
    settings.push(("CHAT__PUSH__AT_ONCE_PER_SERVICE", "2".to_owned()));
    settings.push(("CHAT__OUTBOUND__CALLS_AT_ONCE", "4".to_owned()));
    let ctx = stage.start(&settings).await;
    stage.write(stage.room, stage.alice, "hi").await;
    quick.next().await;
    slow.next().await;
    slow.next().await;
    let before = Instant::now();
    let next = stage.write(stage.room, stage.alice, "hi again").await;
    assert_eq!(quick.next().await.payload["seq"], next.seq);
    assert!(before.elapsed() < Duration::from_secs(8), "waited for the time limit: {:?}", before.elapsed());
    assert!(slow.is_quiet(), "two at once");
    stop(ctx).await;
}

#[tokio::test]
async fn a_failed_push_is_repeated_with_the_same_id() {
    let (stage, mut service) = (Stage::new().await, PushService::start());
    let answers = [Answer::Status(500), Answer::Later(429, 3)];
    service.browser(&stage.store, stage.bob, "bob", &answers).await;
    let ctx = stage.start(&settings()).await;
    let message = stage.write(stage.room, stage.alice, "hi").await;
    let id = format!("{}:{}", stage.room, message.seq);
    assert_eq!(service.next().await.payload["id"], *id);
    assert_eq!(service.next().await.payload["id"], *id);
    let asked = Instant::now();
    assert_eq!(service.next().await.payload["id"], *id);
    assert!(asked.elapsed() > Duration::from_millis(2_800), "asked to wait for 3 s, came after {:?}", asked.elapsed());
    assert_eventually!(stage.store.pushes_waiting().await.unwrap() == 0, within = WITHIN, "the push is done");
    stop(ctx).await;
}

#[tokio::test]
async fn a_device_that_is_gone_is_removed_and_one_that_refuses_is_not() {
    let (stage, mut service) = (Stage::new().await, PushService::start());
    let gone = service.browser(&stage.store, stage.bob, "gone", &[Answer::Status(410)]).await;
    let picky = service.browser(&stage.store, stage.bob, "picky", &[Answer::Status(413)]).await;
    let devices = async || -> Vec<_> {
        let devices = stage.store.list_devices(stage.bob).await.unwrap();
        devices.into_iter().map(|device| device.id).collect()
    };
    assert_eq!(devices().await, [picky, gone]);
    let ctx = stage.start(&settings()).await;
    stage.write(stage.room, stage.alice, "hi").await;
    service.next().await;
    service.next().await;
    assert_eventually!(devices().await == [picky], within = WITHIN, "the device is removed");
    assert_eventually!(stage.store.pushes_waiting().await.unwrap() == 0, within = WITHIN, "nothing is repeated");
    let next = stage.write(stage.room, stage.alice, "hi again").await;
    assert_eq!(service.next().await.short(), ("picky", "message", next.seq));
    stop(ctx).await;
}

#[tokio::test]
async fn a_push_whose_time_is_over_is_not_sent() {
    let (stage, mut service) = (Stage::new().await, PushService::start());
    service.browser(&stage.store, stage.bob, "bob", &[Answer::Later(503, 11)]).await;
    let mut settings = settings();
    settings.push(("CHAT__PUSH__TTL_SECS", "10".to_owned()));
    let ctx = stage.start(&settings).await;
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the room's event is done: the consumer runs");
    // Of an hour ago: kept from the queue at once.
    let expired = NewPush { user_id: stage.bob, room_id: stage.room, seq: 1, expires_at: Timestamp::now() - 1.hour() };
    assert_eq!(stage.store.enqueue_pushes(&[expired], Duration::ZERO).await.unwrap(), 0);
    stage.write(stage.room, stage.alice, "hi").await;
    service.next().await;
    assert_eventually!(stage.store.pushes_waiting().await.unwrap() == 0, within = WITHIN, "the push expires");
    assert!(service.is_quiet(), "it was sent after its time");
    stop(ctx).await;
}

#[tokio::test]
async fn what_a_dead_worker_had_in_hand_is_sent_by_the_next() {
    let (stage, mut service) = (Stage::new().await, PushService::start());
    service.browser(&stage.store, stage.bob, "bob", &[]).await;
    let message = stage.write(stage.room, stage.alice, "hi").await;
    let expires_at = Timestamp::now() + 1.hour();
    let push = NewPush { user_id: stage.bob, room_id: stage.room, seq: message.seq, expires_at };
    assert_eq!(stage.store.enqueue_pushes(&[push], Duration::ZERO).await.unwrap(), 1);
    let limits = ClaimLimits { per_origin: 1, jobs: 1, lease: Duration::from_secs(3) };
    let claimed = stage.store.claim_pushes(&[], limits).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(stage.store.claim_pushes(&[], limits).await.unwrap(), [], "in hand");
    let before = Instant::now();
    let ctx = stage.start(&settings()).await;
    assert_eq!(service.next().await.short(), ("bob", "message", message.seq));
    assert!(before.elapsed() > Duration::from_secs(2), "taken from a living worker");
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the message is taken a second time, by the pipeline");
    assert_eventually!(stage.store.pushes_waiting().await.unwrap() == 0, within = WITHIN, "the push is done");
    assert!(service.is_quiet(), "a redelivered message is pushed once");
    stop(ctx).await;
}

#[tokio::test]
async fn what_was_read_while_its_push_failed_is_not_sent() {
    let (stage, mut service) = (Stage::new().await, PushService::start());
    service.browser(&stage.store, stage.bob, "bob", &[Answer::Later(503, 3)]).await;
    let ctx = stage.start(&settings()).await;
    let message = stage.write(stage.room, stage.alice, "hi").await;
    assert_eq!(service.next().await.short(), ("bob", "message", message.seq));
    stage.read(stage.room, stage.bob, message.seq).await;
    // Nobody knows whether the first attempt came through.
    assert_eq!(service.next().await.short(), ("bob", "withdraw", message.seq));
    assert_eventually!(stage.store.pushes_waiting().await.unwrap() == 0, within = WITHIN, "nothing is left");
    stop(ctx).await;
}

#[tokio::test]
async fn pushes_need_no_redis() {
    let (stage, mut service) = (Stage::new().await, PushService::start());
    service.browser(&stage.store, stage.bob, "bob", &[]).await;
    let url = stage.isolation.redis_url();
    let (scheme, rest) = url.split_once("://").unwrap();
    let proxy = TcpProxy::start(rest.rsplit('@').next().unwrap().trim_end_matches('/')).await;
    let mut settings = settings();
    settings.push(("CHAT__REDIS__URL", format!("{scheme}://{}", proxy.addr())));
    proxy.cut();
    let ctx = stage.start(&settings).await;
    let message = stage.write(stage.room, stage.alice, "hi").await;
    assert_eq!(service.next().await.short(), ("bob", "message", message.seq));
    stop(ctx).await;
}

#[tokio::test]
async fn while_redis_knows_no_gateway_nobody_counts_as_offline() {
    let (mut stage, mut service) = (Stage::new().await, PushService::start());
    service.browser(&stage.store, stage.bob, "bob", &[]).await;
    stage.lose_gateway().await;
    let ctx = stage.start(&settings()).await;
    let message = stage.write(stage.room, stage.alice, "hi").await;
    assert_eventually!(stage.store.pushes_waiting().await.unwrap() == 1, within = WITHIN, "the push is queued");
    let limits = ClaimLimits { per_origin: 1, jobs: 1, lease: Duration::from_secs(1) };
    assert_eq!(stage.store.claim_pushes(&[], limits).await.unwrap(), [], "not due yet");
    assert_eq!(service.next().await.short(), ("bob", "message", message.seq));
    stop(ctx).await;
}
