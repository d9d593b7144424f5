//! Who the server is: a key whose public half browsers subscribe with, and whose private half signs every push.

use chat_service::Secret;
use jiff::{Timestamp, ToSpan as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use web_push_native::p256::{EncodedPoint, SecretKey, elliptic_curve::rand_core::OsRng, pkcs8::EncodePrivateKey as _};

/// Life of a signature; push services accept at most a day.
const LIFE_HOURS: i64 = 12;
/// A number of the curve.
const PRIVATE_BYTES: usize = 32;

/// What a key cannot be, or cannot do.
#[derive(Debug, thiserror::Error)]
pub enum VapidError {
    /// Not a private key.
    #[error("must be the private key that `chatctl vapid` prints: 32 bytes in base64url")]
    Private,
    /// The signature could not be made.
    #[error("signature: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// A key pair on the curve P-256.
#[derive(Clone)]
pub struct VapidKey {
    private: SecretKey,
    signing: EncodingKey,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: i64,
    sub: &'a str,
}

impl VapidKey {
    /// A new one.
    pub fn generate() -> Result<Self, VapidError> {
        Self::of(SecretKey::random(&mut OsRng))
    }

    /// The key as [`Self::private`] writes it.
    pub fn parse(private: &Secret) -> Result<Self, VapidError> {
        let bytes = crate::decode(private.expose()).filter(|bytes| bytes.len() == PRIVATE_BYTES);
        let bytes = bytes.ok_or(VapidError::Private)?;
        Self::of(SecretKey::from_slice(&bytes).map_err(|_| VapidError::Private)?)
    }

    fn of(private: SecretKey) -> Result<Self, VapidError> {
        let der = private.to_pkcs8_der().map_err(|_| VapidError::Private)?;
        Ok(Self { signing: EncodingKey::from_ec_der(der.as_bytes()), private })
    }

    /// The private half in base64url.
    pub fn private(&self) -> Secret {
        Secret::new(crate::encode(self.private.to_bytes()))
    }

    /// The public half in base64url: what browsers subscribe with (`applicationServerKey`).
    pub fn public(&self) -> String {
        crate::encode(EncodedPoint::from(self.private.public_key()))
    }

    /// Whether a text is the public half of some key.
    pub fn is_public(text: &str) -> bool {
        let bytes = crate::decode(text).unwrap_or_default();
        crate::Subscription::from_bytes(&bytes, &[0; crate::AUTH_BYTES]).is_ok()
    }

    /// The header `Authorization` of a push to the push service at `origin`, in the name of `subject`.
    pub fn authorization(&self, origin: &str, subject: &str, now: Timestamp) -> Result<String, VapidError> {
        let claims = Claims { aud: origin, exp: (now + LIFE_HOURS.hours()).as_second(), sub: subject };
        let token = encode(&Header::new(Algorithm::ES256), &claims, &self.signing)?;
        Ok(format!("vapid t={token}, k={}", self.public()))
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_push_says_for_whom_it_is_and_who_sends_it_for_half_a_day() {
        let key = VapidKey::generate().unwrap();
        let now = Timestamp::from_second(4_000_000_000).unwrap();
        let header = key.authorization("https://push.example", "mailto:a@b.c", now).unwrap();
        let (token, public) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(public, key.public());
        let point = crate::decode(public).unwrap();
        let mut expected = Validation::new(Algorithm::ES256);
        expected.set_audience(&["https://push.example"]);
        let decoding = DecodingKey::from_ec_components(&crate::encode(&point[1..33]), &crate::encode(&point[33..]));
        let claims = decode::<Value>(token, &decoding.unwrap(), &expected).unwrap().claims;
        assert_eq!((claims["exp"].as_i64(), claims["sub"].as_str()), (Some(4_000_043_200), Some("mailto:a@b.c")));
    }

    #[test]
    fn a_key_is_what_it_was_when_it_was_written_down() {
        let key = VapidKey::generate().unwrap();
        assert_eq!(VapidKey::parse(&key.private()).unwrap().public(), key.public());
        assert!(VapidKey::is_public(&key.public()));
        assert!(!VapidKey::is_public(key.private().expose()));
        for wrong in ["", "?", &key.public(), &crate::encode([0; 32]), &crate::encode([1; 31])] {
            assert!(VapidKey::parse(&Secret::new(wrong)).is_err(), "{wrong}");
        }
    }
}
