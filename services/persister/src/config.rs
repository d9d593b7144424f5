//! The persister's sections; `config.default.toml` describes every key.

use chat_kafka::{ConsumerConfig, KafkaConfig, ProducerConfig};
use chat_service::{ConfigError, Validate};
use chat_store::PostgresConfig;
use serde::{Deserialize, Serialize};

/// Everything that can be configured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster.
    pub kafka: KafkaConfig,
    /// How commands are taken.
    pub consumer: ConsumerConfig,
    /// How events are produced.
    pub producer: ProducerConfig,
    /// The database.
    pub postgres: PostgresConfig,
}

impl Validate for Config {
    fn validate(&self) -> Result<(), ConfigError> {
        self.kafka.validate()?;
        self.consumer.validate()?;
        self.producer.validate()?;
        self.postgres.validate()
    }
}
