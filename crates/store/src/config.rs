//! Section `[postgres]`.

use chat_service::{ConfigError, Secret, Validate};
use serde::{Deserialize, Serialize};

/// How to reach PostgreSQL.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port/database`; secret because of the password.
    pub url: Secret,
    /// Schema that holds the tables.
    pub schema: String,
    /// Most connections of this process. Too few: calls wait and then fail; too many: PostgreSQL runs out (`max_connections`).
    pub pool_size: usize,
}

impl Validate for PostgresConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        if let Err(error) = self.url.expose().parse::<tokio_postgres::Config>() {
            return Err(ConfigError::invalid(
                "postgres.url",
                format!("{error}; give postgres://user:password@host:port/database"),
            ));
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.schema.is_empty() || !self.schema.chars().all(plain) {
            return Err(ConfigError::invalid("postgres.schema", "use lower-case letters, digits and _ only"));
        }
        if self.pool_size == 0 {
            return Err(ConfigError::invalid("postgres.pool_size", "give at least 1"));
        }
        Ok(())
    }
}
