use chat_protocol::RoomId;
use chat_store::{Webhook, WebhookChange, WebhookOutcome};

use crate::{Db, webhooks::event};

impl Db {
    async fn queue_messages(&self, room: RoomId, seqs: std::ops::RangeInclusive<i64>) {
        let events: Vec<_> = seqs.map(|seq| event(room, seq, "MessageSent")).collect();
        self.store.queue_webhooks(&events).await.unwrap();
    }

    async fn enable(&self, webhook: &Webhook, enabled: bool) {
        let change = WebhookChange { enabled: Some(enabled), ..WebhookChange::default() };
        assert!(self.store.update_webhook(webhook.id, &change).await.unwrap());
    }

    /// What waits, and whether more than `limit` is too much.
    async fn load(&self, limit: i64) -> (i64, bool) {
        let loads = self.store.webhook_loads(3_600, limit).await.unwrap();
        let [load] = &loads[..] else { panic!("{loads:?}") };
        (load.waiting, load.behind)
    }
}

#[tokio::test]
async fn what_waited_when_an_endpoint_was_enabled_does_not_count_against_it() {
    let db = Db::new().await;
    let (room, webhook) = (RoomId::generate(), db.webhook(None, &[]).await);
    db.queue_messages(room, 1..=3).await;
    assert_eq!(db.load(2).await, (3, true));
    assert!(db.store.disable_webhook(webhook.id, "behind", None).await.unwrap());
    db.enable(&webhook, true).await;
    assert_eq!(db.load(2).await, (3, false));
    db.queue_messages(room, 4..=5).await;
    assert_eq!(db.load(2).await, (3, false), "two more");
    db.queue_messages(room, 6..=6).await;
    assert_eq!(db.load(2).await, (3, true), "three more");
    db.drop().await;
}

#[tokio::test]
async fn what_is_sent_again_does_not_count_against_an_endpoint() {
    let db = Db::new().await;
    let (room, webhook) = (RoomId::generate(), db.webhook(None, &[]).await);
    db.queue_messages(room, 1..=3).await;
    let claimed = db.claim(&webhook).await;
    db.settle(&claimed, WebhookOutcome::Delivered).await;
    db.store.replay_webhook(webhook.id, 0, 10).await.unwrap();
    assert_eq!(db.load(2).await, (3, false));
    db.queue_messages(room, 4..=6).await;
    assert_eq!(db.load(2).await, (3, true), "three more");
    db.store.replay_webhook(webhook.id, claimed[0].id, 1).await.unwrap();
    assert_eq!(db.load(2).await, (3, true), "a replay of what is older excuses nothing that came later");
    db.drop().await;
}

#[tokio::test]
async fn only_failures_that_span_the_time_are_failing_for_so_long() {
    let db = Db::new().await;
    db.webhook(None, &[]).await;
    let failing = async |last: &str| {
        let set =
            format!("UPDATE webhook_endpoints SET failing_since = now() - INTERVAL '6 days', last_failure_at = {last}");
        db.sql(async |client| client.batch_execute(&set).await.unwrap()).await;
        db.store.webhook_loads(5 * 86_400, 10).await.unwrap()[0].failing
    };
    assert!(!failing("now() - INTERVAL '4 days'").await, "two days of failures, and no call since");
    assert!(failing("now()").await);
    db.drop().await;
}
