//! The broadcaster's sections; `config.default.toml` describes every key.

use chat_kafka::{ConsumerConfig, KafkaConfig, ProducerConfig};
use chat_redis::RedisConfig;
use chat_service::{ConfigError, Validate};
use serde::{Deserialize, Serialize};

/// Everything that can be configured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster.
    pub kafka: KafkaConfig,
    /// How events are taken.
    pub consumer: ConsumerConfig,
    /// How dead letters are produced.
    pub producer: ProducerConfig,
    /// Where to publish.
    pub redis: RedisConfig,
}

impl Validate for Config {
    fn validate(&self) -> Result<(), ConfigError> {
        self.kafka.validate()?;
        self.consumer.validate()?;
        self.producer.validate()?;
        self.redis.validate()
    }
}
