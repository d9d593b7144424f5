//! Configuration of the service; every key is described in `config.default.toml`.

use chat_kafka::{ConsumerConfig, KafkaConfig, ProducerConfig};
use chat_redis::RedisConfig;
use chat_service::{ConfigError, Validate};
use chat_store::PostgresConfig;
use serde::{Deserialize, Serialize};

/// The defaults, which are the reference.
pub const DEFAULT_CONFIG: &str = include_str!("../config.default.toml");

/// The service's own sections.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where Kafka is.
    pub kafka: KafkaConfig,
    /// How read marks are taken.
    pub consumer: ConsumerConfig,
    /// How they are stored.
    pub read_marks: ReadMarksConfig,
    /// How dead letters are sent.
    pub producer: ProducerConfig,
    /// Where rooms are told.
    pub redis: RedisConfig,
    /// Where marks are kept.
    pub postgres: PostgresConfig,
}

/// `[read_marks]`: how long, and how many, marks may be told and not stored yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadMarksConfig {
    /// Marks are stored this long after they were taken, in milliseconds.
    pub flush_ms: u64,
    /// Most records taken and not stored.
    pub dirty_max: usize,
}

impl Validate for Config {
    fn validate(&self) -> Result<(), ConfigError> {
        self.kafka.validate()?;
        self.consumer.validate()?;
        self.producer.validate()?;
        self.redis.validate()?;
        self.postgres.validate()?;
        if !(1..=5_000).contains(&self.read_marks.flush_ms) {
            return Err(ConfigError::invalid("read_marks.flush_ms", "must be 1 to 5000"));
        }
        if !(self.consumer.batch_records..=200_000).contains(&self.read_marks.dirty_max) {
            return Err(ConfigError::invalid("read_marks.dirty_max", "must be consumer.batch_records to 200000"));
        }
        Ok(())
    }
}
