//! Which endpoints there are, as of a moment ago: events that none of them wants cost no query.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use chat_protocol::RoomId;
use chat_store::{Store, StoreError, Webhook};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Parts;

/// The enabled ones.
#[derive(Debug, Default)]
pub struct Endpoints(RwLock<Arc<Vec<Webhook>>>);

impl Endpoints {
    /// Reads them anew.
    pub async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        let mut webhooks = store.webhooks().await?;
        webhooks.retain(|webhook| webhook.enabled);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(webhooks);
        Ok(())
    }

    /// Whether one of them wants such an event.
    pub fn want(&self, room_id: RoomId, event_type: &str) -> bool {
        self.current().iter().any(|webhook| wants(webhook, room_id, event_type))
    }

    /// Whether there is none.
    pub fn none(&self) -> bool {
        self.current().is_empty()
    }

    /// Whether it is among them.
    pub fn has(&self, id: Uuid) -> bool {
        self.current().iter().any(|webhook| webhook.id == id)
    }

    fn current(&self) -> Arc<Vec<Webhook>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The same as in `queue_webhooks.sql`, which has the last word.
fn wants(webhook: &Webhook, room_id: RoomId, event_type: &str) -> bool {
    webhook.room_id.is_none_or(|only| only == room_id)
        && (webhook.event_types.is_empty() || webhook.event_types.iter().any(|only| only == event_type))
}

/// Reads them anew until `stop`; while PostgreSQL is away the last ones stay.
pub async fn keep_fresh(parts: Arc<Parts>, stop: CancellationToken) {
    let every = Duration::from_millis(parts.config.endpoints_ms);
    while stop.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
        if let Err(error) = parts.endpoints.refresh(&parts.store).await {
            tracing::debug!(%error, "webhook endpoints not read");
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn an_endpoint_wants_the_rooms_and_types_it_names_or_all() {
        // The room and the types it names; the room and the type of an event; whether it wants that.
        type Case = (Option<RoomId>, &'static [&'static str], RoomId, &'static str, bool);
        let (a, b) = (RoomId::generate(), RoomId::generate());
        let table: [Case; 7] = [
            (None, &[], a, "MessageSent", true),
            (Some(a), &[], a, "MessageSent", true),
            (Some(a), &[], b, "MessageSent", false),
            (None, &["MessageSent"], b, "MessageSent", true),
            (None, &["MessageSent", "MemberLeft"], b, "MemberLeft", true),
            (None, &["MessageSent"], b, "MessageEdited", false),
            (Some(a), &["MessageSent"], b, "MessageSent", false),
        ];
        for (room_id, types, of, event_type, expected) in table {
            let webhook = Webhook {
                id: Uuid::nil(),
                url: String::new(),
                room_id,
                event_types: types.iter().map(|name| (*name).to_owned()).collect(),
                enabled: true,
                disabled_reason: None,
                created_at: Timestamp::UNIX_EPOCH,
            };
            assert_eq!(wants(&webhook, of, event_type), expected, "{room_id:?} {types:?} {event_type}");
        }
    }
}
