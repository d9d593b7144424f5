//! Access tokens: JWT, HS256, one algorithm, checked whole.

use std::time::Duration;

use chat_protocol::{ErrorCode, Rejection, UserId};
use chat_service::{ConfigError, Secret, Validate};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};

/// Section `[auth]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// Key of HS256, at least 32 bytes; the same on every gateway.
    pub secret: Secret,
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
}

impl Validate for AuthConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        if self.secret.expose().len() < 32 {
            let why = "give a random key of at least 32 bytes (CHAT__AUTH__SECRET), the same for every gateway";
            return Err(ConfigError::invalid("auth.secret", why));
        }
        if self.access_ttl_secs == 0 || self.refresh_ttl_days == 0 || self.hash_concurrency == 0 {
            return Err(ConfigError::invalid(
                "auth",
                "access_ttl_secs, refresh_ttl_days and hash_concurrency must be at least 1",
            ));
        }
        Ok(())
    }
}

/// Claims of an access token.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    /// `access`: a token made for another purpose is no access token.
    #[serde(rename = "use")]
    token_use: String,
}

/// Who a valid token says one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user_id: UserId,
    /// The end of the token.
    pub expires_at: Timestamp,
}

/// Makes and checks access tokens.
#[derive(Clone)]
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    issuer: String,
    audience: String,
    access_ttl: Duration,
}

/// Clocks of the token's maker and ours may differ by this much.
const LEEWAY_SECS: u64 = 10;

impl Tokens {
    /// After the settings.
    pub fn new(config: &AuthConfig) -> Self {
        let secret = config.secret.expose().as_bytes();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&config.issuer]);
        validation.set_audience(&[&config.audience]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECS;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            access_ttl: Duration::from_secs(config.access_ttl_secs),
        }
    }

    /// Seconds that an access token lives.
    pub fn access_ttl(&self) -> Duration {
        self.access_ttl
    }

    /// A new access token.
    pub fn issue(&self, user_id: UserId, now: Timestamp) -> Result<String, Rejection> {
        let iat = now.as_second();
        let ttl = i64::try_from(self.access_ttl.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            sub: user_id,
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            iat,
            exp: iat.saturating_add(ttl),
            token_use: "access".to_owned(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(|_| Rejection::new(ErrorCode::Internal, "a token could not be made"))
    }

    /// Checks a token. Says no more than: wrong, or expired.
    pub fn verify(&self, token: &str) -> Result<Identity, Rejection> {
        let wrong = || Rejection::new(ErrorCode::Unauthorized, "the access token is not valid: log in again");
        let data =
            jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).map_err(|error| {
                match error.kind() {
                    ErrorKind::ExpiredSignature => {
                        Rejection::new(ErrorCode::TokenExpired, "the access token has expired: refresh it")
                    }
                    _ => wrong(),
                }
            })?;
        if data.claims.token_use != "access" {
            return Err(wrong());
        }
        let expires_at = Timestamp::from_second(data.claims.exp).map_err(|_| wrong())?;
        Ok(Identity { user_id: data.claims.sub, expires_at })
    }
}

/// The token of an `Authorization: Bearer` value.
pub fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(secret: &str) -> Tokens {
        Tokens::new(&AuthConfig {
            secret: Secret::new(secret),
            issuer: "i".into(),
            audience: "a".into(),
            access_ttl_secs: 900,
            refresh_ttl_days: 1,
            hash_concurrency: 1,
            query_token: false,
        })
    }

    fn forged(claims: &serde_json::Value, header: &Header) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(b"k")).unwrap()
    }

    #[test]
    fn a_token_names_its_user_until_it_expires() {
        let (tokens, user) = (tokens("k"), UserId::generate());
        let now = Timestamp::now();
        assert_eq!(tokens.verify(&tokens.issue(user, now).unwrap()).unwrap().user_id, user);
        let old = tokens.issue(user, now - Duration::from_secs(1_000)).unwrap();
        assert_eq!(tokens.verify(&old).unwrap_err().code, ErrorCode::TokenExpired);
    }

    #[test]
    fn tokens_that_are_not_ours_are_refused() {
        let tokens = tokens("k");
        let exp = Timestamp::now().as_second() + 100;
        let good = serde_json::json!({"sub": UserId::generate(), "iss": "i", "aud": "a", "iat": 0, "exp": exp, "use": "access"});
        assert!(tokens.verify(&forged(&good, &Header::new(Algorithm::HS256))).is_ok(), "the pattern itself is good");
        for (field, value) in [
            ("iss", "x".into()),
            ("aud", "x".into()),
            ("use", "refresh".into()),
            ("sub", "nobody".into()),
            ("exp", exp.to_string().into()),
            ("exp", serde_json::Value::Null),
            ("nbf", (exp + 1_000).into()),
        ] {
            let mut claims = good.clone();
            claims[field] = value;
            let token = forged(&claims, &Header::new(Algorithm::HS256));
            assert_eq!(tokens.verify(&token).unwrap_err().code, ErrorCode::Unauthorized, "{field}");
        }
        for token in [
            forged(&good, &Header::new(Algorithm::HS384)),
            self::tokens("other").issue(UserId::generate(), Timestamp::now()).unwrap(),
            "eyJhbGciOiJub25lIn0.e30.".to_owned(),
            String::new(),
        ] {
            assert_eq!(tokens.verify(&token).unwrap_err().code, ErrorCode::Unauthorized, "{token}");
        }
    }

    #[test]
    fn a_bearer_value_yields_its_token() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("abc"), None);
    }
}
