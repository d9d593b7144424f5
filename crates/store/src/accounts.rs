//! Users.

use chat_protocol::UserId;
use tokio_postgres::Row;

use crate::{Store, StoreError, queries, row};

/// A new account with a password.
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

/// An account as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: UserId,
    /// Lower-cased address; accounts of an identity provider have none.
    pub email: Option<String>,
    /// The name shown.
    pub nickname: String,
    /// argon2id, PHC string; accounts of an identity provider have none.
    pub password_hash: Option<String>,
}

/// What others see of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName {
    /// Whose.
    pub id: UserId,
    /// The name shown.
    pub nickname: String,
}

fn account(row: &Row) -> Result<Account, StoreError> {
    Ok(Account {
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
    pub async fn user_by_email(&self, email: &str) -> Result<Option<Account>, StoreError> {
        self.rows(queries::USER_BY_EMAIL, &[&email]).await?.first().map(account).transpose()
    }

    /// The account of an id.
    pub async fn user_by_id(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        self.rows(queries::USER_BY_ID, &[&id.0]).await?.first().map(account).transpose()
    }

    /// Users whose nickname starts with `prefix`, case ignored.
    pub async fn users_by_prefix(&self, prefix: &str, limit: u32) -> Result<Vec<UserName>, StoreError> {
        let escaped = prefix.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let rows = self.rows(queries::USERS_BY_PREFIX, &[&escaped, &i64::from(limit)]).await?;
        rows.iter()
            .map(|row| Ok(UserName { id: row::user_id(row, "id")?, nickname: row.try_get("nickname")? }))
            .collect()
    }

    /// Makes the account of somebody whom an identity provider knows, unless it is there.
    pub async fn create_external_user(&self, id: UserId, nickname: &str) -> Result<(), StoreError> {
        self.execute(queries::CREATE_EXTERNAL_USER, &[&id.0, &nickname]).await.map(drop)
    }

    /// Changes the name shown; `None` when there is no such user.
    pub async fn set_nickname(&self, id: UserId, nickname: &str) -> Result<Option<Account>, StoreError> {
        self.rows(queries::SET_NICKNAME, &[&id.0, &nickname]).await?.first().map(account).transpose()
    }
}
