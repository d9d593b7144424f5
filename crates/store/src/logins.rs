//! Log-ins: each is a family of refresh tokens, of which one works at a time. Access tokens name theirs, so that it can be ended.

use std::collections::HashMap;

use chat_protocol::UserId;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{Store, StoreError, queries, row};

/// What became of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// The next one is in its place.
    Rotated {
        /// The log-in.
        login_id: Uuid,
        /// Whose it is.
        user_id: UserId,
    },
    /// Its time is over.
    Expired,
    /// It had been used before: somebody else has a copy, and the log-in has ended.
    Reused {
        /// Whose it was.
        user_id: UserId,
    },
    /// There is no such token.
    Unknown,
}

/// Which access tokens of a user count no more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Tokens that name no log-in count only when they were issued after this.
    pub tokens_valid_after: Option<Timestamp>,
    /// Log-ins that ended lately.
    pub ended: Vec<Uuid>,
}

fn standing(row: &Row) -> Result<Standing, StoreError> {
    Ok(Standing { tokens_valid_after: row.try_get("tokens_valid_after")?, ended: row.try_get("ended")? })
}

impl Store {
    /// Begins a log-in with its first refresh token; `false` when the password is no longer the one that was checked.
    pub async fn open_login(
        &self,
        user_id: UserId,
        checked_hash: &str,
        login_id: Uuid,
        token_hash: &[u8],
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&user_id.0, &checked_hash, &login_id, &token_hash, &expires_at];
        let rows = self.rows(queries::OPEN_LOGIN, &params).await?;
        Ok(rows.first().map(|row| row.try_get("opened")).transpose()?.unwrap_or(false))
    }

    /// Exchanges a refresh token for the next one of its log-in.
    pub async fn rotate_refresh_token(
        &self,
        token_hash: &[u8],
        next_hash: &[u8],
        next_expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let rows = self.rows(queries::ROTATE_REFRESH_TOKEN, &[&token_hash, &next_hash, &next_expires_at, &now]).await?;
        let Some(row) = rows.first() else { return Ok(Rotation::Unknown) };
        let user_id = row::user_id(row, "owner_id")?;
        Ok(match row.try_get("outcome")? {
            "rotated" => Rotation::Rotated { login_id: row.try_get("login_id")?, user_id },
            "reused" => Rotation::Reused { user_id },
            _ => Rotation::Expired,
        })
    }

    /// Ends the log-in of a refresh token; whose it was, or `None` for an unknown token.
    pub async fn end_login(&self, token_hash: &[u8]) -> Result<Option<UserId>, StoreError> {
        let rows = self.rows(queries::END_LOGIN, &[&token_hash]).await?;
        let user_id: Option<Option<Uuid>> = rows.first().map(|row| row.try_get("user_id")).transpose()?;
        Ok(user_id.flatten().map(UserId))
    }

    /// Ends every log-in of a user.
    pub async fn end_logins(&self, user_id: UserId) -> Result<(), StoreError> {
        self.rows(queries::END_LOGINS, &[&user_id.0]).await.map(drop)
    }

    /// Changes a password and ends every log-in but `keep`; `false` when the password is no longer the one that was checked.
    pub async fn change_password(
        &self,
        user_id: UserId,
        checked_hash: &str,
        new_hash: &str,
        keep: Option<Uuid>,
    ) -> Result<bool, StoreError> {
        let rows = self.rows(queries::CHANGE_PASSWORD, &[&user_id.0, &checked_hash, &new_hash, &keep]).await?;
        Ok(rows.first().map(|row| row.try_get("changed")).transpose()?.unwrap_or(false))
    }

    /// Which access tokens of a user count no more; `None` when there is no such user.
    pub async fn standing(&self, user_id: UserId) -> Result<Option<Standing>, StoreError> {
        self.rows(queries::STANDING, &[&user_id.0]).await?.first().map(standing).transpose()
    }

    /// The same of many users at once; those whose tokens all count are not in it.
    pub async fn ended_logins(&self, user_ids: &[UserId]) -> Result<HashMap<UserId, Standing>, StoreError> {
        let ids: Vec<Uuid> = user_ids.iter().map(|id| id.0).collect();
        let rows = self.rows(queries::ENDED_LOGINS, &[&ids]).await?;
        rows.iter().map(|row| Ok((row::user_id(row, "id")?, standing(row)?))).collect()
    }

    /// Deletes refresh tokens that have expired and ended log-ins whose access tokens have, at most `limit` of each; how many it were.
    pub async fn sweep_logins(&self, limit: u32) -> Result<u64, StoreError> {
        let limit = i64::from(limit);
        let tokens = self.execute(queries::SWEEP_REFRESH_TOKENS, &[&limit]).await?;
        Ok(tokens + self.execute(queries::SWEEP_ENDED_LOGINS, &[&limit]).await?)
    }
}
