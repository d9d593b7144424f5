//! Ways to raise a mark by statements of PostgreSQL, a mark each.

use std::sync::{Mutex, PoisonError};

use chat_store::PostgresConfig;
use tokio::sync::Semaphore;
use tokio_postgres::{Client, Statement};

use super::{Row, scene, strategy::Marked};

const READ: &str = "SELECT read_seq, version FROM room_members WHERE room_id = $1 AND user_id = $2";
const LOCK: &str = "SELECT read_seq, version FROM room_members WHERE room_id = $1 AND user_id = $2 FOR UPDATE";
const WRITE: &str = "UPDATE room_members SET read_seq = $3::BIGINT, read_number = $3::BIGINT - 1, read_at = now() WHERE room_id = $1 AND user_id = $2";
const WRITE_VERSION: &str = "UPDATE room_members SET read_seq = $3::BIGINT, read_number = $3::BIGINT - 1, read_at = now(), version = version + 1 \
                             WHERE room_id = $1 AND user_id = $2 AND version = $4";
const WRITE_IF_AHEAD: &str = "UPDATE room_members SET read_seq = $3::BIGINT, read_number = $3::BIGINT - 1, read_at = now() \
                              WHERE room_id = $1 AND user_id = $2 AND read_seq < $3";

/// Connections with their statements prepared; readers wait for a free one, as they do in a service.
pub struct Connections {
    free: Mutex<Vec<Connection>>,
    permits: Semaphore,
    count: usize,
}

struct Connection {
    client: Client,
    read: Statement,
    lock: Statement,
    write: Statement,
    write_version: Statement,
    write_if_ahead: Statement,
}

impl Connections {
    /// Opens all of them.
    pub async fn open(config: &PostgresConfig, count: usize) -> anyhow::Result<Self> {
        let mut free = Vec::new();
        for _ in 0..count {
            let client = scene::connect(config).await?;
            free.push(Connection {
                read: client.prepare(READ).await?,
                lock: client.prepare(LOCK).await?,
                write: client.prepare(WRITE).await?,
                write_version: client.prepare(WRITE_VERSION).await?,
                write_if_ahead: client.prepare(WRITE_IF_AHEAD).await?,
                client,
            });
        }
        Ok(Self { free: Mutex::new(free), permits: Semaphore::new(count), count })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Read, compare, write, with nothing that keeps others from doing so in between.
    pub async fn unprotected(&self, row: &Row, seq: i64) -> anyhow::Result<Marked> {
        self.with(async |connection| {
            let (stored, _) = connection.find(&connection.read, row).await?;
            if stored < seq {
                connection.client.execute(&connection.write, &[&row.room_id.0, &row.user_id.0, &seq]).await?;
            }
            Ok(Marked::found(stored))
        })
        .await
    }

    /// Read, compare, write if the row is still the version that was read; else once more.
    pub async fn optimistic(&self, row: &Row, seq: i64) -> anyhow::Result<Marked> {
        self.with(async |connection| {
            let mut marked = Marked::default();
            loop {
                let (stored, version) = connection.find(&connection.read, row).await?;
                let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                    [&row.room_id.0, &row.user_id.0, &seq, &version];
                if stored >= seq || connection.client.execute(&connection.write_version, &params).await? > 0 {
                    return Ok(Marked { found: Some(stored), ..marked });
                }
                marked.retries += 1;
            }
        })
        .await
    }

    /// Lock, compare, write, commit.
    pub async fn pessimistic(&self, row: &Row, seq: i64) -> anyhow::Result<Marked> {
        self.with(async |connection| {
            connection.client.batch_execute("BEGIN").await?;
            let (stored, _) = connection.find(&connection.lock, row).await?;
            if stored < seq {
                connection.client.execute(&connection.write, &[&row.room_id.0, &row.user_id.0, &seq]).await?;
            }
            connection.client.batch_execute("COMMIT").await?;
            Ok(Marked::found(stored))
        })
        .await
    }

    /// One statement that writes only if the mark is ahead: PostgreSQL compares again when it has waited for another writer.
    pub async fn conditional(&self, row: &Row, seq: i64) -> anyhow::Result<Marked> {
        self.with(async |connection| {
            let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&row.room_id.0, &row.user_id.0, &seq];
            let moved = connection.client.execute(&connection.write_if_ahead, &params).await? > 0;
            // What it was behind is not read back.
            Ok(Marked { found: moved.then_some(seq - 1), retries: 0 })
        })
        .await
    }

    /// A failed call ends the experiment: its connection is not used again.
    async fn with<T>(&self, work: impl AsyncFnOnce(&Connection) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let _permit = self.permits.acquire().await?;
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = free().pop().ok_or_else(|| anyhow::anyhow!("a connection was lost"))?;
        let worked = work(&connection).await?;
        free().push(connection);
        Ok(worked)
    }
}

impl Connection {
    async fn find(&self, statement: &Statement, row: &Row) -> anyhow::Result<(i64, i64)> {
        let found = self.client.query_one(statement, &[&row.room_id.0, &row.user_id.0]).await?;
        Ok((found.try_get(0)?, found.try_get(1)?))
    }
}
