use chat_protocol::RoomId;
use chat_service::Secret;
use chat_store::{Settled, Webhook, WebhookChange, WebhookDelivery, WebhookEvent, WebhookOutcome};
use uuid::Uuid;

use crate::Db;

pub const LEASE_MS: i64 = 60_000;

pub fn event(room_id: RoomId, seq: i64, event_type: &str) -> WebhookEvent {
    let event_id = format!("{room_id}:{seq}");
    WebhookEvent {
        event_id,
        event_type: event_type.into(),
        room_id,
        seq,
        message_id: None,
        body: format!("{{\"seq\":{seq}}}"),
    }
}

impl Db {
    pub async fn webhook(&self, room_id: Option<RoomId>, types: &[&str]) -> Webhook {
        let types: Vec<String> = types.iter().map(|name| (*name).to_owned()).collect();
        let secret = Secret::new("whsec_c2VjcmV0".to_owned());
        let made = self.store.create_webhook(Uuid::now_v7(), "https://example.com/", &secret, (room_id, &types), 20);
        made.await.unwrap().unwrap()
    }

    pub async fn claim(&self, webhook: &Webhook) -> Vec<WebhookDelivery> {
        self.store.claim_webhooks(webhook.id, 100, LEASE_MS).await.unwrap()
    }

    pub async fn claimed_events(&self, webhook: &Webhook) -> Vec<String> {
        self.claim(webhook).await.into_iter().map(|delivery| delivery.event_id).collect()
    }

    pub async fn settle(&self, deliveries: &[WebhookDelivery], outcome: WebhookOutcome) {
        let settled = |one: &WebhookDelivery| Settled { id: one.id, lease: one.lease, outcome, status: Some(200) };
        let settled: Vec<_> = deliveries.iter().map(settled).collect();
        self.store.settle_webhooks(&settled).await.unwrap();
    }
}

#[tokio::test]
async fn an_event_is_queued_once_for_every_endpoint_that_wants_it() {
    let db = Db::new().await;
    let (a, b) = (RoomId::generate(), RoomId::generate());
    let all = db.webhook(None, &[]).await;
    let of_room = db.webhook(Some(a), &[]).await;
    let of_type = db.webhook(None, &["MessageDeleted", "MessageEdited"]).await;
    let off = db.webhook(None, &[]).await;
    let change = WebhookChange { enabled: Some(false), ..WebhookChange::default() };
    assert!(db.store.update_webhook(off.id, &change).await.unwrap());
    let events = [event(a, 1, "MessageSent"), event(b, 1, "MessageSent"), event(a, 2, "MessageDeleted")];
    assert_eq!(db.store.queue_webhooks(&events).await.unwrap(), 6);
    assert_eq!(db.store.queue_webhooks(&events).await.unwrap(), 0, "again");
    let ids: Vec<_> = events.iter().map(|event| event.event_id.clone()).collect();
    assert_eq!(db.claimed_events(&all).await, ids);
    assert_eq!(db.claimed_events(&of_room).await, [ids[0].clone(), ids[2].clone()]);
    assert_eq!(db.claimed_events(&of_type).await, [ids[2].clone()]);
    assert_eq!(db.claimed_events(&off).await, Vec::<String>::new());
    db.drop().await;
}

