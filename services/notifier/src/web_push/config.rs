//! Section `[push]`.

use std::time::Duration;

use chat_service::{ConfigError, Secret, Validate};
use chat_web_push::VapidKey;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Longest life of a push: what push services keep.
const TTL_SECS_MAX: u32 = 28 * 86_400;

/// Section `[push]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushConfig {
    /// Private key (VAPID); empty: no pushes.
    pub vapid_private_key: Secret,
    /// Whom push services may ask about them.
    pub contact: String,
    /// Life of a push.
    pub ttl_secs: u32,
    /// Pushes to one push service at once.
    pub at_once_per_service: u32,
    /// Jobs are looked for at least this often.
    pub poll_ms: u64,
}

impl PushConfig {
    /// The key, if pushes are sent.
    pub fn key(&self) -> Result<Option<VapidKey>, ConfigError> {
        if self.vapid_private_key.expose().is_empty() {
            return Ok(None);
        }
        let key = VapidKey::parse(&self.vapid_private_key);
        key.map(Some).map_err(|error| ConfigError::invalid("push.vapid_private_key", error.to_string()))
    }

    /// See `ttl_secs`.
    pub fn ttl(&self) -> SignedDuration {
        SignedDuration::from_secs(self.ttl_secs.into())
    }

    /// See `poll_ms`.
    pub fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }
}

impl Validate for PushConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        if self.key()?.is_some() && !["mailto:", "https://"].iter().any(|start| self.contact.starts_with(start)) {
            let why = "give an address that push services may write to: mailto:… or https://…";
            return Err(ConfigError::invalid("push.contact", why));
        }
        if !(1..=TTL_SECS_MAX).contains(&self.ttl_secs) {
            return Err(ConfigError::invalid("push.ttl_secs", "must be 1 to 2419200, four weeks"));
        }
        if self.at_once_per_service == 0 || self.poll_ms == 0 {
            return Err(ConfigError::invalid("push", "at_once_per_service and poll_ms must be at least 1"));
        }
        Ok(())
    }
}
