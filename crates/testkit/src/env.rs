//! Where the test stack is.

use std::env;

/// Addresses of the test stack.
#[derive(Debug, Clone)]
pub struct TestEnv {
    /// From `CHAT_TEST_POSTGRES_URL`.
    pub postgres_url: String,
    /// From `CHAT_TEST_REDIS_URL`.
    pub redis_url: String,
    /// From `CHAT_TEST_KAFKA_BROKERS`.
    pub kafka_brokers: String,
}

impl TestEnv {
    /// Reads the environment. A missing address fails the test: one that did not run must not look as if it passed.
    pub fn from_env() -> Self {
        let address = |name: &str| {
            env::var(name).unwrap_or_else(|_| {
                panic!("{name} is not set: run `make test`, or `eval \"$(deploy/native/stack.sh env)\"` with a test stack up")
            })
        };
        Self {
            postgres_url: address("CHAT_TEST_POSTGRES_URL"),
            redis_url: address("CHAT_TEST_REDIS_URL"),
            kafka_brokers: address("CHAT_TEST_KAFKA_BROKERS"),
        }
    }
}
