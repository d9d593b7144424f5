use chat_protocol::RoomId;
use chat_store::{Webhook, WebhookChange, WebhookDelivery, WebhookOutcome};

use crate::{Db, webhooks::event};

impl Db {
    /// A delivery in somebody's hands.
    async fn in_hand(&self) -> (Webhook, WebhookDelivery) {
        let webhook = self.webhook(None, &[]).await;
        self.store.queue_webhooks(&[event(RoomId::generate(), 1, "MessageSent")]).await.unwrap();
        let claimed = self.claim(&webhook).await.remove(0);
        (webhook, claimed)
    }

    async fn can_be_called(&self, delivery: &WebhookDelivery) -> bool {
        self.store.webhook_call(delivery).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn what_is_sent_is_read_as_it_is_just_before_the_call() {
    let db = Db::new().await;
    let (webhook, delivery) = db.in_hand().await;
    let call = db.store.webhook_call(&delivery).await.unwrap().unwrap();
    assert_eq!((call.url.as_str(), call.body.as_str()), ("https://example.com/", r#"{"seq":1}"#));
    let moved = WebhookChange { url: Some("https://example.org/"), ..WebhookChange::default() };
    assert!(db.store.update_webhook(webhook.id, &moved).await.unwrap());
    assert_eq!(db.store.webhook_call(&delivery).await.unwrap().unwrap().url, "https://example.org/");
    assert!(!db.store.disable_webhook(webhook.id, "gone", Some(&call.url)).await.unwrap(), "it is somewhere else");
    assert!(db.can_be_called(&delivery).await);
    assert!(db.store.disable_webhook(webhook.id, "gone", Some("https://example.org/")).await.unwrap());
    assert!(!db.can_be_called(&delivery).await, "disabled");
    db.drop().await;
}

#[tokio::test]
async fn a_replay_takes_a_delivery_out_of_the_hands_it_is_in() {
    let db = Db::new().await;
    let (webhook, delivery) = db.in_hand().await;
    db.store.replay_webhook(webhook.id, 0, 10).await.unwrap();
    assert!(!db.can_be_called(&delivery).await);
    db.settle(std::slice::from_ref(&delivery), WebhookOutcome::Delivered).await;
    let again = db.claim(&webhook).await;
    assert_eq!(again.iter().map(|one| one.id).collect::<Vec<_>>(), [delivery.id]);
    db.drop().await;
}

#[tokio::test]
async fn what_became_of_a_delivery_is_recorded_once() {
    let db = Db::new().await;
    let (webhook, delivery) = db.in_hand().await;
    for _ in 0..2 {
        db.settle(std::slice::from_ref(&delivery), WebhookOutcome::Again { delay_ms: 0 }).await;
    }
    let again = db.claim(&webhook).await.remove(0);
    assert_eq!((again.id, again.attempts), (delivery.id, 1));
    db.settle(&[delivery], WebhookOutcome::Released).await;
    assert!(db.claim(&webhook).await.is_empty(), "it is in other hands");
    db.drop().await;
}
