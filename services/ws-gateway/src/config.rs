//! Configuration; the commented reference is `config.default.toml`.

use std::{net::SocketAddr, time::Duration};

use chat_kafka::{KafkaConfig, ProducerConfig};
use chat_outbound::OutboundConfig;
use chat_redis::RedisConfig;
use chat_service::{ConfigError, Secret, Validate};
use chat_store::PostgresConfig;
use chat_web_push::VapidKey;
use serde::{Deserialize, Serialize};

use crate::{
    admission::{Origins, TrustedProxies},
    auth::AuthConfig,
    limits::LimitsConfig,
    ws::{self, destination::StompConfig},
};

/// Shortest admin token: nobody guesses one of random characters.
const ADMIN_TOKEN_CHARS: usize = 24;

/// All sections of this service.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The public port.
    pub http: HttpConfig,
    /// Tokens and passwords.
    pub auth: AuthConfig,
    /// The face for front ends of a Spring backend.
    pub compat: CompatConfig,
    /// Rates.
    pub limits: LimitsConfig,
    /// WebSocket connections.
    pub ws: WsConfig,
    /// Completing what Pub/Sub lost.
    pub delivery: DeliveryConfig,
    /// STOMP destinations.
    pub stomp: StompConfig,
    /// Kafka.
    pub kafka: KafkaConfig,
    /// The producer.
    pub producer: ProducerConfig,
    /// Redis.
    pub redis: RedisConfig,
    /// PostgreSQL.
    pub postgres: PostgresConfig,
    /// Management of webhooks.
    pub webhooks: WebhooksConfig,
    /// Where webhooks and push services may be.
    pub outbound: OutboundConfig,
    /// Web Push.
    pub push: PushConfig,
}

/// Section `[push]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushConfig {
    /// Public half of the notifier's key; empty: there are no pushes.
    pub vapid_public_key: String,
}

impl Validate for PushConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        if self.vapid_public_key.is_empty() || VapidKey::is_public(&self.vapid_public_key) {
            return Ok(());
        }
        Err(ConfigError::invalid(
            "push.vapid_public_key",
            "must be the public key that `chatctl vapid` prints, or empty",
        ))
    }
}

/// Section `[webhooks]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhooksConfig {
    /// Who has it may manage webhooks; empty: nobody may.
    pub admin_token: Secret,
    /// Wrong admin tokens from one address, per minute.
    pub failures_per_minute: u32,
    /// Endpoints.
    pub max_endpoints: u32,
}

impl Validate for WebhooksConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        if (1..ADMIN_TOKEN_CHARS).contains(&self.admin_token.expose().chars().count()) {
            let why =
                format!("must have at least {ADMIN_TOKEN_CHARS} characters, or none: then webhooks cannot be managed");
            return Err(ConfigError::invalid("webhooks.admin_token", why));
        }
        Ok(())
    }
}

/// Section `[http]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Where the public port listens.
    pub listen: SocketAddr,
    /// Threads that serve connections.
    pub workers: usize,
    /// Connections per worker; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Web pages that may open a WebSocket: `scheme://host[:port]`, `same-origin`, or `*` alone.
    pub allowed_origins: Vec<String>,
    /// Whether a WebSocket without `Origin` (programs send none, browsers always do) is refused.
    pub require_origin: bool,
    /// Addresses or networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
    /// A request's body must be complete within this.
    pub body_secs: u64,
    /// `Strict-Transport-Security` for so many seconds; 0: not sent.
    pub hsts_secs: u64,
}

impl HttpConfig {
    /// See `body_secs`.
    pub fn body_time(&self) -> Duration {
        Duration::from_secs(self.body_secs)
    }
}

/// Section `[compat]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompatConfig {
    /// Whether `/compat` is served.
    pub enabled: bool,
}

/// Which sessions of a user stay when there is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionPolicy {
    /// The new one is refused.
    OldestStays,
    /// The oldest is closed.
    NewestStays,
}

/// Section `[ws]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WsConfig {
    /// Pings go out this often.
    pub ping_interval_secs: u64,
    /// A connection from which nothing was heard for a ping interval and this long is dead.
    pub pong_wait_secs: u64,
    /// The connect frame must come within this.
    pub first_frame_secs: u64,
    /// A client that takes nothing for this long is cut (4008).
    pub write_stall_secs: u64,
    /// Frames waiting for one client, in bytes; a full queue pauses its rooms until it has read.
    pub outbox_bytes: usize,
    /// Addresses of the WebSocket; each has its SockJS addresses below it.
    pub paths: Vec<String>,
    /// A message that has begun must be complete within this.
    pub message_secs: u64,
    /// Messages and pings of one connection, per second …
    pub frames_per_second: u32,
    /// … and at once. Above both the client is told; above twice the burst it is cut (1008).
    pub frames_burst: u32,
    /// New connections of this gateway, per second …
    pub connects_per_second: u32,
    /// … and at once.
    pub connects_burst: u32,
    /// Connections of this gateway.
    pub max_sessions: usize,
    /// Connections from one address (IPv6: one /64 network).
    pub max_sessions_per_ip: usize,
    /// Sessions of one user, on all gateways together.
    pub max_sessions_per_user: usize,
    /// Which of them stay when there is one too many.
    pub session_policy: SessionPolicy,
    /// A SockJS client hears something at least this often.
    pub sockjs_heart_beat_secs: u64,
    /// Frames that could not be read, at a time, after which a session is closed (1008); one a minute is forgotten.
    pub strikes: u32,
}

