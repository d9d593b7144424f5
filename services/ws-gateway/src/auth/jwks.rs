//! An identity provider's keys, as it publishes them (JWK Set, RFC 7517). Each key is good for one algorithm, whatever a token says.

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::header::names_a_key;

/// Most keys looked at.
const KEYS: usize = 64;
/// Shortest RSA modulus, in base64: 2048 bits.
const RSA_MODULUS_CHARS: usize = 342;

/// A public key.
pub struct ProviderKey {
    kid: Option<String>,
    /// The one algorithm it is good for.
    pub algorithm: Algorithm,
    /// The key.
    pub key: DecodingKey,
}

/// The keys that can be used, of those published.
pub struct KeySet(Vec<ProviderKey>);

/// Why a set was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// It cannot be read.
    #[error("not a JSON object with keys")]
    Malformed(#[from] serde_json::Error),
    /// Nothing in it can be used.
    #[error("none of its {0} keys is a public key for signatures of an algorithm in auth.jwks_algorithms")]
    NoKey(usize),
}

impl KeySet {
    /// Takes the keys that are for the signatures of `allowed` algorithms. Others beside them are fine.
    pub fn parse(json: &[u8], allowed: &[Algorithm]) -> Result<Self, SetError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let Set { keys } = serde_json::from_slice(json)?;
        let published = keys.len();
        let usable: Vec<_> = keys.into_iter().take(KEYS).filter_map(|key| usable(key, allowed)).collect();
        if usable.is_empty() { Err(SetError::NoKey(published)) } else { Ok(Self(usable)) }
    }

    /// The keys of this name; without one, the only key there is.
    pub fn named(&self, kid: Option<&str>) -> Vec<&ProviderKey> {
        match kid {
            None if self.0.len() == 1 => self.0.iter().collect(),
            None => Vec::new(),
            Some(kid) => self.0.iter().filter(|key| key.kid.as_deref() == Some(kid)).collect(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

fn usable(key: Value, allowed: &[Algorithm]) -> Option<ProviderKey> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(key) if key.n.len() >= RSA_MODULUS_CHARS => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let common = &jwk.common;
    let for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature))
        && common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    let same = common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
    let named = common.key_id.as_deref().is_none_or(names_a_key);
    if !(for_signatures && same && named && allowed.contains(&algorithm)) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some(ProviderKey { kid: jwk.common.key_id, algorithm, key })
}

#[cfg(test)]
mod tests {
    use chat_testkit::{SigningKey, key_set};
    use serde_json::json;

    use super::*;

    const ALL: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

    fn parse(keys: &[Value], allowed: &[Algorithm]) -> Result<KeySet, SetError> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes(), allowed)
    }

    #[test]
    fn each_key_has_one_algorithm_and_is_found_by_its_name() {
        let keys = ALL.map(|algorithm| SigningKey::generate(algorithm, &format!("{algorithm:?}")));
        let set = KeySet::parse(key_set(&keys.each_ref()).as_bytes(), &ALL).unwrap();
        for algorithm in ALL {
            let named = set.named(Some(&format!("{algorithm:?}")));
            assert_eq!(named.iter().map(|key| key.algorithm).collect::<Vec<_>>(), [algorithm]);
        }
        assert!(set.named(Some("another")).is_empty());
        assert!(set.named(None).is_empty(), "which of three?");
        let one = KeySet::parse(key_set(&[&keys[0]]).as_bytes(), &ALL).unwrap();
        assert_eq!(one.named(None).len(), 1);
    }

    #[test]
    fn keys_that_are_not_for_these_signatures_are_left_out() {
        let good = SigningKey::generate(Algorithm::ES256, "good").jwk();
        let changed = |field: &str, value: Value| {
            let mut key = good.clone();
            key[field] = value;
            key
        };
        assert_eq!(parse(&[changed("use", json!("sig"))], &ALL).unwrap().len(), 1);
        let mut unnamed = good.clone();
        unnamed.as_object_mut().unwrap().remove("alg");
        assert_eq!(parse(&[unnamed], &ALL).unwrap().named(None)[0].algorithm, Algorithm::ES256);
        for bad in [
            changed("use", json!("enc")),
            changed("key_ops", json!(["encrypt"])),
            changed("alg", json!("ES384")),
            changed("alg", json!("HS256")),
            changed("crv", json!("P-384")),
            changed("kty", json!("oct")),
            changed("kid", json!("../../key")),
            changed("x", json!("!")),
            json!({"kty": "oct", "kid": "shared", "k": "c2VjcmV0", "alg": "HS256"}),
            json!({"kty": "RSA", "kid": "short", "n": "AQAB", "e": "AQAB"}),
            json!("no key at all"),
        ] {
            assert!(matches!(parse(std::slice::from_ref(&bad), &ALL), Err(SetError::NoKey(1))), "{bad}");
            assert_eq!(parse(&[bad, good.clone()], &ALL).unwrap().len(), 1, "others beside it count");
        }
        assert!(parse(std::slice::from_ref(&good), &[Algorithm::RS256]).is_err(), "not allowed here");
        for malformed in ["", "[]", "{}", "{\"keys\": {}}", "<html>"] {
            assert!(matches!(KeySet::parse(malformed.as_bytes(), &ALL), Err(SetError::Malformed(_))), "{malformed}");
        }
    }
}
