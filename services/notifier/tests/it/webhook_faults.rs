use std::{io, net::IpAddr, sync::Arc};

use async_trait::async_trait;
use chat_outbound::{Outbound, Resolver};
use chat_service::Context;
use chat_testkit::{Receiver, Reply, assert_eventually};

use crate::{
    stage::{Stage, WITHIN, config, stop},
    webhook_stage::{ids, quick},
};

#[tokio::test]
async fn an_endpoint_that_stalls_delays_nobody_else() {
    let stage = Stage::new().await;
    let (slow, quick_one) = (Receiver::start().await, Receiver::start().await);
    slow.always(Reply::Stall);
    let waits = stage.webhook(&slow.url()).await;
    stage.webhook(&quick_one.url()).await;
    // It would stall for half a minute; the other has everything meanwhile.
    let ctx = stage.start(&quick(&[("CHAT__OUTBOUND__WITHIN_MS", "30000")])).await;
    for n in 0..30 {
        stage.write(stage.room, stage.alice, &format!("message {n}")).await;
    }
    let expected: Vec<_> = (2..32).map(|seq| stage.event_id(seq)).collect();
    assert_eventually!(ids(&quick_one) == expected, within = WITHIN, "all, in order: {:?}", ids(&quick_one));
    assert_eq!(ids(&slow), [stage.event_id(2)], "one call hangs");
    let state = stage.state(&waits).await;
    assert_eq!((state.waiting, state.last_failure), (30, None));
    // The call under way is dropped with the process.
    ctx.lifecycle.trigger();
}

#[tokio::test]
async fn an_endpoint_that_fails_is_left_alone_and_tried_again_later() {
    let stage = Stage::new().await;
    let (ill, well) = (Receiver::start().await, Receiver::start().await);
    ill.always(Reply::Status(500));
    let webhook = stage.webhook(&ill.url()).await;
    stage.webhook(&well.url()).await;
    let patient = [("CHAT__DELIVERIES__FAILURES_TO_OPEN", "3"), ("CHAT__DELIVERIES__OPEN_MS", "3600000")];
    let ctx = stage.start(&quick(&patient)).await;
    for n in 0..20 {
        stage.write(stage.room, stage.alice, &format!("message {n}")).await;
    }
    assert_eventually!(ids(&ill).len() == 3 && ids(&well).len() == 20, within = WITHIN, "three failures");
    stage.write(stage.room, stage.alice, "the last one").await;
    assert_eventually!(ids(&well).len() == 21, within = WITHIN, "the last one at the other");
    assert_eq!(ids(&ill).len(), 3, "left alone");
    stop(ctx).await;
    ill.always(Reply::Status(204));
    let ctx = stage.start(&quick(&[])).await;
    assert_eventually!(stage.state(&webhook).await.waiting == 0, within = WITHIN, "well again");
    let mut delivered = ids(&ill).split_off(3);
    delivered.sort_unstable();
    let mut expected: Vec<_> = (2..23).map(|seq| stage.event_id(seq)).collect();
    expected.sort_unstable();
    assert_eq!(delivered, expected);
    stop(ctx).await;
}

#[tokio::test]
async fn a_redirection_to_a_private_address_is_not_followed() {
    let stage = Stage::new().await;
    let (receiver, secret) = (Receiver::start().await, Receiver::start().await);
    receiver.next([Reply::With(307, "location", secret.url())]);
    let webhook = stage.webhook(&receiver.url()).await;
    let ctx = stage.start(&quick(&[])).await;
    stage.write(stage.room, stage.alice, "hi").await;
    assert_eventually!(ids(&receiver).len() == 2, within = WITHIN, "repeated at the same address");
    assert!(secret.received().is_empty());
    let failure = stage.state(&webhook).await.last_failure;
    assert_eq!(failure.as_deref(), Some("answered with status 307"));
    stop(ctx).await;
}

/// Every name is this machine's.
struct Inside;

#[async_trait]
impl Resolver for Inside {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![[127, 0, 0, 1].into()])
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_called() {
    let stage = Stage::new().await;
    let receiver = Receiver::start().await;
    let url = format!("http://hook.example:{}/", receiver.addr.port());
    let webhook = stage.webhook(&url).await;
    let config = config(&stage.isolation, &quick(&[("CHAT__OUTBOUND__ALLOW_PRIVATE", "false")]));
    let outbound = Outbound::with_resolver(&config.outbound, Arc::new(Inside)).unwrap();
    let ctx = Context::for_test("notifier");
    notifier::run_with(config, ctx.clone(), outbound).await.unwrap();
    stage.write(stage.room, stage.alice, "hi").await;
    assert_eventually!(stage.state(&webhook).await.last_failure.is_some(), within = WITHIN, "an attempt");
    let failure = stage.state(&webhook).await.last_failure.unwrap();
    assert_eq!(failure, "not called: the url must lead to addresses of the public internet only");
    assert!(receiver.received().is_empty());
    stop(ctx).await;
}

