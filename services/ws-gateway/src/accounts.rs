//! Sign-up, log-in and refresh: passwords, refresh tokens that are used once; and the ends of log-ins.

use std::{sync::Arc, time::Duration};

use chat_protocol::{ErrorCode, Rejection, UserId};
use chat_service::Clock;
use chat_store::{Rotation, Store, User};
use jiff::{SignedDuration, Timestamp};
use prometheus::IntCounter;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    auth::{AuthConfig, Identity, Logins, Tokens},
    error::Refusal,
    passwords::{self, Passwords},
};

/// What has expired is deleted this often, …
const SWEEP_EVERY: Duration = Duration::from_hours(1);
/// … so many rows at once.
const SWEEP_ROWS: u32 = 10_000;

/// Accounts.
pub struct Accounts {
    store: Store,
    tokens: Tokens,
    logins: Logins,
    clock: Arc<dyn Clock>,
    /// Whether one can sign up and log in here.
    local: bool,
    refresh_ttl: SignedDuration,
    passwords: Passwords,
    /// Checked when there is no such user, so that the answer takes as long.
    decoy_hash: String,
}

/// What accounts are made of.
pub struct Parts {
    /// PostgreSQL.
    pub store: Store,
    /// Makes access tokens.
    pub tokens: Tokens,
    /// Told when some end.
    pub logins: Logins,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Counts passwords hashed.
    pub hashes: IntCounter,
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
    pub fn new(config: &AuthConfig, parts: Parts) -> Result<Self, Rejection> {
        let Parts { store, tokens, logins, clock, hashes } = parts;
        let days = i64::try_from(config.refresh_ttl_days).unwrap_or(i64::MAX);
        Ok(Self {
            store,
            tokens,
            logins,
            clock,
            local: config.local_accounts,
            refresh_ttl: SignedDuration::from_hours(days.saturating_mul(24)),
            passwords: Passwords::new(config.hash_concurrency, hashes),
            decoy_hash: passwords::hash("no such user")?,
        })
    }

    /// Creates an account and logs it in. Inputs are validated already.
    pub async fn sign_up(&self, email: &str, nickname: &str, password: String) -> Result<Login, Refusal> {
        self.check_local()?;
        let password_hash = self.passwords.hash(password).await?;
        let id = UserId::generate();
        let user = User { id, email: email.to_lowercase(), nickname: nickname.to_owned(), password_hash };
        if !self.store.create_user(&user).await? {
            return Err(
                Rejection::new(ErrorCode::EmailTaken, "email has an account: log in, or use another address").into()
            );
        }
        self.logged_in(id, &user.password_hash).await
    }

    /// Checks a password. Unknown addresses take the same work and get the same answer.
    pub async fn log_in(&self, email: &str, password: String) -> Result<Login, Refusal> {
        self.check_local()?;
        let wrong = || Rejection::new(ErrorCode::InvalidCredentials, "email or password is wrong");
        let account = self.store.user_by_email(&email.to_lowercase()).await?;
        let known = account.and_then(|account| Some((account.id, account.password_hash?)));
        let expected = known.as_ref().map_or_else(|| self.decoy_hash.clone(), |(_, expected)| expected.clone());
        let correct = self.passwords.verify(password, expected).await?;
        let (id, checked) = known.filter(|_| correct).ok_or_else(wrong)?;
        self.logged_in(id, &checked).await
    }

