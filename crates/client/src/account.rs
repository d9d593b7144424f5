//! Access tokens: where a connection gets its token from, and a logged-in user that keeps it fresh.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use chat_protocol::UserId;
use tokio::sync::Mutex;

use crate::rest::{RestClient, RestError, Session};

/// A token that ends this soon is renewed before it is used.
const FRESH: Duration = Duration::from_secs(10);

/// Gives access tokens to a [`crate::Client`].
#[async_trait]
pub trait TokenProvider: Send + Sync + 'static {
    /// An access token; with `renew` not the one given last, because the server refused it.
    async fn token(&self, renew: bool) -> Result<String, RestError>;
}

/// Always the same token.
#[derive(Debug, Clone)]
pub struct StaticToken(pub String);

#[async_trait]
impl TokenProvider for StaticToken {
    async fn token(&self, _renew: bool) -> Result<String, RestError> {
        Ok(self.0.clone())
    }
}

/// A logged-in user. Refreshes the session when it ends, and logs in again when that is refused.
#[derive(Debug)]
pub struct Account {
    rest: RestClient,
    email: String,
    password: String,
    user_id: UserId,
    session: Mutex<(Session, Instant)>,
}

impl Account {
    /// Logs in.
    pub async fn login(rest: &RestClient, email: &str, password: &str) -> Result<Self, RestError> {
        let session = rest.login(email, password).await?;
        Ok(Self::from_session(rest, email, password, session))
    }

    /// Creates the account.
    pub async fn signup(rest: &RestClient, email: &str, password: &str, nickname: &str) -> Result<Self, RestError> {
        let session = rest.signup(email, password, nickname).await?;
        Ok(Self::from_session(rest, email, password, session))
    }

    fn from_session(rest: &RestClient, email: &str, password: &str, session: Session) -> Self {
        Self {
            rest: rest.clone(),
            email: email.to_owned(),
            password: password.to_owned(),
            user_id: session.user_id,
            session: Mutex::new((session, Instant::now())),
        }
    }

    /// Who.
    pub fn user_id(&self) -> UserId {
        self.user_id
    }

    /// A REST client with a token that is good for the next call.
    pub async fn rest(&self) -> Result<RestClient, RestError> {
        Ok(self.rest.with_token(self.token(false).await?))
    }
}

#[async_trait]
impl TokenProvider for Account {
    async fn token(&self, renew: bool) -> Result<String, RestError> {
        // Held over the calls on purpose: a refresh token works once, so two tasks must not use it at the same time.
        let mut guard = self.session.lock().await;
        let (session, obtained) = &*guard;
        let fresh = obtained.elapsed() + FRESH < Duration::from_secs(session.expires_in);
        if fresh && !renew {
            return Ok(session.access_token.clone());
        }
        let session = match self.rest.refresh(&session.refresh_token).await {
            Err(error) if error.is_unauthorized() => self.rest.login(&self.email, &self.password).await?,
            refreshed => refreshed?,
        };
        let token = session.access_token.clone();
        *guard = (session, Instant::now());
        Ok(token)
    }
}
