use chat_protocol::{MessageId, RoomId};
use chat_store::WebhookEvent;

use crate::{
    Db,
    webhooks::{LEASE_MS, event},
};

fn shown(room_id: RoomId, seq: i64, message_id: MessageId) -> WebhookEvent {
    let data = if seq % 2 == 0 { r#"{"content":"secret"}"# } else { r#"{"message":{"content":"secret"}}"# };
    WebhookEvent { message_id: Some(message_id), body: format!(r#"{{"data":{data}}}"#), ..event(room_id, seq, "Any") }
}

#[tokio::test]
async fn the_text_of_a_message_goes_in_steps_from_all_that_shows_it() {
    let db = Db::new().await;
    let (room, webhook) = (RoomId::generate(), db.webhook(None, &[]).await);
    let (deleted, other) = (MessageId::generate(), MessageId::generate());
    let mut events: Vec<_> = (1..=5).map(|seq| shown(room, seq, deleted)).collect();
    events.push(shown(room, 6, other));
    db.store.queue_webhooks(&events).await.unwrap();
    let mut steps = Vec::new();
    for _ in 0..4 {
        steps.push(db.store.forget_webhook_texts(&[deleted], 2).await.unwrap());
    }
    assert_eq!(steps, [2, 2, 1, 0]);
    let texts = db.texts().await;
    assert_eq!(
        texts.iter().map(|body| body.contains("secret")).collect::<Vec<_>>(),
        [false, false, false, false, false, true]
    );
    assert_eq!(db.store.queue_webhooks(&events).await.unwrap(), 0, "what Kafka delivers again brings no text back");
    assert_eq!(db.texts().await, texts);
    let claimed = db.store.claim_webhooks(webhook.id, 10, LEASE_MS).await.unwrap();
    let ids: Vec<_> = events.iter().map(|event| event.event_id.as_str()).collect();
    assert_eq!(claimed.iter().map(|one| one.event_id.as_str()).collect::<Vec<_>>(), ids, "in their places");
    db.drop().await;
}

impl Db {
    async fn texts(&self) -> Vec<String> {
        let select = "SELECT body FROM webhook_deliveries ORDER BY id";
        let rows = self.sql(async |client| client.query(select, &[]).await.unwrap()).await;
        rows.iter().map(|row| row.get(0)).collect()
    }
}
