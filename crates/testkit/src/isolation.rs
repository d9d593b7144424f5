//! A part of the test stack for one test alone.

use std::{collections::BTreeMap, thread, time::Duration};

use chat_kafka::KafkaConfig;
use chat_protocol::topic::Topics;
use chat_service::Secret;
use chat_store::PostgresConfig;
use uuid::Uuid;

use crate::TestEnv;

/// Enough that rooms spread, few enough that a test's consumers are assigned quickly.
const PARTITIONS: i32 = 3;
/// A test that leaves connections open must not hang the whole run when it cleans up.
const CLEAN_UP_WITHIN: Duration = Duration::from_secs(10);

/// A migrated schema `t_<id>`, topics `t-<id>.*` and a Redis prefix `t-<id>:`. Dropping it removes schema and topics.
#[derive(Debug)]
pub struct Isolation {
    id: String,
    env: TestEnv,
}

impl Isolation {
    /// Creates schema and topics, 3 partitions each.
    pub async fn new() -> Self {
        Self::with_partitions(PARTITIONS).await
    }

    /// The same with another number of partitions.
    pub async fn with_partitions(partitions: i32) -> Self {
        let mut id = Uuid::new_v4().simple().to_string();
        id.truncate(12);
        let isolation = Self { id, env: TestEnv::from_env() };
        let (kafka, topics) = (isolation.kafka(), isolation.topics().all());
        let (migrated, created) = tokio::join!(
            async { chat_store::migrate(&isolation.postgres()).await },
            chat_kafka::ensure_topics(&kafka, &topics, partitions, 1)
        );
        migrated.expect("migrations on the test stack");
        created.expect("topics on the test stack");
        isolation
    }

    /// The same on another Redis.
    #[must_use]
    pub fn on_redis(mut self, url: &str) -> Self {
        url.clone_into(&mut self.env.redis_url);
        self
    }

    /// What makes the names unique.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Section `[kafka]`.
    pub fn kafka(&self) -> KafkaConfig {
        KafkaConfig {
            brokers: self.env.kafka_brokers.clone(),
            topic_prefix: self.topic_prefix(),
            properties: BTreeMap::new(),
        }
    }

    /// The topics.
    pub fn topics(&self) -> Topics {
        Topics::new(&self.topic_prefix())
    }

    /// Section `[postgres]`.
    pub fn postgres(&self) -> PostgresConfig {
        PostgresConfig { url: Secret::new(self.env.postgres_url.clone()), schema: self.schema(), pool_size: 4 }
    }

    /// Where Redis is.
    pub fn redis_url(&self) -> &str {
        &self.env.redis_url
    }

    /// Prefix of every key and channel.
    pub fn redis_prefix(&self) -> String {
        format!("t-{}:", self.id)
    }

    /// `[kafka]` as environment variables, for `chat_service::config::load_from`.
    pub fn kafka_env(&self) -> Vec<(String, String)> {
        variables([
            ("CHAT__KAFKA__BROKERS", self.env.kafka_brokers.clone()),
            ("CHAT__KAFKA__TOPIC_PREFIX", self.topic_prefix()),
        ])
    }

    /// `[postgres]` as environment variables.
    pub fn postgres_env(&self) -> Vec<(String, String)> {
        variables([("CHAT__POSTGRES__URL", self.env.postgres_url.clone()), ("CHAT__POSTGRES__SCHEMA", self.schema())])
    }

    /// `[redis]` as environment variables.
    pub fn redis_env(&self) -> Vec<(String, String)> {
        variables([("CHAT__REDIS__URL", self.env.redis_url.clone()), ("CHAT__REDIS__KEY_PREFIX", self.redis_prefix())])
    }

    fn topic_prefix(&self) -> String {
        format!("t-{}.", self.id)
    }

    fn schema(&self) -> String {
        format!("t_{}", self.id)
    }
}

impl Drop for Isolation {
    fn drop(&mut self) {
        let (kafka, mut topics, postgres) = (self.kafka(), self.topics().all(), self.postgres());
        // There if the test ran `chatctl setup`.
        topics.push(self.topics().dead_letter_log());
        // A runtime of its own: the test's may be the thread that drops, and cannot be blocked on.
        let cleaner = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let clean =
                async { tokio::join!(chat_store::drop_schema(&postgres), chat_kafka::delete_topics(&kafka, &topics)) };
            // Best effort: what is left over has a name that no other test uses.
            drop(runtime.block_on(async { tokio::time::timeout(CLEAN_UP_WITHIN, clean).await }));
            std::io::Result::Ok(())
        });
        drop(cleaner.join());
    }
}

fn variables<const N: usize>(pairs: [(&str, String); N]) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