#[tokio::test]
async fn a_delivery_is_in_one_pair_of_hands_until_it_is_settled() {
    let db = Db::new().await;
    let (room, webhook) = (RoomId::generate(), db.webhook(None, &[]).await);
    let events: Vec<_> = (1..=4).map(|seq| event(room, seq, "MessageSent")).collect();
    db.store.queue_webhooks(&events).await.unwrap();
    assert_eq!(db.store.due_webhooks().await.unwrap().len(), 1);
    let claimed = db.claim(&webhook).await;
    assert_eq!(claimed.len(), 4);
    assert!(db.claim(&webhook).await.is_empty(), "leased");
    assert!(db.store.due_webhooks().await.unwrap().is_empty());
    db.settle(&claimed[..1], WebhookOutcome::Delivered).await;
    db.settle(&claimed[1..2], WebhookOutcome::Failed).await;
    db.settle(&claimed[2..3], WebhookOutcome::Again { delay_ms: 0 }).await;
    db.settle(&claimed[3..], WebhookOutcome::Released).await;
    let (c, d) = (claimed[2].id, claimed[3].id);
    let again = db.store.claim_webhooks(webhook.id, 1, LEASE_MS).await.unwrap();
    assert_eq!(again.iter().map(|one| (one.id, one.attempts)).collect::<Vec<_>>(), [(c, 1)]);
    let rest = db.store.claim_webhooks(webhook.id, 10, LEASE_MS).await.unwrap();
    assert_eq!(rest.iter().map(|one| (one.id, one.attempts)).collect::<Vec<_>>(), [(d, 0)]);
    let state = db.store.webhook_state(webhook.id).await.unwrap().unwrap();
    assert_eq!((state.waiting, state.head, state.cursor), (2, d, c - 1));
    db.drop().await;
}

#[tokio::test]
async fn a_lease_ends() {
    let db = Db::new().await;
    let webhook = db.webhook(None, &[]).await;
    db.store.queue_webhooks(&[event(RoomId::generate(), 1, "MessageSent")]).await.unwrap();
    let first = db.store.claim_webhooks(webhook.id, 1, 0).await.unwrap();
    assert_eq!(db.claim(&webhook).await[0].id, first[0].id);
    db.drop().await;
}

#[tokio::test]
async fn a_replay_queues_what_is_done_after_the_cursor_in_steps() {
    let db = Db::new().await;
    let (room, webhook) = (RoomId::generate(), db.webhook(None, &[]).await);
    let events: Vec<_> = (1..=5).map(|seq| event(room, seq, "MessageSent")).collect();
    db.store.queue_webhooks(&events).await.unwrap();
    let claimed = db.claim(&webhook).await;
    let ids: Vec<i64> = claimed.iter().map(|one| one.id).collect();
    db.settle(&claimed[..4], WebhookOutcome::Delivered).await;
    let first = db.store.replay_webhook(webhook.id, ids[0], 2).await.unwrap();
    assert_eq!((first.queued, first.up_to, first.more), (2, Some(ids[2]), true));
    let second = db.store.replay_webhook(webhook.id, ids[2], 3).await.unwrap();
    assert_eq!((second.queued, second.up_to, second.more), (2, Some(ids[4]), false), "one was in somebody's hands");
    assert_eq!(db.claim(&webhook).await.iter().map(|one| one.id).collect::<Vec<_>>(), ids[1..]);
    let nothing = db.store.replay_webhook(webhook.id, ids[4], 3).await.unwrap();
    assert_eq!((nothing.queued, nothing.up_to, nothing.more), (0, None, false));
    db.drop().await;
}

#[tokio::test]
async fn there_are_only_so_many_endpoints() {
    let db = Db::new().await;
    let secret = Secret::new("whsec_c2VjcmV0".to_owned());
    let create = || db.store.create_webhook(Uuid::now_v7(), "https://example.com/", &secret, (None, &[]), 2);
    let made = tokio::join!(create(), create(), create(), create());
    let made: Vec<_> = [made.0, made.1, made.2, made.3].into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(made.len(), 2);
    assert!(db.store.delete_webhook(made[0].id).await.unwrap());
    assert!(!db.store.delete_webhook(made[0].id).await.unwrap(), "again");
    assert_eq!(db.store.webhooks().await.unwrap(), [made[1].clone()]);
    assert!(create().await.unwrap().is_some(), "a deleted one leaves its place");
    db.drop().await;
}

