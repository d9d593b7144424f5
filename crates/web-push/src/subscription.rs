//! The keys of a browser's subscription.

use web_push_native::{Auth, p256::PublicKey};

/// An uncompressed point.
pub const P256DH_BYTES: usize = 65;
/// The secret that the browser shares with us.
pub const AUTH_BYTES: usize = 16;

/// What an uncompressed point begins with.
const UNCOMPRESSED: u8 = 4;

/// A key that no browser gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// The public key.
    #[error("keys.p256dh must be an uncompressed point of the curve P-256, {P256DH_BYTES} bytes in base64url")]
    P256dh,
    /// The shared secret.
    #[error("keys.auth must be {AUTH_BYTES} bytes in base64url")]
    Auth,
}

/// The keys of a subscription, for which a payload can be encrypted so that the push service cannot read it.
#[derive(Clone)]
pub struct Subscription {
    p256dh: PublicKey,
    auth: [u8; AUTH_BYTES],
}

impl Subscription {
    /// The keys as a browser gives them.
    pub fn from_base64(p256dh: &str, auth: &str) -> Result<Self, InvalidKey> {
        let auth = crate::decode(auth).ok_or(InvalidKey::Auth);
        Self::from_bytes(&crate::decode(p256dh).ok_or(InvalidKey::P256dh)?, &auth?)
    }

    /// The keys as they are stored.
    pub fn from_bytes(p256dh: &[u8], auth: &[u8]) -> Result<Self, InvalidKey> {
        if p256dh.len() != P256DH_BYTES || p256dh.first() != Some(&UNCOMPRESSED) {
            return Err(InvalidKey::P256dh);
        }
        let p256dh = PublicKey::from_sec1_bytes(p256dh).map_err(|_| InvalidKey::P256dh)?;
        Ok(Self { p256dh, auth: auth.try_into().map_err(|_| InvalidKey::Auth)? })
    }

    /// The public key.
    pub fn p256dh(&self) -> Vec<u8> {
        self.p256dh.to_sec1_bytes().into_vec()
    }

    /// The shared secret.
    pub fn auth(&self) -> &[u8] {
        &self.auth
    }

    /// The body of a push, content encoding `aes128gcm`; `None` if it is too long for one record.
    pub fn encrypt(&self, payload: Vec<u8>) -> Option<Vec<u8>> {
        web_push_native::encrypt(payload, &self.p256dh, &Auth::from(self.auth)).ok()
    }
}

#[cfg(test)]
mod tests {
    use web_push_native::p256::{SecretKey, elliptic_curve::rand_core::OsRng};

    use super::*;

    #[test]
    fn only_the_browser_can_read_what_is_encrypted_for_it() {
        let (secret, other) = (SecretKey::random(&mut OsRng), SecretKey::random(&mut OsRng));
        let point = web_push_native::p256::EncodedPoint::from(secret.public_key());
        let keys = Subscription::from_base64(&crate::encode(point), &crate::encode([7; 16])).unwrap();
        let body = keys.encrypt(b"hello".to_vec()).unwrap();
        let read = |secret, auth: [u8; 16]| web_push_native::decrypt(body.clone(), secret, &Auth::from(auth)).ok();
        assert_eq!(read(&secret, [7; 16]).as_deref(), Some(&b"hello"[..]));
        assert_eq!(read(&other, [7; 16]), None);
        assert_eq!(read(&secret, [8; 16]), None);
        assert_ne!(body, keys.encrypt(b"hello".to_vec()).unwrap(), "a key and a salt of its own for every push");
    }

    #[test]
    fn keys_that_no_browser_gives_are_refused() {
        let point: Vec<u8> = SecretKey::random(&mut OsRng).public_key().to_sec1_bytes().into_vec();
        let good = (crate::encode(&point), crate::encode([7; 16]));
        let keys = Subscription::from_base64(&good.0, &format!("{}==", good.1)).unwrap();
        assert_eq!((keys.p256dh(), keys.auth()), (point.clone(), &[7; 16][..]));
        let mut off_the_curve = point.clone();
        off_the_curve[64] ^= 1;
        for wrong in [
            String::new(),
            "?".to_owned(),
            crate::encode(&point[..64]),
            crate::encode(off_the_curve),
            crate::encode([0; P256DH_BYTES]),
            crate::encode([&[2][..], &point[1..33]].concat()),
        ] {
            assert_eq!(Subscription::from_base64(&wrong, &good.1).err(), Some(InvalidKey::P256dh), "{wrong}");
        }
        for wrong in [String::new(), "+/+/".to_owned(), crate::encode([7; 15]), crate::encode([7; 17])] {
            assert_eq!(Subscription::from_base64(&good.0, &wrong).err(), Some(InvalidKey::Auth), "{wrong}");
        }
    }
}
