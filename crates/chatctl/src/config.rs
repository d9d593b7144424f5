//! Configuration of `setup`, `dlt` and `token`.

use std::path::Path;

use chat_kafka::KafkaConfig;
use chat_service::{ConfigError, Secret, Validate, config};
use chat_store::PostgresConfig;
use serde::{Deserialize, Serialize};

const DEFAULTS: &str = include_str!("../config.default.toml");
/// What is taken from the environment. Everything else in it belongs to the services and is left alone.
const OURS: [&str; 6] = [
    "CHAT__KAFKA__",
    "CHAT__POSTGRES__",
    "CHAT__SETUP__",
    "CHAT__AUTH__SECRET",
    "CHAT__AUTH__ISSUER",
    "CHAT__AUTH__AUDIENCE",
];

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub kafka: KafkaConfig,
    pub postgres: PostgresConfig,
    pub setup: SetupConfig,
    pub auth: AuthConfig,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetupConfig {
    pub partitions: i32,
    pub replication: i32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    pub secret: Secret,
    pub issuer: String,
    pub audience: String,
}

impl Validate for Config {
    fn validate(&self) -> Result<(), ConfigError> {
        self.kafka.validate()?;
        self.postgres.validate()?;
        if !(1..=1_000).contains(&self.setup.partitions) {
            return Err(ConfigError::invalid("setup.partitions", "must be 1 to 1000"));
        }
        if !(1..=9).contains(&self.setup.replication) {
            return Err(ConfigError::invalid(
                "setup.replication",
                "must be 1 to 9, and not more than there are brokers",
            ));
        }
        Ok(())
    }
}

/// Loads it from the defaults, `file` and the environment.
pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
    load_from(file, variables)
}

fn load_from(file: Option<&Path>, variables: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
    let ours = variables.filter(|(name, _)| OURS.iter().any(|prefix| name.starts_with(prefix)));
    Ok(config::load_from::<Config>(DEFAULTS, file, ours)?.service)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        load_from(None, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_defaults_are_valid_and_the_environment_overrides_them() {
        assert_eq!(with(&[]).unwrap().setup.partitions, 12);
        assert_eq!(with(&[("CHAT__SETUP__PARTITIONS", "3")]).unwrap().setup.partitions, 3);
        assert!(with(&[("CHAT__SETUP__PARTITIONS", "0")]).is_err());
    }

    #[test]
    fn variables_of_the_services_are_left_alone_but_typing_errors_in_ours_are_not() {
        assert!(with(&[("CHAT__REDIS__URL", "redis://x"), ("CHAT__AUTH__ACCESS_TTL_SECS", "1")]).is_ok());
        assert!(with(&[("CHAT__KAFKA__BROKER", "x:1")]).is_err());
    }
}
