//! What a batch of records holds for endpoints, queued before their offsets are committed.

use chat_protocol::{Event, MessageId};
use chat_store::WebhookEvent;
use tokio_util::sync::CancellationToken;

use super::{Webhooks, event};
use crate::{error::Error, persist::persist};

/// Events queued by one statement, for up to twenty endpoints each: well within the time limit of a statement.
const EVENTS_AT_ONCE: usize = 50;
/// Deliveries from which one statement takes the text.
const TEXTS_AT_ONCE: u64 = 500;

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

    /// Queues a batch, for as long as it takes; the places of the records that PostgreSQL will never take, and why. A batch without events
    /// that are wanted, and without deletions, costs nothing. In steps, each repeated by itself, so that a big batch makes progress.
    pub async fn queue(&self, batch: Batch, hard_stop: &CancellationToken) -> Result<(Vec<usize>, String), Error> {
        let (mut queued, mut refused, mut reason) = (0, Vec::new(), String::new());
        for (events, records) in batch.events.chunks(EVENTS_AT_ONCE).zip(batch.records.chunks(EVENTS_AT_ONCE)) {
            match persist(hard_stop, || self.0.store.queue_webhooks(events)).await? {
                Ok(new) => queued += new,
                Err(error) => {
                    refused.extend_from_slice(records);
                    reason = error.to_string();
                }
            }
        }
        // Afterwards: a message and its deletion may be in one batch.
        let mut forgotten = if batch.deleted.is_empty() { 0 } else { TEXTS_AT_ONCE };
        while forgotten == TEXTS_AT_ONCE {
            let forget = || self.0.store.forget_webhook_texts(&batch.deleted, TEXTS_AT_ONCE.cast_signed());
            match persist(hard_stop, forget).await? {
                Ok(step) => forgotten = step,
                Err(error) => {
                    (refused, reason) = (batch.records, error.to_string());
                    break;
                }
            }
        }
        if queued > 0 {
            self.0.metrics.queued.inc_by(queued);
            self.0.queued.notify_one();
        }
        Ok((refused, reason))
    }
}
