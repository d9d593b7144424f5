//! An idempotent producer whose `send` never waits.

use std::{
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use chat_service::Backoff;
use rdkafka::{
    ClientConfig,
    error::{KafkaError as ClientError, RDKafkaErrorCode},
    producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _},
};

use crate::{
    DeliveryError, Disposition, KafkaConfig, KafkaError, KafkaMetrics, OutRecord, OwnedRecord, SendError,
    config::ProducerConfig,
    context::{ProducerEvents, SharedEvents},
    record::owned_headers,
};

/// How long to wait for room in the queue before looking again.
const BUSY_WAIT: Duration = Duration::from_millis(5);

/// A producer; clones share it. Flush it before the last clone goes: what is not acknowledged then is dropped.
#[derive(Clone)]
pub struct Producer {
    inner: Arc<Inner>,
}

struct Inner {
    config: ClientConfig,
    events: SharedEvents,
    /// Replaced after a fatal error: an idempotent producer is dead for good then.
    current: RwLock<FutureProducer<SharedEvents>>,
}

/// Where a record went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Partition.
    pub partition: i32,
    /// Place in it.
    pub offset: i64,
}

/// Ends with the acknowledgement of all in-sync replicas. Dropping it cancels nothing.
#[must_use = "an unread delivery hides failures"]
pub struct Delivery(DeliveryFuture);

impl Future for Delivery {
    type Output = Result<Delivered, DeliveryError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(context)) {
            Ok(Ok(delivery)) => Ok(Delivered { partition: delivery.partition, offset: delivery.offset }),
            Ok(Err((error, _))) => {
                Err(DeliveryError::Failed(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)))
            }
            Err(_) => Err(DeliveryError::Dropped),
        })
    }
}

impl Producer {
    /// Starts a producer. Kafka need not be there yet.
    pub fn new(
        kafka: &KafkaConfig,
        config: &ProducerConfig,
        client_id: &str,
        metrics: &KafkaMetrics,
    ) -> Result<Self, KafkaError> {
        let mut client = kafka.client(client_id);
        config.apply(&mut client);
        let config = kafka.finish(client);
        let events = SharedEvents(Arc::new(ProducerEvents::new(client_id, metrics.clone())));
        let producer = config.create_with_context(events.clone()).map_err(KafkaError::Client)?;
        Ok(Self { inner: Arc::new(Inner { config, events, current: RwLock::new(producer) }) })
    }

    /// Enqueues a record without waiting. The order of calls is the order in the partition.
    pub fn send(&self, record: &OutRecord<'_>) -> Result<Delivery, SendError> {
        let headers = owned_headers(record.headers.iter().map(|(name, value)| (*name, value.as_bytes())));
        self.enqueue(FutureRecord {
            topic: record.topic,
            partition: None,
            payload: Some(record.payload),
            key: Some(record.key.as_bytes()),
            timestamp: None,
            headers: Some(headers),
        })
    }

    /// The same for a record whose key and headers may be any bytes.
    pub fn send_owned(&self, record: &OwnedRecord) -> Result<Delivery, SendError> {
        self.enqueue(future_record(record))
    }

    /// Sends all in order and waits for every acknowledgement. Whatever fails is sent again, from the first failed record on, for
    /// as long as it takes: whoever reads them finds every record followed by all its successors, some of them twice. A successor can
    /// be there once before it, too, if the time of a record alone was up. Drop the future to give up.
    pub async fn send_all(&self, records: &[OwnedRecord]) -> Result<(), KafkaError> {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        let mut start = 0;
        while start < records.len() {
            let (acknowledged, failure) = self.attempt(&records[start..]).await;
            start += acknowledged;
            let Some((reason, disposition)) = failure else { continue };
            if disposition != Disposition::Retry {
                return Err(KafkaError::Refused { index: start, reason });
            }
            if acknowledged > 0 {
                backoff.reset();
            }
            let delay = backoff.next_delay();
            let topic: &str = &records[start].topic;
            tracing::warn!(
                topic,
                error = reason,
                unsent = records.len() - start,
                ?delay,
                "records not acknowledged, sending again"
            );
            tokio::time::sleep(delay).await;
        }
        Ok(())
    }

