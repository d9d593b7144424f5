//! Configuration sections, and what they mean for librdkafka.

use std::collections::BTreeMap;

use chat_protocol::topic::Topics;
use chat_service::{ConfigError, Validate};
use rdkafka::{ClientConfig, config::RDKafkaLogLevel};
use serde::{Deserialize, Serialize};

/// `[kafka]`: which cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// Bootstrap servers, `host:port`, comma separated.
    pub brokers: String,
    /// Prefix of every topic and group; empty in production.
    pub topic_prefix: String,
    /// Further librdkafka properties (security, tuning); they win over ours.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

impl KafkaConfig {
    /// The names of topics and groups.
    pub fn topics(&self) -> Topics {
        Topics::new(&self.topic_prefix)
    }

    /// What producers, consumers and admin clients share. A frozen broker must be noticed within seconds, not a minute.
    pub(crate) fn client(&self, client_id: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        // Our context maps these to tracing; what is below INFO is noise.
        config.set_log_level(RDKafkaLogLevel::Info);
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", client_id)
            .set("socket.timeout.ms", "10000")
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "1000")
            // A cluster that comes back after a while can say at first that it has no brokers (they are fenced until the controller has heard
            // them). The client then forgets those it knew, and begins again with the bootstrap servers when its next refresh of metadata was
            // in vain for so long: by default 5 minutes after up to 5 minutes.
            .set("metadata.recovery.rebootstrap.trigger.ms", "500")
            .set("topic.metadata.refresh.interval.ms", "3000")
            .set("allow.auto.create.topics", "false")
            .set("statistics.interval.ms", "1000");
        config
    }

    /// Lets the operator's properties win.
    pub(crate) fn finish(&self, mut config: ClientConfig) -> ClientConfig {
        config.extend(self.properties.clone());
        config
    }
}

impl Validate for KafkaConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        let named = |part: &str| {
            part.trim().rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if !self.brokers.split(',').all(named) {
            return Err(ConfigError::invalid("kafka.brokers", "must be host:port, comma separated"));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !self.topic_prefix.chars().all(plain) {
            return Err(ConfigError::invalid("kafka.topic_prefix", "may hold only A-Z a-z 0-9 . _ -"));
        }
        Ok(())
    }
}

/// `[consumer]`: how a consumer takes and commits records.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerConfig {
    /// Most records in one batch.
    pub batch_records: usize,
    /// The broker waits for this much before it answers, but not longer than 100 ms. 1: at once; more: larger batches, for work that is
    /// in no hurry.
    pub fetch_min_bytes: u32,
    /// Processed positions are committed at most this often.
    pub commit_interval_ms: u64,
    /// A member that is silent for this long loses its partitions.
    pub session_timeout_ms: u64,
    /// Makes the member static: it may be away for `session_timeout_ms` and finds its partitions again, but nobody gets them earlier, also
    /// not when it left on purpose. Empty: dynamic. Never the same in two processes.
    pub instance_id: String,
    /// A member that does not poll for this long loses its partitions.
    pub max_poll_interval_ms: u64,
    /// What the batch in hand may take after the stop signal.
    pub finish_ms: u64,
    /// More dead letters than this within a minute stop the service.
    pub dead_letters_per_minute: u32,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            batch_records: 500,
            fetch_min_bytes: 1,
            commit_interval_ms: 200,
            session_timeout_ms: 8_000,
            instance_id: String::new(),
            max_poll_interval_ms: 60_000,
            finish_ms: 8_000,
            dead_letters_per_minute: 60,
        }
    }
}

