//! One push: encrypted, signed, posted.

use std::sync::Arc;

use bytes::Bytes;
use chat_outbound::{Attempt, HeaderMap, Outbound, header};
use chat_service::Clock;
use chat_store::{ClaimedPush, PushTarget};
use chat_web_push::{Subscription, VapidKey};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::step::Payload;

/// Bytes of a topic before encoding: 32 characters, the most there may be.
const TOPIC_BYTES: usize = 24;

/// Posts pushes; clones share its connections.
#[derive(Clone)]
pub struct Sender {
    pub outbound: Outbound,
    pub key: VapidKey,
    pub contact: Arc<str>,
    pub clock: Arc<dyn Clock>,
}

/// A push that cannot be built, whenever it is tried.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("payload: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the device's keys: {0}")]
    Keys(#[from] chat_web_push::InvalidKey),
    #[error("the payload is too long to encrypt")]
    Encrypt,
    #[error(transparent)]
    Sign(#[from] chat_web_push::VapidError),
    #[error("header: {0}")]
    Header(#[from] header::InvalidHeaderValue),
}

impl Sender {
    /// Posts a push to a device.
    pub async fn send(
        &self,
        job: &ClaimedPush,
        target: &PushTarget,
        payload: &Payload,
    ) -> Result<Attempt, RequestError> {
        let keys = Subscription::from_bytes(&target.p256dh, &target.auth)?;
        let body = keys.encrypt(serde_json::to_vec(payload)?).ok_or(RequestError::Encrypt)?;
        let now = self.clock.now();
        let headers = headers(job, payload, &self.key.authorization(&job.origin, &self.contact, now)?, now)?;
        Ok(self.outbound.post(&target.endpoint, headers, Bytes::from(body)).await)
    }
}

fn headers(
    job: &ClaimedPush,
    payload: &Payload,
    authorization: &str,
    now: Timestamp,
) -> Result<HeaderMap, RequestError> {
    let ttl = job.expires_at.duration_since(now).as_secs().max(0);
    let urgency = if matches!(payload, Payload::Message { urgent: true, .. }) { "high" } else { "normal" };
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, authorization.parse()?);
    headers.insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("aes128gcm"));
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/octet-stream"));
    headers.insert("ttl", ttl.into());
    headers.insert("urgency", header::HeaderValue::from_static(urgency));
    headers.insert("topic", topic(job).parse()?);
    Ok(headers)
}

/// A later push of the same room replaces one that the push service still has. A digest with the device in it, so that the push service
/// does not learn who is in a room with whom.
fn topic(job: &ClaimedPush) -> String {
    let digest = Sha256::new().chain_update(job.device_id).chain_update(job.room_id.0).finalize();
    chat_web_push::encode(&digest[..TOPIC_BYTES])
}
