//! The dead-letter topics and the log of what was done about them, as Kafka holds them.

use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use chat_kafka::{
    Delivered, KafkaConfig, KafkaError, KafkaMetrics, OwnedRecord, Producer, ProducerConfig, Reader, Record, Spans,
};
use chat_protocol::topic;

use super::{
    handled::{Handled, HandledLog},
    letter::Letter,
    progress::Progress,
};

const REACHABLE_WITHIN: Duration = Duration::from_secs(5);

/// The topics, and what was done when the command began.
pub struct Console {
    pub kafka: KafkaConfig,
    pub handled: HandledLog,
}

impl Console {
    pub async fn open(kafka: KafkaConfig) -> Result<Self> {
        chat_kafka::cluster_reachable(&kafka, REACHABLE_WITHIN).await.with_context(|| {
            format!("no Kafka at {}: is the stack up? CHAT__KAFKA__BROKERS says where it is", kafka.brokers)
        })?;
        let mut handled = HandledLog::default();
        let log = kafka.topics().dead_letter_log();
        let mut reader = Reader::all(&kafka, &log).await.map_err(explain)?;
        while let Some(record) = reader.next().await? {
            handled.add(&record);
        }
        Ok(Self { kafka, handled })
    }

    /// The dead-letter topics: the named one, or all.
    pub fn topics(&self, name: Option<&str>) -> Result<Vec<String>> {
        let all = self.kafka.topics().sources().map(|source| topic::dead_letter(&source));
        let Some(name) = name else { return Ok(all.to_vec()) };
        let prefixed = format!("{}{name}", self.kafka.topic_prefix);
        match all.iter().find(|topic| **topic == name || **topic == prefixed) {
            Some(topic) => Ok(vec![topic.clone()]),
            None => bail!("'{name}' is no dead-letter topic: give {}", all.join(", ")),
        }
    }

    /// Reads a dead-letter topic, or parts of it, record by record.
    pub async fn read(
        &self,
        topic: &str,
        spans: Option<&Spans>,
        mut each: impl FnMut(&Letter, &Record) -> Result<()>,
    ) -> Result<()> {
        let mut reader = self.reader(topic, spans).await?;
        let mut progress = Progress::new(topic, reader.total());
        while let Some(record) = reader.next().await? {
            progress.step();
            each(&Letter::read(&record), &record)?;
        }
        Ok(())
    }

    pub async fn reader(&self, topic: &str, spans: Option<&Spans>) -> Result<Reader> {
        let reader = match spans {
            Some(spans) => Reader::some(&self.kafka, topic, spans).await,
            None => Reader::all(&self.kafka, topic).await,
        };
        reader.map_err(explain)
    }

    /// What is written: replays, and what was done.
    pub fn writer(&self) -> Result<Writer> {
        let metrics = KafkaMetrics::register(&prometheus::Registry::new())?;
        let producer = Producer::new(&self.kafka, &ProducerConfig::default(), "chatctl", &metrics)?;
        Ok(Writer { producer, log: self.kafka.topics().dead_letter_log() })
    }
}

/// Produces, and waits for the acknowledgement of every single record.
pub struct Writer {
    producer: Producer,
    log: String,
}

impl Writer {
    pub async fn send(&self, record: &OwnedRecord) -> Result<Delivered> {
        self.producer
            .send_owned(record)?
            .await
            .with_context(|| format!("{}: try again when Kafka is well", record.topic))
    }

    /// Writes into the log what was done about a letter.
    pub async fn note(&self, letter: &Letter, handled: &Handled) -> Result<()> {
        self.send(&handled.record(&self.log, letter)?).await?;
        Ok(())
    }
}

fn explain(error: KafkaError) -> Error {
    match error {
        KafkaError::NoSuchTopic { topic } => {
            anyhow!("there is no topic {topic}: run `chatctl setup`, and check CHAT__KAFKA__TOPIC_PREFIX")
        }
        other => other.into(),
    }
}