impl ConsumerConfig {
    pub(crate) fn apply(&self, config: &mut ClientConfig, group: &str) {
        if !self.instance_id.is_empty() {
            config.set("group.instance.id", &self.instance_id);
        }
        config
            .set("group.id", group)
            // The client side of the newer protocol (KIP-848) has a known fatal error in the bundled librdkafka.
            .set("group.protocol", "classic")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", self.session_timeout_ms.to_string())
            // A process that was suspended for 5 s is not taken for dead: the last heartbeat before was at most 1 s old.
            .set("heartbeat.interval.ms", "1000")
            .set("max.poll.interval.ms", self.max_poll_interval_ms.to_string())
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("check.crcs", "true")
            // Long polls on the broker: a record at rest is answered at once, whatever the wait.
            .set("fetch.min.bytes", self.fetch_min_bytes.to_string())
            .set("fetch.wait.max.ms", "100")
            .set("fetch.error.backoff.ms", "100")
            // The default of 1 s stalls a consumer whose small queue was full.
            .set("fetch.queue.backoff.ms", "50")
            .set("queued.min.messages", "5000")
            .set("queued.max.messages.kbytes", "16384");
    }
}

impl Validate for ConsumerConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=10_000).contains(&self.batch_records) {
            return Err(ConfigError::invalid("consumer.batch_records", "must be 1 to 10000"));
        }
        if !(10..=10_000).contains(&self.commit_interval_ms) {
            return Err(ConfigError::invalid("consumer.commit_interval_ms", "must be 10 to 10000"));
        }
        if self.session_timeout_ms < 6_000 {
            return Err(ConfigError::invalid(
                "consumer.session_timeout_ms",
                "must be at least 6000, the broker's default minimum",
            ));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if self.instance_id.len() > 200 || !self.instance_id.chars().all(plain) {
            return Err(ConfigError::invalid("consumer.instance_id", "may hold only A-Z a-z 0-9 . _ -, at most 200"));
        }
        if self.max_poll_interval_ms < self.session_timeout_ms {
            return Err(ConfigError::invalid(
                "consumer.max_poll_interval_ms",
                "must not be below consumer.session_timeout_ms",
            ));
        }
        if self.dead_letters_per_minute == 0 {
            return Err(ConfigError::invalid("consumer.dead_letters_per_minute", "must be at least 1"));
        }
        Ok(())
    }
}

/// `[producer]`: how a producer batches and how much it holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProducerConfig {
    /// How long a record may wait for company.
    pub linger_ms: u64,
    /// Most records waiting for their ack; then `busy`.
    pub queue_records: usize,
    /// Most bytes waiting for their ack; then `busy`.
    pub queue_bytes: usize,
    /// A record without an ack for this long has failed, with an unknown outcome.
    pub delivery_timeout_ms: u64,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self { linger_ms: 0, queue_records: 20_000, queue_bytes: 64 * 1024 * 1024, delivery_timeout_ms: 30_000 }
    }
}

impl ProducerConfig {
    pub(crate) fn apply(&self, config: &mut ClientConfig) {
        config
            // Implies acks=all and order within a partition, whatever is retried inside.
            .set("enable.idempotence", "true")
            // As the Java tools do: the same key is on the same partition, whoever produces it.
            .set("partitioner", "murmur2_random")
            .set("linger.ms", self.linger_ms.to_string())
            .set("delivery.timeout.ms", self.delivery_timeout_ms.to_string())
            .set("queue.buffering.max.messages", self.queue_records.to_string())
            .set("queue.buffering.max.kbytes", (self.queue_bytes / 1024).to_string());
    }
}

impl Validate for ProducerConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        if self.linger_ms > 1_000 {
            return Err(ConfigError::invalid("producer.linger_ms", "must be at most 1000"));
        }
        if self.queue_records == 0 || self.queue_bytes < 1024 * 1024 {
            return Err(ConfigError::invalid(
                "producer.queue_bytes",
                "must be at least 1048576, and producer.queue_records at least 1",
            ));
        }
        if !(1_000..=300_000).contains(&self.delivery_timeout_ms) {
            return Err(ConfigError::invalid("producer.delivery_timeout_ms", "must be 1000 to 300000"));
        }
        Ok(())
    }
}
