//! What a batch of records holds for endpoints, queued before their offsets are committed.

use chat_protocol::Event;
use chat_service::{Backoff, retry_forever};
use chat_store::WebhookEvent;
use tokio_util::sync::CancellationToken;

use super::{Webhooks, event};
use crate::error::Error;

/// The events of a batch that are wanted, each with the place of its record.
#[derive(Debug, Default)]
pub struct Batch {
    events: Vec<WebhookEvent>,
    records: Vec<usize>,
}

impl Webhooks {
    /// Puts an event into a batch if an endpoint wants it; or says why it will never be understood.
    pub fn add(&self, batch: &mut Batch, record: usize, event: &Event) -> Result<(), String> {
        if event.entry.is_some() && self.0.endpoints.want(event.room_id, &event.event_type) {
            batch.events.extend(event::told(event)?);
            batch.records.push(record);
        }
        Ok(())
    }

    /// Queues a batch, for as long as it takes; the places of its records, and why, when PostgreSQL will never take it. A batch without
    /// events costs nothing.
    pub async fn queue(&self, batch: Batch, hard_stop: &CancellationToken) -> Result<(Vec<usize>, String), Error> {
        if batch.events.is_empty() {
            return Ok((Vec::new(), String::new()));
        }
        let attempt = || async {
            match self.0.store.queue_webhooks(&batch.events).await {
                Err(error) if !error.is_permanent() => Err(error),
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
