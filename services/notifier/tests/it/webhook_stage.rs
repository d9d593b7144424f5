//! Endpoints of webhooks, and who is called there.

use chat_outbound::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use chat_protocol::{MessageId, RoomId};
use chat_service::Secret;
use chat_store::{Webhook, WebhookChange, WebhookEvent, WebhookState};
use chat_testkit::{Received, Receiver};
use uuid::Uuid;

use crate::stage::Stage;

/// In the form in which secrets are given out.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Settings that let a test be quick, and call this machine.
pub fn quick<'a>(own: &[(&'a str, &str)]) -> Vec<(&'a str, String)> {
    let mut settings = vec![
        ("CHAT__OUTBOUND__ALLOW_PRIVATE", "true"),
        ("CHAT__OUTBOUND__ALLOW_HTTP", "true"),
        ("CHAT__OUTBOUND__CONNECT_MS", "1000"),
        ("CHAT__OUTBOUND__WITHIN_MS", "1000"),
        ("CHAT__DELIVERIES__ENDPOINTS_MS", "50"),
        ("CHAT__DELIVERIES__OPEN_MS", "200"),
        ("CHAT__DELIVERIES__RETRY_FIRST_MS", "50"),
        ("CHAT__DELIVERIES__RETRY_LONGEST_MS", "200"),
    ];
    settings.extend(own);
    settings.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

impl Stage {
    /// An endpoint that wants what people write.
    pub async fn webhook(&self, url: &str) -> Webhook {
        self.webhook_for(url, &["MessageSent"]).await
    }

    pub async fn webhook_for(&self, url: &str, types: &[&str]) -> Webhook {
        let types: Vec<String> = types.iter().map(|name| (*name).to_owned()).collect();
        let secret = Secret::new(SECRET);
        let made = self.store.create_webhook(Uuid::now_v7(), url, &secret, (None, &types), 20);
        made.await.unwrap().unwrap()
    }

    pub async fn state(&self, webhook: &Webhook) -> WebhookState {
        self.store.webhook_state(webhook.id).await.unwrap().unwrap()
    }

    pub async fn enable(&self, webhook: &Webhook, enabled: bool) {
        let change = WebhookChange { enabled: Some(enabled), ..WebhookChange::default() };
        assert!(self.store.update_webhook(webhook.id, &change).await.unwrap());
    }

    /// Queues something of a room, without Kafka.
    pub async fn queue(&self, room_id: RoomId, seq: i64, message_id: MessageId) {
        let told = WebhookEvent {
            event_id: format!("{room_id}:{seq}"),
            event_type: "MessageSent".to_owned(),
            room_id,
            seq,
            message_id: Some(message_id),
            body: r#"{"data":{"content":"regretted"}}"#.to_owned(),
        };
        assert!(self.store.queue_webhooks(&[told]).await.unwrap() > 0);
    }

    /// `room:seq`
    pub fn event_id(&self, seq: i64) -> String {
        format!("{}:{seq}", self.room)
    }
}

/// The ids of what was received.
pub fn ids(receiver: &Receiver) -> Vec<String> {
    receiver.received().iter().map(|call| call.header("webhook-id").to_owned()).collect()
}

/// Whether the library that consumers use accepts a call.
pub fn verifies(secret: &str, call: &Received) -> bool {
    let headers = call
        .headers
        .iter()
        .map(|(name, value)| (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap()));
    let headers: HeaderMap = headers.collect();
    standardwebhooks::Webhook::new(secret).unwrap().verify(call.body.as_bytes(), &headers).is_ok()
}