#[tokio::test]
async fn old_deliveries_and_those_of_deleted_endpoints_are_swept_in_steps() {
    let db = Db::new().await;
    let (room, kept, gone) = (RoomId::generate(), db.webhook(None, &[]).await, db.webhook(None, &[]).await);
    let events: Vec<_> = (1..=3).map(|seq| event(room, seq, "MessageSent")).collect();
    db.store.queue_webhooks(&events).await.unwrap();
    let claimed = db.claim(&kept).await;
    db.settle(&claimed[..2], WebhookOutcome::Delivered).await;
    assert_eq!(db.store.sweep_webhooks(3_600, 10).await.unwrap(), 0, "all are new, and none is deleted");
    db.store.delete_webhook(gone.id).await.unwrap();
    assert_eq!(db.store.sweep_webhooks(3_600, 2).await.unwrap(), 2);
    assert_eq!(db.store.sweep_webhooks(3_600, 2).await.unwrap(), 1);
    assert_eq!(db.store.sweep_webhooks(0, 10).await.unwrap(), 2, "what waits stays");
    assert!(db.store.disable_webhook(kept.id, "enough", None).await.unwrap());
    assert_eq!(db.store.sweep_webhooks(0, 10).await.unwrap(), 1, "but not for a disabled endpoint");
    let state = db.store.webhook_state(kept.id).await.unwrap().unwrap();
    assert_eq!((state.webhook.enabled, state.webhook.disabled_reason.as_deref()), (false, Some("enough")));
    db.drop().await;
}

#[tokio::test]
async fn failures_are_remembered_until_a_success() {
    let db = Db::new().await;
    let webhook = db.webhook(None, &[]).await;
    db.store.webhook_failed(webhook.id, "status 500").await.unwrap();
    let loads = db.store.webhook_loads(0, 10).await.unwrap();
    assert_eq!((loads[0].id, loads[0].failing, loads[0].waiting), (webhook.id, true, 0));
    assert!(!db.store.webhook_loads(3_600, 10).await.unwrap()[0].failing, "not for so long");
    db.store.webhook_succeeded(webhook.id).await.unwrap();
    assert!(!db.store.webhook_loads(0, 10).await.unwrap()[0].failing);
    let state = db.store.webhook_state(webhook.id).await.unwrap().unwrap();
    assert_eq!((state.failing_since, state.last_failure.as_deref()), (None, Some("status 500")));
    db.drop().await;
}

#[tokio::test]
async fn the_secret_before_the_last_one_counts_for_a_while() {
    let db = Db::new().await;
    let webhook = db.webhook(None, &[]).await;
    db.store.queue_webhooks(&[event(RoomId::generate(), 1, "MessageSent")]).await.unwrap();
    let delivery = db.claim(&webhook).await.remove(0);
    let secrets = async || -> Vec<String> {
        let call = db.store.webhook_call(&delivery).await.unwrap().unwrap();
        call.secrets.iter().map(|secret| secret.expose().to_owned()).collect()
    };
    let new = |name: &str| Secret::new(name.to_owned());
    assert!(db.store.rotate_webhook_secret(webhook.id, &new("second"), 60).await.unwrap().is_some());
    assert_eq!(secrets().await, ["second", "whsec_c2VjcmV0"]);
    assert!(db.store.rotate_webhook_secret(webhook.id, &new("third"), 0).await.unwrap().is_some());
    assert_eq!(secrets().await, ["third"]);
    let until = db.store.rotate_webhook_secret(webhook.id, &new("fourth"), 60).await.unwrap().unwrap();
    assert_eq!(secrets().await, ["fourth", "third"], "one that ended at once is not kept");
    let again = db.store.rotate_webhook_secret(webhook.id, &new("fifth"), 3_600).await.unwrap().unwrap();
    assert_eq!(
        (secrets().await, again),
        (vec!["fifth".to_owned(), "third".to_owned()], until),
        "the oldest, for its time"
    );
    assert!(db.store.rotate_webhook_secret(webhook.id, &new("sixth"), 0).await.unwrap().is_some());
    assert_eq!(secrets().await, ["sixth"]);
    assert_eq!(db.store.rotate_webhook_secret(Uuid::nil(), &new("x"), 0).await.unwrap(), None);
    db.drop().await;
}
