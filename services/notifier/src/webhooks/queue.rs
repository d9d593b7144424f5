//! What a batch of records holds for endpoints, queued before their offsets are committed.

use chat_protocol::{Event, MessageId};
use chat_service::{Backoff, retry_forever};
use chat_store::{StoreError, WebhookEvent};
use tokio_util::sync::CancellationToken;

use super::{Webhooks, event};
use crate::error::Error;

/// The events of a batch that are wanted, each with the place of its record.
#[derive(Debug, Default)]
pub struct Batch {
    events: Vec<WebhookEvent>,
    records: Vec<usize>,
    /// Messages that were deleted: their text goes from what is kept for endpoints, whether these want to hear of it or not.
    deleted: Vec<MessageId>,
}

impl Webhooks {
    /// Puts an event into a batch if an endpoint wants it; or says why it will never be understood.
    pub fn add(&self, batch: &mut Batch, record: usize, event: &Event) -> Result<(), String> {
        if event.entry.is_some() && self.0.endpoints.want(event.room_id, &event.event_type) {
            batch.events.extend(event::told(event)?);
            batch.records.push(record);
        }
        // Also while all are disabled: what waits for them, or can be sent again, is there.
        batch.deleted.extend(event::deleted(event)?);
        Ok(())
    }

    /// Queues a batch, for as long as it takes; the places of its records, and why, when PostgreSQL will never take it. A batch without
    /// events that are wanted, and without deletions, costs nothing.
    pub async fn queue(&self, batch: Batch, hard_stop: &CancellationToken) -> Result<(Vec<usize>, String), Error> {
        if batch.events.is_empty() && batch.deleted.is_empty() {
            return Ok((Vec::new(), String::new()));
        }
        let store = async || {
            let queued = if batch.events.is_empty() { 0 } else { self.0.store.queue_webhooks(&batch.events).await? };
            // Afterwards: a message and its deletion may be in one batch.
            if !batch.deleted.is_empty() {
                self.0.store.forget_webhook_texts(&batch.deleted).await?;
            }
            Ok(queued)
        };
        let attempt = || async {
            match store().await {
                Err(error) if !StoreError::is_permanent(&error) => Err(error),
                settled => Ok(settled),
            }
        };
        let queued = retry_forever("postgres", hard_stop, Backoff::default(), attempt).await.ok_or(Error::Stopped)?;
        match queued {
            Ok(queued) => {
                self.0.metrics.queued.inc_by(queued);
                self.0.queued.notify_one();
                Ok((Vec::new(), String::new()))
            }
            Err(error) => Ok((batch.records, error.to_string())),
        }
    }
}
