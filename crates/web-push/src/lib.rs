//! The cryptography of Web Push: what a browser gives to be reached ([`Subscription`], RFC 8291) and how a server says who it is
//! ([`VapidKey`], RFC 8292). No network: pushes are posted by whoever has a client for it.
#![warn(missing_docs)]

mod subscription;
mod vapid;

pub use subscription::{AUTH_BYTES, InvalidKey, P256DH_BYTES, Subscription};
pub use vapid::{VapidError, VapidKey};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// As browsers write it, and as libraries that pad do.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE.encode(bytes)
}

/// Base64url, with padding or without.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE.decode(text).ok()
}
