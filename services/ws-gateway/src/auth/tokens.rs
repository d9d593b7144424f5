//! Makes and checks tokens: this server's own (HS256), and those of an identity provider.

use std::{sync::Arc, time::Duration};

use chat_protocol::{ErrorCode, Rejection, UserId, redis_key::TICKET_TTL};
use chat_service::Clock;
use jsonwebtoken::{Algorithm, Validation, errors::ErrorKind};
use uuid::Uuid;

use super::{
    AuthConfig, Identity, Presented, Provider,
    claims::{self, ACCESS, LEEWAY_SECS, OwnClaims, Seconds, TICKET},
    header,
    keys::OwnKeys,
    wrong,
};

/// Makes and checks tokens.
#[derive(Clone)]
pub struct Tokens {
    keys: OwnKeys,
    validation: Validation,
    issuer: String,
    audience: String,
    access_ttl: Duration,
    provider: Option<Arc<Provider>>,
    clock: Arc<dyn Clock>,
}

/// A token that was read.
#[derive(Debug)]
pub struct Read {
    /// What it is.
    pub presented: Presented,
    /// What somebody whom the identity provider sent is called; they may be new here.
    pub newcomer: Option<String>,
}

impl Tokens {
    /// After the settings.
    pub fn new(config: &AuthConfig, provider: Option<Arc<Provider>>, clock: Arc<dyn Clock>) -> Self {
        Self {
            keys: OwnKeys::new(config),
            validation: expected(Algorithm::HS256, &config.issuer, &config.audience),
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            access_ttl: Duration::from_secs(config.access_ttl_secs),
            provider,
            clock,
        }
    }

    /// Seconds that an access token lives.
    pub fn access_ttl(&self) -> Duration {
        self.access_ttl
    }

    /// A new access token of a log-in.
    pub fn issue(&self, user_id: UserId, login: Uuid) -> Result<String, Rejection> {
        self.keys.sign(&OwnClaims { sid: Some(login), ..self.claims(user_id, ACCESS, self.access_ttl) })
    }

    /// A new ticket for whoever has an access token.
    pub fn issue_ticket(&self, identity: Identity) -> Result<String, Rejection> {
        self.keys.sign(&OwnClaims {
            sid: identity.login,
            jti: Some(Uuid::now_v7()),
            session_iat: Some(Seconds(identity.issued_at.as_second())),
            session_exp: Some(Seconds(identity.expires_at.as_second())),
            ..self.claims(identity.user_id, TICKET, TICKET_TTL)
        })
    }

    fn claims(&self, sub: UserId, token_use: &str, ttl: Duration) -> OwnClaims {
        let iat = self.clock.now().as_second();
        OwnClaims {
            sub,
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            iat: Seconds(iat),
            exp: Seconds(iat.saturating_add_unsigned(ttl.as_secs())),
            token_use: token_use.to_owned(),
            sid: None,
            jti: None,
            session_iat: None,
            session_exp: None,
        }
    }

    /// Reads a token. Says no more than: wrong, or expired.
    pub async fn read(&self, token: &str) -> Result<Read, Rejection> {
        let kid = header::key_of(token)?;
        if let Some(claims) = self.own(token, kid.as_deref())? {
            return Ok(Read { presented: self.presented(&claims)?, newcomer: None });
        }
        let Some(provider) = &self.provider else { return Err(wrong()) };
        let (identity, nickname) = provider.verify(token, kid.as_deref(), self.clock.now()).await?;
        Ok(Read { presented: Presented::Access(identity), newcomer: Some(nickname) })
    }

    /// The claims of a token signed with one of this server's keys; `None` for others.
    fn own(&self, token: &str, kid: Option<&str>) -> Result<Option<OwnClaims>, Rejection> {
        for key in self.keys.named(kid) {
            match jsonwebtoken::decode::<OwnClaims>(token, key, &self.validation) {
                Ok(data) => return Ok(Some(data.claims)),
                Err(error) if matches!(error.kind(), ErrorKind::ExpiredSignature) => return Err(expired()),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    fn presented(&self, read: &OwnClaims) -> Result<Presented, Rejection> {
        let now = self.clock.now();
        let identity = read.identity(now)?;
        match (read.token_use.as_str(), read.jti, read.session_exp) {
            (ACCESS, ..) => Ok(Presented::Access(identity)),
            (TICKET, Some(id), Some(end)) => {
                let begin = read.session_iat.unwrap_or(read.iat);
                Ok(Presented::Ticket(id, claims::identity(read.sub, begin, end, read.sid, now)?))
            }
            _ => Err(wrong()),
        }
    }
}

/// What every token must be.
pub fn expected(algorithm: Algorithm, issuer: &str, audience: &str) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.validate_nbf = true;
    validation.leeway = LEEWAY_SECS;
    validation
}

pub fn expired() -> Rejection {
    Rejection::new(ErrorCode::TokenExpired, "the access token has expired: refresh it")
}
