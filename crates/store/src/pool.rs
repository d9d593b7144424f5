//! The connection pool.

use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::{NoTls, Row, types::ToSql};

use crate::{PostgresConfig, StoreError};

/// Handle to PostgreSQL. Cheap to clone; connections are made when they are needed.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
}

/// A little more than the server's own limit of a statement: only a server that does not answer at all meets it.
const CALL_LIMIT: Duration = Duration::from_secs(6);
/// Server-side limits: a call that cannot finish in time fails and is repeated, instead of holding rooms locked. Compiling is off: the estimate for a
/// long room list passes its threshold, and it takes longer than any of the queries.
const SERVER_LIMITS: &str =
    "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=5s -c jit=off";

/// Driver settings for one connection.
pub(crate) fn connection_config(config: &PostgresConfig, options: &str) -> Result<tokio_postgres::Config, StoreError> {
    let mut postgres: tokio_postgres::Config =
        config.url.expose().parse().map_err(|error: tokio_postgres::Error| StoreError::Config(error.to_string()))?;
    postgres
        .options(format!("-c search_path={} {options}", config.schema))
        .application_name("realtime-chat")
        .connect_timeout(Duration::from_secs(3))
        .keepalives_idle(Duration::from_secs(10))
        .tcp_user_timeout(Duration::from_secs(10));
    Ok(postgres)
}

impl Store {
    /// A pool after the settings; connects to nothing yet.
    pub fn new(config: &PostgresConfig) -> Result<Self, StoreError> {
        let postgres = connection_config(config, SERVER_LIMITS)?;
        let manager = Manager::from_config(postgres, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let wait = Some(Duration::from_secs(5));
        let pool = Pool::builder(manager)
            .max_size(config.pool_size)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts { wait, create: wait, recycle: wait })
            .build()
            .map_err(|error| StoreError::Config(error.to_string()))?;
        Ok(Self { pool })
    }

    /// Asks PostgreSQL for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.rows("SELECT 1", &[]).await.map(drop)
    }

    /// Runs a query with a statement prepared once per connection.
    ///
    /// A connection that died while it was idle fails here once; reads could be repeated by the caller, so could every write: all are
    /// idempotent.
    pub(crate) async fn rows(
        &self,
        query: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        self.within_limit(async |client| {
            let statement = client.prepare_cached(query).await?;
            client.query(&statement, params).await
        })
        .await
    }

    /// The same for statements without rows; the number of rows affected.
    pub(crate) async fn execute(&self, query: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        self.within_limit(async |client| {
            let statement = client.prepare_cached(query).await?;
            client.execute(&statement, params).await
        })
        .await
    }

    /// A server that is frozen, or behind a broken network, never answers: the call ends all the same, and its connection is not used again.
    async fn within_limit<T>(
        &self,
        call: impl AsyncFnOnce(&ClientWrapper) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, StoreError> {
        let client = self.pool.get().await?;
        if let Ok(result) = tokio::time::timeout(CALL_LIMIT, call(&client)).await {
            return Ok(result?);
        }
        drop(Object::take(client));
        Err(StoreError::NoAnswer(CALL_LIMIT))
    }

    /// Prepares a query, for the test that does it with each.
    pub async fn prepare(&self, query: &'static str) -> Result<(), StoreError> {
        let client = self.pool.get().await?;
        client.prepare(query).await?;
        Ok(())
    }
}
