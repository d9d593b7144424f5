//! What can go wrong, and whether to try again.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection in time, or none at all.
    #[error("no connection to PostgreSQL")]
    Pool(#[source] PoolError),
    /// PostgreSQL answered with an error, or the connection broke.
    #[error("{}", describe(.0))]
    Query(#[from] tokio_postgres::Error),
    /// PostgreSQL did not answer in time; whether it did what was asked is not known.
    #[error("no answer from PostgreSQL within {0:?}")]
    NoAnswer(std::time::Duration),
    /// A row is not what the schema promises.
    #[error("unexpected data in PostgreSQL: {0}")]
    Data(String),
    /// A migration failed.
    #[error("migration: {0}")]
    Migration(#[from] refinery::Error),
    /// The settings cannot be used.
    #[error("invalid PostgreSQL settings: {0}")]
    Config(String),
}

/// The server's own words where there are any: the driver's text is only "db error".
fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("PostgreSQL: {} ({})", db.message(), db.code().code()),
        None => format!("PostgreSQL: {error}"),
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Query(error),
            other => Self::Pool(other),
        }
    }
}

impl StoreError {
    /// Whether repeating the same call can never succeed: SQLSTATE class 22 (data exception) or 23 (constraint violation). Everything
    /// else (connection, time-out, deadlock, disk full, read-only, a schema not yet migrated) may pass and is to be repeated.
    pub fn is_permanent(&self) -> bool {
        let class = |state: &SqlState| state.code().starts_with("22") || state.code().starts_with("23");
        match self {
            Self::Query(error) => error.code().is_some_and(class),
            _ => false,
        }
    }
}