    /// Exchanges a refresh token. One that was used before has been copied: its log-in ends, with its access tokens and connections.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Login, Refusal> {
        self.check_local()?;
        let (next, now) = (new_refresh_token(), self.clock.now());
        let (used, next_hash) = (digest(refresh_token), digest(&next));
        match self.store.rotate_refresh_token(&used, &next_hash, self.refresh_end(now)?, now).await? {
            Rotation::Rotated { login_id, user_id } => self.login(user_id, login_id, next).map_err(Refusal::from),
            Rotation::Reused { user_id } => {
                tracing::warn!(user.id = %user_id, "refresh token used twice, log-in ended");
                self.logins.ended(user_id).await;
                Err(wrong_refresh_token().into())
            }
            Rotation::Expired | Rotation::Unknown => Err(wrong_refresh_token().into()),
        }
    }

    /// Ends a log-in, with its access tokens and connections; unknown tokens are fine.
    pub async fn log_out(&self, refresh_token: &str) -> Result<(), Refusal> {
        if let Some(user_id) = self.store.end_login(&digest(refresh_token)).await? {
            self.logins.ended(user_id).await;
        }
        Ok(())
    }

    /// Ends all log-ins of a user.
    pub async fn log_out_everywhere(&self, user_id: UserId) -> Result<(), Refusal> {
        self.store.end_logins(user_id).await?;
        self.logins.ended(user_id).await;
        Ok(())
    }

    /// Changes the password of whoever knows the present one, and ends their other log-ins.
    pub async fn change_password(&self, identity: Identity, current: String, new: String) -> Result<(), Refusal> {
        self.check_local()?;
        let wrong = || Rejection::new(ErrorCode::InvalidCredentials, "currentPassword is wrong");
        let none =
            || Rejection::new(ErrorCode::Forbidden, "this account has no password: the identity provider keeps it");
        let account = self.store.user_by_id(identity.user_id).await?.ok_or_else(no_such_user)?;
        let checked = account.password_hash.ok_or_else(none)?;
        if !self.passwords.verify(current, checked.clone()).await? {
            return Err(wrong().into());
        }
        let new_hash = self.passwords.hash(new).await?;
        if !self.store.change_password(identity.user_id, &checked, &new_hash, identity.login).await? {
            return Err(wrong().into());
        }
        self.logins.ended(identity.user_id).await;
        Ok(())
    }

    fn check_local(&self) -> Result<(), Rejection> {
        if self.local {
            return Ok(());
        }
        let message = "this server keeps no passwords (auth.local_accounts): log in with the identity provider";
        Err(Rejection::new(ErrorCode::Forbidden, message))
    }

    async fn logged_in(&self, user_id: UserId, checked: &str) -> Result<Login, Refusal> {
        let (login_id, refresh_token) = (Uuid::now_v7(), new_refresh_token());
        let expires_at = self.refresh_end(self.clock.now())?;
        if !self.store.open_login(user_id, checked, login_id, &digest(&refresh_token), expires_at).await? {
            // Changed since it was checked.
            return Err(Rejection::new(ErrorCode::InvalidCredentials, "email or password is wrong").into());
        }
        Ok(self.login(user_id, login_id, refresh_token)?)
    }

    fn login(&self, user_id: UserId, login_id: Uuid, refresh_token: String) -> Result<Login, Rejection> {
        let access_token = self.tokens.issue(user_id, login_id)?;
        Ok(Login { user_id, access_token, refresh_token, expires_in_secs: self.tokens.access_ttl().as_secs() })
    }

    fn refresh_end(&self, now: Timestamp) -> Result<Timestamp, Rejection> {
        now.saturating_add(self.refresh_ttl).map_err(|_| internal())
    }
}

/// Deletes what has expired, until `stop`. Gateways may do it at the same time.
pub async fn sweep(store: Store, stop: CancellationToken) {
    loop {
        let mut rows = u64::from(SWEEP_ROWS);
        while rows >= u64::from(SWEEP_ROWS) && !stop.is_cancelled() {
            rows = store.sweep_logins(SWEEP_ROWS).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "expired log-ins not deleted");
                0
            });
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP_EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

fn new_refresh_token() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

fn wrong_refresh_token() -> Rejection {
    Rejection::new(ErrorCode::Unauthorized, "the refresh token is not valid: log in again")
}

/// A token may outlive its user, or never have had one.
pub fn no_such_user() -> Rejection {
    Rejection::new(ErrorCode::UserNotFound, "this token's user does not exist")
}

fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

fn internal() -> Rejection {
    Rejection::new(ErrorCode::Internal, "accounts are not available just now")
}
