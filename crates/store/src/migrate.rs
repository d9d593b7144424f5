//! Schema migrations, from the `migrations` folder, embedded.

use tokio_postgres::NoTls;

use crate::{PostgresConfig, StoreError, pool::connection_config};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// Key of the advisory lock under which migrations run ("chat" in ASCII).
const LOCK: i64 = 0x6368_6174;

/// Creates the schema if need be and applies what is missing. Safe when run twice at once: the second waits. Returns what was applied now.
pub async fn migrate(config: &PostgresConfig) -> Result<Vec<String>, StoreError> {
    let (mut client, connection) = connection_config(config, "")?.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", config.schema)).await?;
    let report = embedded::migrations::runner().run_async(&mut client).await?;
    let applied = report.applied_migrations().iter().map(ToString::to_string).collect();
    // Ending the session releases the lock.
    drop(client);
    driver.await.map_err(|error| StoreError::Data(error.to_string()))??;
    Ok(applied)
}

/// Drops the schema with everything in it: for tests.
pub async fn drop_schema(config: &PostgresConfig) -> Result<(), StoreError> {
    let (client, connection) = connection_config(config, "")?.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    client.batch_execute(&format!("DROP SCHEMA IF EXISTS {} CASCADE", config.schema)).await?;
    drop(client);
    driver.await.map_err(|error| StoreError::Data(error.to_string()))??;
    Ok(())
}
