//! Users and their refresh tokens.

use chat_protocol::UserId;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{Store, StoreError, queries, row};

/// An account.
#[derive(Debug, Clone)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Lower-cased address.
    pub email: String,
    /// The name shown.
    pub nickname: String,
    /// argon2id, PHC string.
    pub password_hash: String,
}

/// What others see of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName {
    /// Whose.
    pub id: UserId,
    /// The name shown.
    pub nickname: String,
}

/// What using a refresh token met.
#[derive(Debug, Clone)]
pub struct RefreshUse {
    /// All tokens that descend from one login.
    pub family_id: Uuid,
    /// Whose.
    pub user_id: UserId,
    /// End of its life.
    pub expires_at: Timestamp,
    /// It had been used before: somebody else has a copy.
    pub reused: bool,
}

fn user(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: row::user_id(row, "id")?,
        email: row.try_get("email")?,
        nickname: row.try_get("nickname")?,
        password_hash: row.try_get("password_hash")?,
    })
}

impl Store {
    /// Stores a new account; `false` when the address is taken.
    pub async fn create_user(&self, user: &User) -> Result<bool, StoreError> {
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&user.id.0, &user.email, &user.nickname, &user.password_hash];
        Ok(self.execute(queries::CREATE_USER, &params).await? == 1)
    }

    /// The account of a lower-cased address.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        self.rows(queries::USER_BY_EMAIL, &[&email]).await?.first().map(user).transpose()
    }

    /// The account of an id.
    pub async fn user_by_id(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.rows(queries::USER_BY_ID, &[&id.0]).await?.first().map(user).transpose()
    }

    /// Users whose nickname starts with `prefix`, case ignored.
    pub async fn users_by_prefix(&self, prefix: &str, limit: u32) -> Result<Vec<UserName>, StoreError> {
        let escaped = prefix.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let rows = self.rows(queries::USERS_BY_PREFIX, &[&escaped, &i64::from(limit)]).await?;
        rows.iter()
            .map(|row| Ok(UserName { id: row::user_id(row, "id")?, nickname: row.try_get("nickname")? }))
            .collect()
    }

    /// Stores the hash of a new refresh token.
    pub async fn add_refresh_token(
        &self,
        token_hash: &[u8],
        family_id: Uuid,
        user_id: UserId,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(queries::ADD_REFRESH_TOKEN, &[&token_hash, &family_id, &user_id.0, &expires_at]).await.map(drop)
    }

    /// Uses a refresh token up; `None` when it is unknown.
    pub async fn use_refresh_token(&self, token_hash: &[u8]) -> Result<Option<RefreshUse>, StoreError> {
        let rows = self.rows(queries::USE_REFRESH_TOKEN, &[&token_hash]).await?;
        let found = rows.first().map(|row| {
            Ok::<_, StoreError>(RefreshUse {
                family_id: row.try_get("family_id")?,
                user_id: row::user_id(row, "user_id")?,
                expires_at: row.try_get("expires_at")?,
                reused: row.try_get("reused")?,
            })
        });
        found.transpose()
    }

    /// Ends a login: none of its refresh tokens works any more.
    pub async fn revoke_refresh_family(&self, family_id: Uuid) -> Result<(), StoreError> {
        self.execute(queries::REVOKE_REFRESH_FAMILY, &[&family_id]).await.map(drop)
    }
}
