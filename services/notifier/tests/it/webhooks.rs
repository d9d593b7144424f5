use chat_service::Secret;
use chat_testkit::{Receiver, Reply, assert_eventually};
use serde_json::Value;

use crate::{
    stage::{Stage, WITHIN, stop},
    webhook_stage::{SECRET, ids, quick, verifies},
};

#[tokio::test]
async fn every_event_is_sent_once_signed_and_under_a_stable_id() {
    let stage = Stage::new().await;
    let receiver = Receiver::start().await;
    let webhook = stage.webhook_for(&receiver.url(), &[]).await;
    let ctx = stage.start(&quick(&[])).await;
    let entry = stage.write(stage.room, stage.alice, "hi").await;
    let expected = [stage.event_id(1), stage.event_id(2)];
    assert_eventually!(ids(&receiver) == expected, within = WITHIN, "two calls: {:?}", ids(&receiver));
    let calls = receiver.received();
    assert!(calls.iter().all(|call| verifies(SECRET, call)), "{calls:?}");
    assert!(!verifies("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &calls[0]));
    assert_eq!((calls[1].path.as_str(), calls[1].header("content-type")), ("/hook", "application/json"));
    let types: Vec<Value> =
        calls.iter().map(|call| serde_json::from_str::<Value>(&call.body).unwrap()["type"].clone()).collect();
    assert_eq!(types, ["RoomCreated", "MessageSent"]);
    let body: Value = serde_json::from_str(&calls[1].body).unwrap();
    assert_eq!(body["timestamp"], entry.sent_at.to_string());
    assert_eq!(body["data"], serde_json::to_value(&entry).unwrap());
    // What became of the deliveries is recorded first, then how the endpoint fares.
    assert_eventually!(stage.state(&webhook).await.last_success_at.is_some(), within = WITHIN, "settled");
    assert_eventually!(stage.state(&webhook).await.waiting == 0, within = WITHIN, "settled");
    let state = stage.state(&webhook).await;
    assert_eq!((state.cursor, state.head.to_string().as_str()), (state.head, calls[1].header("chat-webhook-cursor")));
    assert!(state.last_failure.is_none(), "{state:?}");
    stop(ctx).await;
}

#[tokio::test]
async fn what_kafka_delivers_again_is_not_sent_again() {
    let stage = Stage::new().await;
    let receiver = Receiver::start().await;
    stage.webhook(&receiver.url()).await;
    let first = stage.write_raw(stage.alice, "first").await;
    let ctx = stage.start(&quick(&[])).await;
    assert_eventually!(ids(&receiver).len() == 1, within = WITHIN, "the first one");
    stage.send_raw(stage.room, &first).await;
    stage.write(stage.room, stage.alice, "second").await;
    let expected = [stage.event_id(2), stage.event_id(3)];
    assert_eventually!(ids(&receiver).contains(&expected[1]), within = WITHIN, "the second one");
    assert_eq!(ids(&receiver), expected);
    stop(ctx).await;
}

#[tokio::test]
async fn a_failure_is_repeated_under_the_same_id() {
    let stage = Stage::new().await;
    let receiver = Receiver::start().await;
    let busy = Reply::With(429, "retry-after", "0".to_owned());
    receiver.next([Reply::Status(500), busy, Reply::Stall, Reply::Status(302)]);
    let webhook = stage.webhook(&receiver.url()).await;
    let ctx = stage.start(&quick(&[])).await;
    stage.write(stage.room, stage.alice, "hi").await;
    assert_eventually!(ids(&receiver).len() == 5, within = WITHIN, "four failures and a success");
    assert_eq!(ids(&receiver), vec![stage.event_id(2); 5]);
    assert!(receiver.received().iter().all(|call| verifies(SECRET, call)));
    assert_eventually!(stage.state(&webhook).await.failing_since.is_none(), within = WITHIN, "a success is recorded");
    let state = stage.state(&webhook).await;
    assert_eq!((state.waiting, state.last_failure.as_deref()), (0, Some("answered with status 302")));
    stop(ctx).await;
}

#[tokio::test]
async fn a_delivery_is_given_up_after_its_last_attempt() {
    let stage = Stage::new().await;
    let receiver = Receiver::start().await;
    receiver.next([Reply::Status(500), Reply::Status(500)]);
    let webhook = stage.webhook(&receiver.url()).await;
    let ctx = stage.start(&quick(&[("CHAT__DELIVERIES__ATTEMPTS", "2")])).await;
    stage.write(stage.room, stage.alice, "unlucky").await;
    assert_eventually!(ids(&receiver).len() == 2, within = WITHIN, "two attempts");
    stage.write(stage.room, stage.alice, "lucky").await;
    let expected = [stage.event_id(2), stage.event_id(2), stage.event_id(3)];
    assert_eventually!(ids(&receiver).len() >= 3, within = WITHIN, "the next one");
    assert_eq!(ids(&receiver), expected);
    assert_eventually!(stage.state(&webhook).await.waiting == 0, within = WITHIN, "nothing waits");
    stop(ctx).await;
}

#[tokio::test]
async fn a_replay_sends_again_what_came_after_the_cursor() {
    let stage = Stage::new().await;
    let receiver = Receiver::start().await;
    let webhook = stage.webhook(&receiver.url()).await;
    let ctx = stage.start(&quick(&[])).await;
    for n in 0..3 {
        stage.write(stage.room, stage.alice, &format!("message {n}")).await;
    }
    assert_eventually!(ids(&receiver).len() == 3, within = WITHIN, "three calls");
    assert_eventually!(stage.state(&webhook).await.waiting == 0, within = WITHIN, "settled");
    let cursor: i64 = receiver.received()[0].header("chat-webhook-cursor").parse().unwrap();
    let replayed = stage.store.replay_webhook(webhook.id, cursor, 100).await.unwrap();
    assert_eq!(replayed.queued, 2);
    assert_eventually!(ids(&receiver).len() >= 5, within = WITHIN, "two calls again");
    assert_eq!(ids(&receiver)[3..], [stage.event_id(3), stage.event_id(4)]);
    stop(ctx).await;
}

#[tokio::test]
async fn while_a_secret_changes_calls_are_signed_with_both() {
    let stage = Stage::new().await;
    let receiver = Receiver::start().await;
    let webhook = stage.webhook(&receiver.url()).await;
    let (new, other) = ("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    stage.store.rotate_webhook_secret(webhook.id, &Secret::new(new), 3_600).await.unwrap().unwrap();
    let ctx = stage.start(&quick(&[])).await;
    stage.write(stage.room, stage.alice, "hi").await;
    assert_eventually!(ids(&receiver).len() == 1, within = WITHIN, "a call");
    let call = &receiver.received()[0];
    assert_eq!((verifies(new, call), verifies(SECRET, call), verifies(other, call)), (true, true, false));
    assert_eq!(call.header("webhook-signature").split(' ').count(), 2);
    stop(ctx).await;
}

#[tokio::test]
async fn a_test_is_sent_like_an_event() {
    let stage = Stage::new().await;
    let receiver = Receiver::start().await;
    let webhook = stage.webhook(&receiver.url()).await;
    let ctx = stage.start(&quick(&[])).await;
    let cursor = stage.store.add_webhook_test(webhook.id, "test:1", "{}").await.unwrap().unwrap();
    assert_eventually!(ids(&receiver) == ["test:1"], within = WITHIN, "the test");
    let call = &receiver.received()[0];
    assert!(verifies(SECRET, call));
    assert_eq!(call.header("chat-webhook-cursor"), cursor.to_string());
    stop(ctx).await;
}
