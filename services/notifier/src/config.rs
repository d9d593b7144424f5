//! Configuration of the service; every key is described in `config.default.toml`.

use chat_kafka::{ConsumerConfig, KafkaConfig, ProducerConfig};
use chat_outbound::OutboundConfig;
use chat_redis::RedisConfig;
use chat_service::{ConfigError, Validate};
use chat_store::PostgresConfig;
use serde::{Deserialize, Serialize};

use crate::{web_push::PushConfig, webhooks::DeliveriesConfig};

/// The defaults, which are the reference.
pub const DEFAULT_CONFIG: &str = include_str!("../config.default.toml");

/// The service's own sections.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where Kafka is.
    pub kafka: KafkaConfig,
    /// How events are taken.
    pub consumer: ConsumerConfig,
    /// How dead letters are sent.
    pub producer: ProducerConfig,
    /// Where viewers are looked up and users told.
    pub redis: RedisConfig,
    /// Where members are looked up.
    pub postgres: PostgresConfig,
    /// Where calls may go.
    pub outbound: OutboundConfig,
    /// How webhooks are delivered.
    pub deliveries: DeliveriesConfig,
    /// Web Push.
    pub push: PushConfig,
}

impl Validate for Config {
    fn validate(&self) -> Result<(), ConfigError> {
        self.kafka.validate()?;
        self.consumer.validate()?;
        self.producer.validate()?;
        self.redis.validate()?;
        self.postgres.validate()?;
        self.outbound.validate()?;
        self.deliveries.validate()?;
        self.push.validate()
    }
}
