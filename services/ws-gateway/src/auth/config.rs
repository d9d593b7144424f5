//! Section `[auth]`.

use std::net::IpAddr;

use chat_service::{ConfigError, Secret, Validate};
use hyper::Uri;
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};

/// Shortest key of HS256: as long as what it makes.
const SECRET_BYTES: usize = 32;
/// Longest life of an access token: that an ended log-in is one is remembered for a day.
const ACCESS_TTL_SECS: u64 = 86_400;

/// Section `[auth]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// Key of HS256, at least 32 bytes; the same on every gateway.
    pub secret: Secret,
    /// Earlier and later ones, whose tokens count as well.
    pub previous_secrets: Vec<Secret>,
    /// `iss` of the tokens.
    pub issuer: String,
    /// `aud` of the tokens.
    pub audience: String,
    /// Life of an access token, in seconds.
    pub access_ttl_secs: u64,
    /// Life of a refresh token, in days.
    pub refresh_ttl_days: u64,
    /// Password hashes computed at once; each takes 19 MiB and a core.
    pub hash_concurrency: usize,
    /// Whether `?token=` is accepted on the WebSocket address, for clients that can set neither a header nor a first frame.
    pub query_token: bool,
    /// Wrong passwords and tokens from one address, per minute.
    pub failures_per_minute: u32,
    /// Whether one can sign up and log in here.
    pub local_accounts: bool,
    /// Where an identity provider publishes its keys; empty: there is none.
    pub jwks_url: String,
    /// `iss` of its tokens.
    pub jwks_issuer: String,
    /// `aud` of its tokens.
    pub jwks_audience: String,
    /// What its keys may sign with.
    pub jwks_algorithms: Vec<Algorithm>,
}

impl AuthConfig {
    /// The address of the provider's keys, if there is a provider.
    pub fn provider(&self) -> Result<Option<Uri>, ConfigError> {
        if self.jwks_url.is_empty() {
            return Ok(None);
        }
        let wrong = |why: &str| ConfigError::invalid("auth.jwks_url", why);
        let url: Uri = self.jwks_url.parse().map_err(|_| wrong("must be an address, or empty"))?;
        if url.scheme_str() == Some("https") || (url.scheme_str() == Some("http") && is_loopback(&url)) {
            return Ok(Some(url));
        }
        Err(wrong(
            "must begin with https:// (http:// only on this machine): whoever can change the keys can be anybody",
        ))
    }
}

/// Whether an address stays on this machine.
fn is_loopback(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || literal.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl Validate for AuthConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        if self.secret.expose().len() < SECRET_BYTES {
            let why = "give a random key of at least 32 bytes (CHAT__AUTH__SECRET), the same for every gateway";
            return Err(ConfigError::invalid("auth.secret", why));
        }
        if self.previous_secrets.iter().any(|secret| secret.expose().len() < SECRET_BYTES) {
            return Err(ConfigError::invalid("auth.previous_secrets", "each must have at least 32 bytes"));
        }
        if self.access_ttl_secs == 0 || self.refresh_ttl_days == 0 || self.hash_concurrency == 0 {
            return Err(ConfigError::invalid(
                "auth",
                "access_ttl_secs, refresh_ttl_days and hash_concurrency must be at least 1",
            ));
        }
        if self.access_ttl_secs > ACCESS_TTL_SECS {
            return Err(ConfigError::invalid("auth.access_ttl_secs", "give at most 86400, a day; minutes are better"));
        }
        if self.failures_per_minute == 0 {
            return Err(ConfigError::invalid("auth.failures_per_minute", "must be at least 1"));
        }
        if self.provider()?.is_none() {
            if self.local_accounts {
                return Ok(());
            }
            let why = "without it nobody can log in: switch it on, or set auth.jwks_url";
            return Err(ConfigError::invalid("auth.local_accounts", why));
        }
        for (key, value) in [("auth.jwks_issuer", &self.jwks_issuer), ("auth.jwks_audience", &self.jwks_audience)] {
            if value.is_empty() {
                return Err(ConfigError::invalid(key, "must be set when auth.jwks_url is"));
            }
        }
        let known = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
        if self.jwks_algorithms.is_empty() || self.jwks_algorithms.iter().any(|algorithm| !known.contains(algorithm)) {
            return Err(ConfigError::invalid("auth.jwks_algorithms", "give some of RS256, ES256, EdDSA"));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Good settings.
    pub fn settings() -> AuthConfig {
        AuthConfig {
            secret: Secret::new("k".repeat(32)),
            previous_secrets: Vec::new(),
            issuer: "i".into(),
            audience: "a".into(),
            access_ttl_secs: 900,
            refresh_ttl_days: 1,
            hash_concurrency: 1,
            query_token: false,
            failures_per_minute: 1,
            local_accounts: true,
            jwks_url: String::new(),
            jwks_issuer: "https://id.example.com".into(),
            jwks_audience: "chat".into(),
            jwks_algorithms: vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
        }
    }

    fn refused(change: impl FnOnce(&mut AuthConfig)) -> String {
        let mut config = settings();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn settings_that_cannot_be_meant_are_refused_by_name() {
        settings().validate().unwrap();
        assert!(refused(|config| config.secret = Secret::new("short")).contains("auth.secret"));
        assert!(refused(|config| config.previous_secrets = vec![Secret::new("")]).contains("auth.previous_secrets"));
        assert!(refused(|config| config.access_ttl_secs = 86_401).contains("auth.access_ttl_secs"));
        assert!(refused(|config| config.local_accounts = false).contains("auth.local_accounts"));
        let with = |url: &str, change: fn(&mut AuthConfig)| {
            refused(|config| {
                url.clone_into(&mut config.jwks_url);
                change(config);
            })
        };
        for url in [
            "http://id.example.com/keys",
            "file:///etc/passwd",
            "keys",
            "http://127.0.0.1.example.com/",
            "http://127.0.0.1@evil.example/",
        ] {
            assert!(with(url, |_| ()).contains("auth.jwks_url"), "{url}");
        }
        let good = "https://id.example.com/keys";
        assert!(with(good, |config| config.jwks_issuer.clear()).contains("auth.jwks_issuer"));
        assert!(with(good, |config| config.jwks_audience.clear()).contains("auth.jwks_audience"));
        assert!(with(good, |config| config.jwks_algorithms.clear()).contains("auth.jwks_algorithms"));
        let symmetric = with(good, |config| config.jwks_algorithms.push(Algorithm::HS256));
        assert!(symmetric.contains("auth.jwks_algorithms"));
    }

    #[test]
    fn an_address_without_encryption_is_taken_on_this_machine_only() {
        for url in ["https://id.example.com/keys", "http://127.0.0.1:1/", "http://[::1]:1/", "http://localhost/keys"] {
            let config = AuthConfig { jwks_url: url.to_owned(), local_accounts: false, ..settings() };
            config.validate().unwrap();
        }
    }
}
