//! Signatures after Standard Webhooks, and the secrets they are made with.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chat_service::Secret;
use hyper::{
    HeaderMap,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT},
};
use jiff::Timestamp;
use standardwebhooks::Webhook;

/// Bytes of a secret, from the system's source of randomness.
const SECRET_BYTES: usize = 32;

/// A new secret, in the form that libraries for verifying take.
pub fn new_secret() -> Secret {
    Secret::new(format!("whsec_{}", STANDARD.encode(rand::random::<[u8; SECRET_BYTES]>())))
}

/// What cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot be signed: the secret is no Base64, or the id no header")]
pub struct Unsigned;

/// The headers of a call: `webhook-id`, `webhook-timestamp`, and one signature per secret in `webhook-signature`.
pub fn signed_headers(secrets: &[Secret], id: &str, at: Timestamp, body: &str) -> Result<HeaderMap, Unsigned> {
    let seconds = at.as_second();
    let sign = |secret: &Secret| Webhook::new(secret.expose())?.sign(id, seconds, body.as_bytes());
    let signatures = secrets.iter().map(sign).collect::<Result<Vec<_>, _>>().map_err(|_| Unsigned)?;
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Unsigned);
    Ok(HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (USER_AGENT, HeaderValue::from_static("realtime-chat")),
        (HeaderName::from_static(standardwebhooks::HEADER_WEBHOOK_ID), value(id)?),
        (HeaderName::from_static(standardwebhooks::HEADER_WEBHOOK_TIMESTAMP), HeaderValue::from(seconds)),
        (HeaderName::from_static(standardwebhooks::HEADER_WEBHOOK_SIGNATURE), value(&signatures.join(" "))?),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_knows_one_of_the_secrets_can_verify_a_call() {
        let (new, old, other) = (new_secret(), new_secret(), new_secret());
        let headers = signed_headers(&[new.clone(), old.clone()], "room:1", Timestamp::now(), "{}").unwrap();
        let verifies = |secret: &Secret, body: &[u8], headers: &HeaderMap| {
            Webhook::new(secret.expose()).unwrap().verify(body, headers).is_ok()
        };
        assert!(verifies(&new, b"{}", &headers));
        assert!(verifies(&old, b"{}", &headers));
        assert!(!verifies(&other, b"{}", &headers));
        assert!(!verifies(&new, b"{ }", &headers), "another body");
        let mut another = headers.clone();
        another.insert("webhook-id", HeaderValue::from_static("room:2"));
        assert!(!verifies(&new, b"{}", &another), "another id");
    }

    #[test]
    fn a_secret_is_as_the_libraries_expect_it_and_another_each_time() {
        let (one, two) = (new_secret(), new_secret());
        assert_ne!(one.expose(), two.expose());
        let bytes = STANDARD.decode(one.expose().strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(bytes.len(), SECRET_BYTES);
    }

    #[test]
    fn the_example_of_the_specification_has_its_signature() {
        let secret = Secret::new("whsec_plJ3nmyCDGBKInavdOK15jsl".to_owned());
        let at = Timestamp::from_second(1_731_705_121).unwrap();
        let body = r#"{"event_type":"ping","data":{"success":true}}"#;
        let headers = signed_headers(&[secret], "msg_loFOjxBNrRLzqYUf", at, body).unwrap();
        assert_eq!(headers["webhook-signature"], "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=");
    }
}
