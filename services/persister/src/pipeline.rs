//! The loop: `chat-messages` → decode → apply (idempotent, seq per room) → `chat-events` → offsets.

use std::sync::Arc;

use chat_kafka::{Batch, Consumer, DeadLetters, OwnedRecord, Producer, Record};
use chat_protocol::{Command, ErrorCode, Event, Rejection};
use chat_service::{Clock, fail_point, is_broken};
use chat_store::{Applied, StoreError};

use crate::{
    answer,
    decode::{Asker, Decoded, decode},
    error::PersisterError,
    metrics::Metrics,
    plan::{Step, plan},
    writer::Writer,
};

/// What the loop works with.
pub struct Pipeline {
    pub writer: Writer,
    pub producer: Producer,
    pub dead_letters: DeadLetters,
    /// Name of `chat-events`.
    pub events: Arc<str>,
    pub metrics: Metrics,
    pub clock: Arc<dyn Clock>,
}

/// Runs until the consumer is stopped. An offset is committed only after the database commit and after Kafka acknowledged the
/// events; whatever fails in between comes again and is recognised.
pub async fn run(mut consumer: Consumer, pipeline: &Pipeline) -> Result<(), PersisterError> {
    while let Some(batch) = consumer.next_batch().await? {
        if is_broken("commit-first") {
            consumer.done(&batch);
        }
        let Some(result) = consumer.hold(pipeline.process(&batch)).await else { break };
        result?;
        consumer.done(&batch);
    }
    consumer.close().await;
    Ok(())
}

impl Pipeline {
    async fn process(&self, batch: &Batch) -> Result<(), PersisterError> {
        let records = &batch.records;
        let decoded: Vec<Decoded> = records.iter().map(decode).collect();
        // One event per record at most, in the order of the records.
        let mut events: Vec<Option<OwnedRecord>> = vec![None; records.len()];
        for (index, (decoded, record)) in decoded.iter().zip(records).enumerate() {
            events[index] = self.without_database(decoded, record).await?;
        }
        fail_point("persister.before-database").await;
        for step in plan(&decoded) {
            match step {
                Step::Append(run) => {
                    for (send, result) in self.writer.append(run).await {
                        events[send.index] = self.answer(send.command, result, &records[send.index]).await?;
                    }
                }
                Step::Single(index, command) => {
                    let result = self.writer.single(command).await;
                    events[index] = self.answer(command, result, &records[index]).await?;
                }
                Step::Probes(probes) => {
                    let reached = self.writer.reach().await;
                    for (index, command) in probes {
                        events[index] = self.probed(command, &reached, &records[index])?;
                    }
                }
            }
        }
        let events: Vec<OwnedRecord> = events.into_iter().flatten().collect();
        tracing::debug!(records = records.len(), events = events.len(), "batch applied");
        fail_point("persister.stored").await;
        self.producer.send_all(&events).await?;
        fail_point("persister.produced").await;
        Ok(())
    }

    /// What needs no database: refusals, and records that are no commands.
    async fn without_database(
        &self,
        decoded: &Decoded,
        record: &Record,
    ) -> Result<Option<OwnedRecord>, PersisterError> {
        match decoded {
            Decoded::Command(_) => Ok(None),
            Decoded::Refused(command, rejection) => {
                self.count(command, "rejected");
                Ok(Some(self.event(&answer::rejected(&command.into(), rejection.clone())?, record)?))
            }
            Decoded::Poison { reason, asker } => {
                self.metrics.commands.with_label_values(&["unknown", "poison"]).inc();
                self.bury(record, reason, asker.as_ref()).await
            }
        }
    }

    /// The event of what the database said.
    async fn answer(
        &self,
        command: &Command,
        result: Result<Applied, StoreError>,
        record: &Record,
    ) -> Result<Option<OwnedRecord>, PersisterError> {
        let asker = Asker::from(command);
        let applied = match result {
            Ok(applied) => applied,
            Err(error) => {
                self.count(command, "poison");
                return self.bury(record, &error.to_string(), Some(&asker)).await;
            }
        };
        self.count(
            command,
            match &applied {
                Applied::Committed { duplicate: false, .. } | Applied::Changed { duplicate: false, .. } => "committed",
                Applied::Committed { duplicate: true, .. } | Applied::Changed { duplicate: true, .. } => "duplicate",
                Applied::Unchanged { .. } => "unchanged",
                Applied::Rejected(_) => "rejected",
            },
        );
        if matches!(applied, Applied::Committed { duplicate: false, .. } | Applied::Changed { duplicate: false, .. }) {
            let delay = self.clock.now().duration_since(command.issued_at);
            self.metrics.delay.observe(delay.as_secs_f64().max(0.0));
        }
        let event = answer::applied(&asker, applied)?.concerning(command.body.named());
        Ok(Some(self.event(&event, record)?))
    }

    /// The answer to a probe. A database that cannot even be asked is not the probe's fault: no dead letter, and no answer.
    fn probed(
        &self,
        command: &Command,
        reached: &Result<(), StoreError>,
        record: &Record,
    ) -> Result<Option<OwnedRecord>, PersisterError> {
        if let Err(error) = reached {
            tracing::error!(%error, "probe not answered");
            self.count(command, "unanswered");
            return Ok(None);
        }
        self.count(command, "answered");
        Ok(Some(self.event(&answer::probed(&command.into())?, record)?))
    }

    /// Sends a record to the dead-letter topic, and tells whoever waits for it.
    async fn bury(
        &self,
        record: &Record,
        reason: &str,
        asker: Option<&Asker>,
    ) -> Result<Option<OwnedRecord>, PersisterError> {
        self.dead_letters.send(record, ErrorCode::Poison.as_str(), reason).await?;
        let Some(asker) = asker else { return Ok(None) };
        let rejection =
            Rejection::new(ErrorCode::Poison, "the command could not be executed; it was kept for inspection");
        Ok(Some(self.event(&answer::rejected(asker, rejection)?, record)?))
    }

    fn event(&self, event: &Event, cause: &Record) -> Result<OwnedRecord, PersisterError> {
        Ok(answer::record(&self.events, event, cause)?)
    }

    fn count(&self, command: &Command, result: &str) {
        self.metrics.commands.with_label_values(&[command.body.type_name(), result]).inc();
    }
}
