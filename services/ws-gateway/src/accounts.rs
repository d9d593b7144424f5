//! Sign-up, log-in and refresh: passwords by argon2id, refresh tokens that are used once.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use chat_protocol::{ErrorCode, Rejection, UserId};
use chat_service::Clock;
use chat_store::{Store, User};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    auth::{AuthConfig, Tokens},
    error::Refusal,
};

/// Accounts.
pub struct Accounts {
    store: Store,
    tokens: Tokens,
    clock: Arc<dyn Clock>,
    refresh_ttl: SignedDuration,
    /// As many hashes at once as configured: each takes memory and a core.
    hashing: Arc<Semaphore>,
    /// Checked when there is no such user, so that the answer takes as long.
    decoy_hash: String,
}

/// What a log-in gives.
#[derive(Debug)]
pub struct Login {
    /// Who.
    pub user_id: UserId,
    /// For the next minutes.
    pub access_token: String,
    /// For a new pair, once.
    pub refresh_token: String,
    /// Life of the access token.
    pub expires_in_secs: u64,
}

impl Accounts {
    /// After the settings.
    pub fn new(config: &AuthConfig, store: Store, tokens: Tokens, clock: Arc<dyn Clock>) -> Result<Self, Rejection> {
        let days = i64::try_from(config.refresh_ttl_days).unwrap_or(i64::MAX);
        Ok(Self {
            store,
            tokens,
            clock,
            refresh_ttl: SignedDuration::from_hours(days.saturating_mul(24)),
            hashing: Arc::new(Semaphore::new(config.hash_concurrency)),
            decoy_hash: hash("no such user")?,
        })
    }

    /// Creates an account and logs it in. Inputs are validated already.
    pub async fn sign_up(&self, email: &str, nickname: &str, password: String) -> Result<Login, Refusal> {
        let password_hash = self.on_hashing_thread(move || hash(&password)).await??;
        let id = UserId::generate();
        let user = User { id, email: email.to_lowercase(), nickname: nickname.to_owned(), password_hash };
        if !self.store.create_user(&user).await? {
            return Err(
                Rejection::new(ErrorCode::EmailTaken, "email has an account: log in, or use another address").into()
            );
        }
        self.logged_in(id, Uuid::now_v7()).await
    }

    /// Checks a password. Unknown addresses take the same work and get the same answer.
    pub async fn log_in(&self, email: &str, password: String) -> Result<Login, Refusal> {
        let user = self.store.user_by_email(&email.to_lowercase()).await?;
        let (id, expected) = match user {
            Some(user) => (Some(user.id), user.password_hash),
            None => (None, self.decoy_hash.clone()),
        };
        let correct = self.on_hashing_thread(move || verify(&password, &expected)).await?;
        match id.filter(|_| correct) {
            Some(id) => self.logged_in(id, Uuid::now_v7()).await,
            None => Err(Rejection::new(ErrorCode::InvalidCredentials, "email or password is wrong").into()),
        }
    }

    /// Exchanges a refresh token. One that was used before has been copied: the whole family ends.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Login, Refusal> {
        let wrong = || Rejection::new(ErrorCode::Unauthorized, "the refresh token is not valid: log in again");
        let used = self.store.use_refresh_token(&digest(refresh_token)).await?.ok_or_else(wrong)?;
        if used.reused {
            self.store.revoke_refresh_family(used.family_id).await?;
            tracing::warn!(user.id = %used.user_id, "refresh token used twice, family revoked");
            return Err(wrong().into());
        }
        if used.expires_at <= self.clock.now() {
            return Err(wrong().into());
        }
        self.logged_in(used.user_id, used.family_id).await
    }

    /// Ends a log-in; unknown tokens are fine.
    pub async fn log_out(&self, refresh_token: &str) -> Result<(), Refusal> {
        if let Some(used) = self.store.use_refresh_token(&digest(refresh_token)).await? {
            self.store.revoke_refresh_family(used.family_id).await?;
        }
        Ok(())
    }

    async fn logged_in(&self, user_id: UserId, family_id: Uuid) -> Result<Login, Refusal> {
        let now = self.clock.now();
        let access_token = self.tokens.issue(user_id, now)?;
        let refresh_token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let expires_at = now.saturating_add(self.refresh_ttl).map_err(|_| internal())?;
        self.store.add_refresh_token(&digest(&refresh_token), family_id, user_id, expires_at).await?;
        Ok(Login { user_id, access_token, refresh_token, expires_in_secs: self.tokens.access_ttl().as_secs() })
    }

    async fn on_hashing_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Rejection> {
        let _permit = self.hashing.acquire().await.map_err(|_| internal())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| internal())
    }
}

fn hash(password: &str) -> Result<String, Rejection> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(|_| internal())
}

fn verify(password: &str, expected: &str) -> bool {
    PasswordHash::new(expected).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

fn internal() -> Rejection {
    Rejection::new(ErrorCode::Internal, "accounts are not available just now")
}
