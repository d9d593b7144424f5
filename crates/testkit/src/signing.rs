//! Keys of an identity provider, made anew for each test.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::Value;

/// Where in a PKCS#8 document of this size the RSA key itself begins.
const RSA_2048_IN_PKCS8: usize = 26;

/// A key pair that signs tokens.
pub struct SigningKey {
    /// Its name in the set.
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    key: EncodingKey,
}

impl SigningKey {
    /// A new RS256, ES256 or EdDSA key.
    pub fn generate(algorithm: Algorithm, kid: &str) -> Self {
        let key = match algorithm {
            Algorithm::RS256 => {
                let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
                let pkcs8: Pkcs8V1Der<'_> = pair.as_der().expect("its PKCS#8");
                EncodingKey::from_rsa_der(&pkcs8.as_ref()[RSA_2048_IN_PKCS8..])
            }
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a P-256 key");
                EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("its PKCS#8").as_ref())
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().expect("an Ed25519 key");
                EncodingKey::from_ed_der(pair.to_pkcs8v1().expect("its PKCS#8").as_ref())
            }
            other => panic!("no key of {other:?} is made here"),
        };
        Self { kid: kid.to_owned(), algorithm, key }
    }

    /// The public key, as it stands in a set.
    pub fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a public key");
        jwk.common.key_id = Some(self.kid.clone());
        serde_json::to_value(jwk).expect("a key is plain JSON")
    }

    /// A header that names the key.
    pub fn header(&self) -> Header {
        Header { kid: Some(self.kid.clone()), ..Header::new(self.algorithm) }
    }

    /// A token with this key's header.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    /// A token with another header.
    pub fn sign_with(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.key).expect("claims are plain JSON")
    }
}

/// A set of public keys as a provider serves it.
pub fn key_set(keys: &[&SigningKey]) -> String {
    serde_json::json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }).to_string()
}