impl WsConfig {
    /// See `ping_interval_secs`.
    pub fn ping_interval(&self) -> Duration {
        Duration::from_secs(self.ping_interval_secs)
    }

    /// Silence that means death.
    pub fn dead_after(&self) -> Duration {
        Duration::from_secs(self.ping_interval_secs + self.pong_wait_secs)
    }

    /// See `message_secs`.
    pub fn message_time(&self) -> Duration {
        Duration::from_secs(self.message_secs)
    }

    /// See `sockjs_heart_beat_secs`.
    pub fn sockjs_heart_beat(&self) -> Duration {
        Duration::from_secs(self.sockjs_heart_beat_secs)
    }

    /// See `write_stall_secs`.
    pub fn write_stall(&self) -> Duration {
        Duration::from_secs(self.write_stall_secs)
    }
}

/// Section `[delivery]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryConfig {
    /// Heads of open rooms are compared with PostgreSQL this often: the longest that a message lost by Pub/Sub goes unnoticed.
    pub head_check_ms: u64,
    /// A gap may close by itself for this long before PostgreSQL is asked.
    pub gap_wait_ms: u64,
    /// Entries in a page of catch-up.
    pub page_entries: u32,
    /// Events of a room kept for those who come back; 0: none.
    pub ring_events: usize,
    /// … and their bytes, per room …
    pub ring_bytes: usize,
    /// … and of all rooms together.
    pub ring_total_bytes: usize,
    /// Messages from Redis that may wait for the hub.
    pub redis_queue: usize,
    /// What Redis is asked where there is another way is answered within this, or not waited for.
    pub redis_within_ms: u64,
    /// A canary is sent through all services this often.
    pub canary_ms: u64,
    /// No canary back for this long, and the gateway is not ready.
    pub canary_lost_after_ms: u64,
}

impl DeliveryConfig {
    /// See `canary_ms`.
    pub fn canary(&self) -> Duration {
        Duration::from_millis(self.canary_ms)
    }

    /// See `redis_within_ms`.
    pub fn redis_within(&self) -> Duration {
        Duration::from_millis(self.redis_within_ms)
    }

    /// See `canary_lost_after_ms`.
    pub fn canary_lost_after(&self) -> Duration {
        Duration::from_millis(self.canary_lost_after_ms)
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), ConfigError> {
        self.auth.validate()?;
        Origins::new(&self.http)?;
        TrustedProxies::new(&self.http.trusted_proxies)?;
        ws::check_paths(&self.ws.paths)?;
        self.stomp.validate()?;
        self.kafka.validate()?;
        self.producer.validate()?;
        self.redis.validate()?;
        self.postgres.validate()?;
        self.webhooks.validate()?;
        self.outbound.validate()?;
        self.push.validate()?;
        let positive = [
            ("http.workers", self.http.workers as u64),
            ("http.max_connections", self.http.max_connections as u64),
            ("http.body_secs", self.http.body_secs),
            ("ws.ping_interval_secs", self.ws.ping_interval_secs),
            ("ws.pong_wait_secs", self.ws.pong_wait_secs),
            ("ws.first_frame_secs", self.ws.first_frame_secs),
            ("ws.write_stall_secs", self.ws.write_stall_secs),
            ("ws.message_secs", self.ws.message_secs),
            ("ws.frames_per_second", u64::from(self.ws.frames_per_second)),
            ("ws.frames_burst", u64::from(self.ws.frames_burst)),
            ("ws.connects_per_second", u64::from(self.ws.connects_per_second)),
            ("ws.connects_burst", u64::from(self.ws.connects_burst)),
            ("ws.max_sessions", self.ws.max_sessions as u64),
            ("ws.max_sessions_per_ip", self.ws.max_sessions_per_ip as u64),
            ("ws.max_sessions_per_user", self.ws.max_sessions_per_user as u64),
            ("ws.sockjs_heart_beat_secs", self.ws.sockjs_heart_beat_secs),
            ("ws.strikes", u64::from(self.ws.strikes)),
            ("delivery.head_check_ms", self.delivery.head_check_ms),
            ("delivery.page_entries", u64::from(self.delivery.page_entries)),
            ("delivery.redis_queue", self.delivery.redis_queue as u64),
            ("delivery.redis_within_ms", self.delivery.redis_within_ms),
            ("delivery.canary_ms", self.delivery.canary_ms),
            ("webhooks.failures_per_minute", u64::from(self.webhooks.failures_per_minute)),
            ("webhooks.max_endpoints", u64::from(self.webhooks.max_endpoints)),
        ];
        if let Some((key, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::invalid(key, "give at least 1"));
        }
        if self.delivery.canary_lost_after_ms < self.delivery.canary_ms.saturating_mul(2) {
            return Err(ConfigError::invalid(
                "delivery.canary_lost_after_ms",
                "give at least twice delivery.canary_ms: one canary that is late must not cost the readiness",
            ));
        }
        if self.ws.outbox_bytes < 2 * chat_protocol::limits::WS_MESSAGE_BYTES {
            return Err(ConfigError::invalid(
                "ws.outbox_bytes",
                "give at least 131072: two messages of the largest size must fit",
            ));
        }
        Ok(())
    }
}
