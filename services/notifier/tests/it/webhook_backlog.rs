//! What changes, and what happens, while something waits.

use chat_protocol::{MessageId, RoomId};
use chat_service::Secret;
use chat_store::WebhookChange;
use chat_testkit::{Receiver, Reply, assert_eventually};

use crate::{
    stage::{Stage, WITHIN, stop},
    webhook_stage::{SECRET, ids, quick, verifies},
};

/// Long enough for a test to do something during a call that stalls.
const STALL: (&str, &str) = ("CHAT__OUTBOUND__WITHIN_MS", "3000");
const ONE_ROOM: (&str, &str) = ("CHAT__DELIVERIES__ROOMS_AT_ONCE", "1");
const FOR_GOOD: (&str, &str) = ("CHAT__DELIVERIES__OPEN_MS", "3600000");

#[tokio::test]
async fn what_waits_goes_to_the_url_and_with_the_secrets_of_the_moment() {
    let stage = Stage::new().await;
    let (old, new) = (Receiver::start().await, Receiver::start().await);
    old.next([Reply::Stall]);
    let webhook = stage.webhook(&old.url()).await;
    for seq in 1..=5 {
        stage.queue(stage.room, seq, MessageId::generate()).await;
    }
    let ctx = stage.start(&quick(&[STALL])).await;
    assert_eventually!(ids(&old).len() == 1, within = WITHIN, "the first call");
    let (url, second) = (new.url(), "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    let change = WebhookChange { url: Some(&url), ..WebhookChange::default() };
    assert!(stage.store.update_webhook(webhook.id, &change).await.unwrap());
    stage.store.rotate_webhook_secret(webhook.id, &Secret::new(second), 3_600).await.unwrap().unwrap();
    assert_eventually!(ids(&new).len() == 5, within = WITHIN, "all at the new address: {:?}", ids(&new));
    assert_eq!(ids(&old).len(), 1, "nothing more at the old one");
    assert!(new.received().iter().all(|call| verifies(SECRET, call) && verifies(second, call)));
    stop(ctx).await;
}

#[tokio::test]
async fn a_410_of_an_old_url_does_not_disable_the_webhook_that_has_a_new_one() {
    let stage = Stage::new().await;
    let (old, new) = (Receiver::start().await, Receiver::start().await);
    old.always(Reply::Late(2_000, 410));
    let webhook = stage.webhook(&old.url()).await;
    stage.queue(stage.room, 1, MessageId::generate()).await;
    let ctx = stage.start(&quick(&[STALL])).await;
    assert_eventually!(ids(&old).len() == 1, within = WITHIN, "the first call");
    let url = new.url();
    let change = WebhookChange { url: Some(&url), ..WebhookChange::default() };
    assert!(stage.store.update_webhook(webhook.id, &change).await.unwrap());
    assert_eventually!(ids(&new) == ids(&old), within = WITHIN, "sent to the new one");
    assert!(stage.state(&webhook).await.webhook.enabled);
    stop(ctx).await;
}

#[tokio::test]
async fn a_text_that_is_deleted_during_a_call_is_in_none_after_it() {
    let stage = Stage::new().await;
    let receiver = Receiver::start().await;
    receiver.next([Reply::Stall]);
    stage.webhook(&receiver.url()).await;
    let message = MessageId::generate();
    for _ in 0..2 {
        stage.queue(RoomId::generate(), 1, message).await;
    }
    // Both are taken at once, and the second one waits for the first.
    let ctx = stage.start(&quick(&[STALL, ONE_ROOM])).await;
    assert_eventually!(ids(&receiver).len() == 1, within = WITHIN, "the first call");
    assert_eq!(stage.store.forget_webhook_texts(&[message], 10).await.unwrap(), 2);
    assert_eventually!(ids(&receiver).len() >= 2, within = WITHIN, "the second call");
    let with_text: Vec<_> = receiver.received().iter().map(|call| call.body.contains("regretted")).collect();
    assert_eq!(with_text[..2], [true, false]);
    stop(ctx).await;
}

#[tokio::test]
async fn nothing_goes_out_after_an_endpoint_was_disabled_during_a_call() {
    let stage = Stage::new().await;
    let (off, on) = (Receiver::start().await, Receiver::start().await);
    off.next([Reply::Late(2_000, 204)]);
    let webhook = stage.webhook(&off.url()).await;
    for _ in 0..3 {
        stage.queue(RoomId::generate(), 1, MessageId::generate()).await;
    }
    stage.webhook(&on.url()).await;
    let ctx = stage.start(&quick(&[STALL, ONE_ROOM])).await;
    assert_eventually!(ids(&off).len() == 1, within = WITHIN, "the first call");
    stage.enable(&webhook, false).await;
    assert_eventually!(stage.state(&webhook).await.waiting == 2, within = WITHIN, "the call is recorded");
    stage.write(stage.room, stage.alice, "hi").await;
    assert_eventually!(ids(&on).len() == 1, within = WITHIN, "the other goes on");
    assert_eq!(ids(&off).len(), 1);
    stop(ctx).await;
}

#[tokio::test]
async fn many_rooms_make_no_more_calls_to_a_dead_endpoint_than_open_its_breaker() {
    let stage = Stage::new().await;
    let (dead, well) = (Receiver::start().await, Receiver::start().await);
    dead.always(Reply::Status(500));
    let webhook = stage.webhook(&dead.url()).await;
    for _ in 0..12 {
        stage.queue(RoomId::generate(), 1, MessageId::generate()).await;
    }
    stage.webhook(&well.url()).await;
    let ctx = stage.start(&quick(&[("CHAT__DELIVERIES__FAILURES_TO_OPEN", "3"), ONE_ROOM, FOR_GOOD])).await;
    assert_eventually!(stage.state(&webhook).await.last_failure.is_some(), within = WITHIN, "the batch is recorded");
    stage.write(stage.room, stage.alice, "hi").await;
    assert_eventually!(ids(&well).len() == 1, within = WITHIN, "the other goes on");
    assert_eq!(ids(&dead).len(), 3);
    stop(ctx).await;
}

#[tokio::test]
async fn an_endpoint_that_asks_for_time_gets_it_from_every_room() {
    let stage = Stage::new().await;
    let (busy, well) = (Receiver::start().await, Receiver::start().await);
    busy.next([Reply::With(429, "retry-after", "3600".to_owned())]);
    let webhook = stage.webhook(&busy.url()).await;
    for _ in 0..4 {
        stage.queue(RoomId::generate(), 1, MessageId::generate()).await;
    }
    stage.webhook(&well.url()).await;
    let ctx = stage.start(&quick(&[ONE_ROOM])).await;
    assert_eventually!(stage.state(&webhook).await.last_failure.is_some(), within = WITHIN, "recorded");
    stage.write(stage.room, stage.alice, "hi").await;
    assert_eventually!(ids(&well).len() == 1, within = WITHIN, "the other goes on");
    assert_eq!(ids(&busy).len(), 1);
    stop(ctx).await;
}

#[tokio::test]
async fn a_text_that_is_deleted_while_a_call_waits_for_its_turn_is_not_in_it() {
    let stage = Stage::new().await;
    let (slow, waiting) = (Receiver::start().await, Receiver::start().await);
    slow.always(Reply::Stall);
    stage.webhook(&slow.url()).await;
    stage.queue(stage.room, 1, MessageId::generate()).await;
    let ctx = stage.start(&quick(&[STALL, ("CHAT__OUTBOUND__CALLS_AT_ONCE", "1"), FOR_GOOD])).await;
    assert_eventually!(ids(&slow).len() == 1, within = WITHIN, "the only turn is taken");
    let (webhook, message) = (stage.webhook(&waiting.url()).await, MessageId::generate());
    stage.queue(stage.room, 2, message).await;
    assert_eventually!(
        !stage.store.due_webhooks().await.unwrap().contains(&webhook.id),
        within = WITHIN,
        "the second one is in hand"
    );
    assert_eq!(stage.store.forget_webhook_texts(&[message], 10).await.unwrap(), 2);
    assert_eventually!(ids(&waiting).len() == 1, within = WITHIN, "its turn");
    assert!(!waiting.received()[0].body.contains("regretted"));
    stop(ctx).await;
}
