//! Access tokens: JWT, HS256, one algorithm, checked whole.

use std::time::Duration;

use chat_protocol::{ErrorCode, Rejection, UserId, redis_key::TICKET_TTL};
use chat_service::{ConfigError, Secret, Validate};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
    /// Wrong passwords and tokens from one address, per minute.
    pub failures_per_minute: u32,
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
        if self.failures_per_minute == 0 {
            return Err(ConfigError::invalid("auth.failures_per_minute", "must be at least 1"));
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
    /// Of a ticket: its id, so that it is used once …
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<Uuid>,
    /// … and the end of the access token it was got with, which the session ends with.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_exp: Option<i64>,
}

/// What a valid token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// An access token.
    Access(Identity),
    /// A ticket: good for one upgrade, if it was not used before.
    Ticket(Uuid, Identity),
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

/// What a token is for.
const ACCESS: &str = "access";
const TICKET: &str = "ticket";

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
            token_use: ACCESS.to_owned(),
            jti: None,
            session_exp: None,
        };
        self.sign(&claims)
    }

    /// A new ticket for whoever has an access token.
    pub fn issue_ticket(&self, identity: Identity, now: Timestamp) -> Result<String, Rejection> {
        let iat = now.as_second();
        self.sign(&Claims {
            sub: identity.user_id,
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            iat,
            exp: iat.saturating_add(TICKET_TTL.as_secs().cast_signed()),
            token_use: TICKET.to_owned(),
            jti: Some(Uuid::now_v7()),
            session_exp: Some(identity.expires_at.as_second()),
        })
    }

    fn sign(&self, claims: &Claims) -> Result<String, Rejection> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
            .map_err(|_| Rejection::new(ErrorCode::Internal, "a token could not be made"))
    }

    /// Checks an access token. Says no more than: wrong, or expired.
    pub fn verify(&self, token: &str) -> Result<Identity, Rejection> {
        match self.read(token)? {
            Presented::Access(identity) => Ok(identity),
            Presented::Ticket(..) => Err(wrong()),
        }
    }

    /// Checks what came in the address of an upgrade: an access token, or a ticket.
    pub fn read(&self, token: &str) -> Result<Presented, Rejection> {
        let data =
            jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).map_err(|error| {
                match error.kind() {
                    ErrorKind::ExpiredSignature => {
                        Rejection::new(ErrorCode::TokenExpired, "the access token has expired: refresh it")
                    }
                    _ => wrong(),
                }
            })?;
        let Claims { sub: user_id, exp, token_use, jti, session_exp, .. } = data.claims;
        let until = |second| Timestamp::from_second(second).map_err(|_| wrong());
        match (token_use.as_str(), jti, session_exp) {
            (ACCESS, ..) => Ok(Presented::Access(Identity { user_id, expires_at: until(exp)? })),
            (TICKET, Some(id), Some(end)) => Ok(Presented::Ticket(id, Identity { user_id, expires_at: until(end)? })),
            _ => Err(wrong()),
        }
    }
}

fn wrong() -> Rejection {
    Rejection::new(ErrorCode::Unauthorized, "the access token is not valid: log in again")
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
            failures_per_minute: 1,
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
    fn a_ticket_is_no_access_token_and_ends_soon_and_its_session_with_the_token_it_was_got_with() {
        let (tokens, now) = (tokens("k"), Timestamp::now());
        let identity = tokens.verify(&tokens.issue(UserId::generate(), now).unwrap()).unwrap();
        let ticket = tokens.issue_ticket(identity, now).unwrap();
        assert_eq!(tokens.verify(&ticket).unwrap_err().code, ErrorCode::Unauthorized);
        let Ok(Presented::Ticket(id, of_ticket)) = tokens.read(&ticket) else { panic!("no ticket") };
        assert_eq!(of_ticket, identity);
        let Ok(Presented::Ticket(other, _)) = tokens.read(&tokens.issue_ticket(identity, now).unwrap()) else {
            panic!("no ticket")
        };
        assert_ne!(id, other);
        let old = tokens.issue_ticket(identity, now - TICKET_TTL - Duration::from_secs(LEEWAY_SECS + 1)).unwrap();
        assert_eq!(tokens.read(&old).unwrap_err().code, ErrorCode::TokenExpired);
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
