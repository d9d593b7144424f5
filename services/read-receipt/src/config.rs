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
    /// How dead letters are sent.
    pub producer: ProducerConfig,
    /// Where rooms are told.
    pub redis: RedisConfig,
    /// Where marks are kept.
    pub postgres: PostgresConfig,
}

impl Validate for Config {
    fn validate(&self) -> Result<(), ConfigError> {
        self.kafka.validate()?;
        self.consumer.validate()?;
        self.producer.validate()?;
        self.redis.validate()?;
        self.postgres.validate()
    }
}