    /// How many records were acknowledged before the first that was not, and why that was not.
    async fn attempt(&self, records: &[OwnedRecord]) -> (usize, Option<(String, Disposition)>) {
        let mut deliveries = Vec::with_capacity(records.len());
        let mut failure = None;
        // One client for the whole attempt: another that comes in its place must not store what follows before what failed with the first.
        let client = self.current();
        for record in records {
            match self.enqueue_when_possible(&client, record).await {
                Ok(delivery) => deliveries.push(delivery),
                Err(error) => {
                    let disposition =
                        if error == SendError::TooLarge { Disposition::Reject } else { Disposition::Retry };
                    failure = Some((error.to_string(), disposition));
                    break;
                }
            }
        }
        let mut acknowledged = 0;
        let mut first_failure = None;
        // All of them are waited for: nothing of this attempt may still be under way when the next one starts.
        for delivery in deliveries {
            match delivery.await {
                Ok(_) if first_failure.is_none() => acknowledged += 1,
                Err(error) if first_failure.is_none() => first_failure = Some((error.to_string(), error.disposition())),
                _ => {}
            }
        }
        (acknowledged, first_failure.or(failure))
    }

    async fn enqueue_when_possible(
        &self,
        client: &FutureProducer<SharedEvents>,
        record: &OwnedRecord,
    ) -> Result<Delivery, SendError> {
        loop {
            match client.send_result(future_record(record)) {
                Ok(delivery) => return Ok(Delivery(delivery)),
                Err((error, _)) => match send_error(&error) {
                    SendError::Busy => tokio::time::sleep(BUSY_WAIT).await,
                    refused => {
                        if is_fatal(&error) {
                            self.replace();
                        }
                        return Err(refused);
                    }
                },
            }
        }
    }

    pub(crate) fn metrics(&self) -> &KafkaMetrics {
        self.inner.events.metrics()
    }

    /// Records that wait for their acknowledgement; a few more while the client has errors to report.
    pub fn queued(&self) -> usize {
        usize::try_from(self.current().in_flight_count()).unwrap_or(0)
    }

    /// False from "no broker can be reached" until one can; at most a second late.
    pub fn reachable(&self) -> bool {
        self.inner.events.reachable()
    }

    /// Waits until everything enqueued is acknowledged.
    pub async fn flush(&self, within: Duration) -> Result<(), KafkaError> {
        let producer = self.current();
        let flushed = tokio::task::spawn_blocking(move || producer.flush(within)).await;
        flushed.map_err(|_| KafkaError::Cancelled)?.map_err(KafkaError::Flush)
    }

    fn current(&self) -> FutureProducer<SharedEvents> {
        self.inner.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn enqueue(&self, record: FutureRecord<'_, [u8], [u8]>) -> Result<Delivery, SendError> {
        let (error, record) = match self.current().send_result(record) {
            Ok(delivery) => return Ok(Delivery(delivery)),
            Err(refused) => refused,
        };
        if is_fatal(&error) {
            self.replace();
            return self.current().send_result(record).map(Delivery).map_err(|(error, _)| send_error(&error));
        }
        Err(send_error(&error))
    }

    /// Puts a new client in place of one that failed for good. Its records in flight end as failed, and are sent again by whoever
    /// needs them.
    fn replace(&self) {
        let mut current = self.inner.current.write().unwrap_or_else(PoisonError::into_inner);
        let Some((code, reason)) = current.client().fatal_error() else { return };
        tracing::error!(%code, reason, "kafka producer failed for good, starting a new one");
        match self.inner.config.create_with_context(self.inner.events.clone()) {
            Ok(producer) => {
                let dead = std::mem::replace(&mut *current, producer);
                self.metrics().producers_replaced.inc();
                // Its end can take a while.
                std::thread::spawn(move || drop(dead));
            }
            Err(error) => tracing::error!(%error, "no new kafka producer"),
        }
    }
}

fn future_record(record: &OwnedRecord) -> FutureRecord<'_, [u8], [u8]> {
    let headers = owned_headers(record.headers.iter().map(|(name, value)| (name.as_str(), &value[..])));
    FutureRecord {
        topic: &record.topic,
        partition: record.partition,
        payload: record.payload.as_deref(),
        key: record.key.as_deref(),
        timestamp: None,
        headers: Some(headers),
    }
}

fn is_fatal(error: &ClientError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
}

fn send_error(error: &ClientError) -> SendError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => SendError::Busy,
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => SendError::TooLarge,
        _ => SendError::Failed(error.to_string()),
    }
}
