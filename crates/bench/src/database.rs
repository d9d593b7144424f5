//! A schema of its own on a PostgreSQL, and the connection that fills it and asks for plans.

use std::time::Instant;

use anyhow::Context as _;
use chat_service::Secret;
use chat_store::PostgresConfig;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

const SEED: &str = include_str!("../sql/seed.sql");

/// A migrated, filled schema.
pub struct Database {
    pub config: PostgresConfig,
    pub client: Client,
}

impl Database {
    /// Migrates a new schema, or opens the one that an earlier run left.
    pub async fn open(url: &str, left: Option<&str>) -> anyhow::Result<Self> {
        let schema = left.map_or_else(|| format!("bench_{}", Uuid::now_v7().simple()), str::to_owned);
        let config = PostgresConfig { url: Secret::new(url.to_owned()), schema, pool_size: 2 };
        if left.is_none() {
            chat_store::migrate(&config).await.context("migrations")?;
        }
        let mut postgres: tokio_postgres::Config = url.parse()?;
        postgres.options(format!("-c search_path={} -c client_min_messages=warning -c jit=off", config.schema));
        let (client, connection) = postgres.connect(NoTls).await.context("connect")?;
        // Ends with the client.
        drop(tokio::spawn(connection));
        Ok(Self { config, client })
    }

    /// Puts messages, rooms and people into it; tells each step and how long it took.
    pub async fn fill(&self, messages: u64, tell: impl Fn(&str, bool)) -> anyhow::Result<()> {
        self.client.batch_execute(&format!("SET bench.messages = '{messages}'")).await?;
        for step in SEED.split("-- step: ").skip(1) {
            let (name, sql) = step.split_once('\n').context("a step has a name")?;
            tell(&format!("{name} …"), false);
            let started = Instant::now();
            // VACUUM must stand alone; the others may be many statements.
            self.client.batch_execute(sql).await.with_context(|| format!("step {name}"))?;
            tell(&format!("{name}: {:.1} s", started.elapsed().as_secs_f64()), true);
        }
        Ok(())
    }

    /// One value as text.
    pub async fn value(&self, sql: &str) -> anyhow::Result<String> {
        let row = self.client.query_one(&format!("SELECT ({sql})::TEXT"), &[]).await?;
        row.try_get::<_, Option<String>>(0)?.with_context(|| format!("{sql} is NULL"))
    }

    pub async fn drop(self) -> anyhow::Result<()> {
        drop(self.client);
        Ok(chat_store::drop_schema(&self.config).await?)
    }
}