#[tokio::test]
async fn a_restart_loses_nothing() {
    let stage = Stage::new().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::Status(503));
    stage.webhook(&receiver.url()).await;
    let ctx = stage.start(&quick(&[])).await;
    stage.write(stage.room, stage.alice, "before").await;
    assert_eventually!(!ids(&receiver).is_empty(), within = WITHIN, "an attempt");
    stop(ctx).await;
    stage.write(stage.room, stage.alice, "meanwhile").await;
    receiver.always(Reply::Status(200));
    let before = ids(&receiver).len();
    let ctx = stage.start(&quick(&[])).await;
    assert_eventually!(ids(&receiver).len() >= before + 2, within = WITHIN, "both");
    let mut delivered = ids(&receiver).split_off(before);
    delivered.sort_unstable();
    assert_eq!(delivered, [stage.event_id(2), stage.event_id(3)]);
    stop(ctx).await;
}

#[tokio::test]
async fn what_a_dead_process_had_in_its_hands_is_sent_when_its_lease_ends() {
    let stage = Stage::new().await;
    let receiver = Receiver::start().await;
    let webhook = stage.webhook(&receiver.url()).await;
    stage.store.add_webhook_test(webhook.id, "test:1", "{}").await.unwrap().unwrap();
    assert_eq!(stage.store.claim_webhooks(webhook.id, 10, 1_000).await.unwrap().len(), 1);
    let ctx = stage.start(&quick(&[])).await;
    assert_eventually!(ids(&receiver) == ["test:1"], within = WITHIN, "sent by another");
    stop(ctx).await;
}

#[tokio::test]
async fn an_endpoint_that_answers_410_is_disabled_at_once() {
    let stage = Stage::new().await;
    let (gone, other) = (Receiver::start().await, Receiver::start().await);
    gone.always(Reply::Status(410));
    let webhook = stage.webhook(&gone.url()).await;
    stage.webhook(&other.url()).await;
    let ctx = stage.start(&quick(&[])).await;
    stage.write(stage.room, stage.alice, "hi").await;
    assert_eventually!(!stage.state(&webhook).await.webhook.enabled, within = WITHIN, "disabled");
    let reason = stage.state(&webhook).await.webhook.disabled_reason;
    assert_eq!(reason.as_deref(), Some("it answered 410: it wants nothing more"));
    stage.write(stage.room, stage.alice, "hi again").await;
    assert_eventually!(ids(&other).len() == 2, within = WITHIN, "the other goes on");
    assert_eq!(ids(&gone), [stage.event_id(2)]);
    stop(ctx).await;
}

#[tokio::test]
async fn a_disabled_endpoint_gets_nothing_until_it_is_enabled() {
    let stage = Stage::new().await;
    let (off, on) = (Receiver::start().await, Receiver::start().await);
    let webhook = stage.webhook(&off.url()).await;
    stage.webhook(&on.url()).await;
    let waits = stage.store.add_webhook_test(webhook.id, "test:1", "{}").await.unwrap();
    assert!(waits.is_some());
    stage.enable(&webhook, false).await;
    let ctx = stage.start(&quick(&[])).await;
    stage.write(stage.room, stage.alice, "hi").await;
    assert_eventually!(ids(&on).len() == 1, within = WITHIN, "the other");
    assert!(off.received().is_empty());
    stage.enable(&webhook, true).await;
    assert_eventually!(ids(&off) == ["test:1"], within = WITHIN, "what waited; what happened meanwhile is not for it");
    stop(ctx).await;
}

#[tokio::test]
async fn a_text_that_was_deleted_while_all_endpoints_were_disabled_is_not_sent_when_they_are_enabled() {
    let stage = Stage::new().await;
    let receiver = Receiver::start().await;
    receiver.next([Reply::Status(410)]);
    let webhook = stage.webhook(&receiver.url()).await;
    let first = stage.start(&quick(&[])).await;
    let message = stage.write(stage.room, stage.alice, "regretted").await;
    assert_eventually!(!stage.state(&webhook).await.webhook.enabled, within = WITHIN, "disabled by the answer");
    stop(first).await;
    let ctx = stage.start(&quick(&[])).await;
    stage.delete(stage.alice, &message).await;
    assert_eventually!(stage.lag().await == 0, within = WITHIN, "the deletion is processed");
    stage.enable(&webhook, true).await;
    assert_eventually!(ids(&receiver).len() == 2, within = WITHIN, "what waited");
    let [first, second] = &receiver.received()[..] else { panic!("{:?}", receiver.received()) };
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!((first.body.contains("regretted"), second.body.contains("regretted")), (true, false));
    stop(ctx).await;
}
