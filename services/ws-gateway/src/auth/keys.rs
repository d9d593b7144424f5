//! The keys of this server's own tokens: one signs, it and the others are believed, so that a secret can be changed while all goes on.

use chat_protocol::{ErrorCode, Rejection};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::AuthConfig;

/// HS256 keys, each with a name that follows from it.
#[derive(Clone)]
pub struct OwnKeys {
    signing: EncodingKey,
    signing_name: String,
    verifying: Vec<(String, DecodingKey)>,
}

impl OwnKeys {
    /// After the settings.
    pub fn new(config: &AuthConfig) -> Self {
        let secret = config.secret.expose().as_bytes();
        let secrets = std::iter::once(&config.secret).chain(&config.previous_secrets);
        let key = |secret: &[u8]| (name(secret), DecodingKey::from_secret(secret));
        Self {
            signing: EncodingKey::from_secret(secret),
            signing_name: name(secret),
            verifying: secrets.map(|secret| key(secret.expose().as_bytes())).collect(),
        }
    }

    /// A token.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, Rejection> {
        let header = Header { kid: Some(self.signing_name.clone()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, claims, &self.signing)
            .map_err(|_| Rejection::new(ErrorCode::Internal, "a token could not be made"))
    }

    /// The key of this name; without one, as in tokens made by hand, all of them.
    pub fn named<'a>(&'a self, kid: Option<&'a str>) -> impl Iterator<Item = &'a DecodingKey> {
        self.verifying.iter().filter(move |(name, _)| kid.is_none_or(|kid| kid == name)).map(|(_, key)| key)
    }
}

/// The beginning of a digest: tells keys apart and says nothing about them.
fn name(secret: &[u8]) -> String {
    let digest = Sha256::new().chain_update(b"kid\0").chain_update(secret).finalize();
    let beginning: [u8; 8] = std::array::from_fn(|place| digest[place]);
    format!("{:016x}", u64::from_be_bytes(beginning))
}
