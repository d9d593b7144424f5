//! Configuration section.

use chat_protocol::redis_key::Keys;
use chat_service::{ConfigError, Secret, Validate};
use serde::{Deserialize, Serialize};

/// `[redis]`: which server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// `redis://[user:password@]host:port[/db]`.
    pub url: Secret,
    /// Prefix of every key and channel; empty in production.
    pub key_prefix: String,
    /// Most connections for commands; the Pub/Sub connection comes on top.
    pub pool_size: usize,
}

impl RedisConfig {
    /// The names of keys and channels.
    pub fn keys(&self) -> Keys {
        Keys::new(&self.key_prefix)
    }
}

impl Validate for RedisConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        if let Err(error) = redis::Client::open(self.url.expose()) {
            return Err(ConfigError::invalid("redis.url", error.to_string()));
        }
        if !(1..=256).contains(&self.pool_size) {
            return Err(ConfigError::invalid("redis.pool_size", "must be 1 to 256"));
        }
        Ok(())
    }
}
