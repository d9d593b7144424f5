//! A schema of its own on a PostgreSQL, rooms to read in, and a Redis.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::Context as _;
use chat_protocol::{RoomId, UserId};
use chat_redis::{RedisConfig, RedisPool};
use chat_service::Secret;
use chat_store::{PostgresConfig, Store};
use rand::{SeedableRng as _, rngs::StdRng};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use super::{Case, Row, postgres::Connections};
use crate::cpu::Processes;

const ROOMS: &str = include_str!("../../sql/rooms.sql");
const MEMBERS: &str = "SELECT m.room_id, m.user_id, r.name = 'room 0' FROM room_members m JOIN rooms r ON r.id = m.room_id ORDER BY m.user_id";

/// Where PostgreSQL and Redis are.
#[derive(Debug, Clone)]
pub struct Place {
    /// `postgres://user:password@host:port/database`
    pub postgres: String,
    /// `redis://host:port`
    pub redis: String,
    /// Connections to PostgreSQL, and as many to Redis.
    pub connections: usize,
    /// People, each with a room of its own: as many as there are readers at most.
    pub people: usize,
    /// Entries of the room that all are in: more than one cell can read.
    pub long: i64,
    /// Entries of every other room.
    pub short: i64,
}

/// What every cell works with.
pub struct Scene {
    /// The real store, for what the services do.
    pub store: Store,
    pub(super) connections: Arc<Connections>,
    /// Processes that work for it.
    pub processes: Processes,
    /// Begins the name of every key.
    prefix: String,
    redis_url: String,
    admin: Client,
    config: PostgresConfig,
    one_mark: Vec<Arc<Row>>,
    one_room: Vec<Arc<Row>>,
    many_rooms: Vec<Arc<Row>>,
}

impl Scene {
    /// Migrates and fills a schema.
    pub async fn open(place: &Place, stack: Option<&Path>) -> anyhow::Result<Self> {
        let name = format!("experiment_{}", Uuid::now_v7().simple());
        let config = PostgresConfig { url: Secret::new(place.postgres.clone()), schema: name.clone(), pool_size: 2 };
        chat_store::migrate(&config).await.context("migrations")?;
        let admin = connect(&config).await?;
        for (setting, value) in [("people", i64::try_from(place.people)?), ("long", place.long), ("short", place.short)]
        {
            admin.batch_execute(&format!("SET experiment.{setting} = '{value}'")).await?;
        }
        admin.batch_execute(ROOMS).await.context("filling the rooms")?;
        admin.batch_execute("VACUUM ANALYZE messages").await?;
        let random = &mut StdRng::seed_from_u64(1);
        let (mut one_room, mut many_rooms, mut first) = (Vec::new(), Vec::new(), None);
        for found in admin.query(MEMBERS, &[]).await? {
            let (room_id, user_id) = (RoomId(found.try_get(0)?), UserId(found.try_get(1)?));
            let of_all: bool = found.try_get(2)?;
            let rows = if of_all { &mut one_room } else { &mut many_rooms };
            rows.push(Arc::new(Row::new(room_id, user_id, place.short, random)));
            if of_all && first.is_none() {
                first = Some(Arc::new(Row::new(room_id, user_id, place.long, random)));
            }
        }
        Ok(Self {
            store: Store::new(&config)?,
            connections: Arc::new(Connections::open(&config, place.connections).await?),
            processes: stack.map_or_else(|| Ok(Processes::own()), Processes::of_stack)?,
            prefix: format!("{name}:"),
            redis_url: place.redis.clone(),
            one_mark: first.into_iter().collect(),
            one_room,
            many_rooms,
            admin,
            config,
        })
    }

    /// All rows that readers raise in a case.
    pub fn rows(&self, case: Case) -> &[Arc<Row>] {
        match case {
            Case::OneMark => &self.one_mark,
            Case::OneRoom => &self.one_room,
            Case::ManyRooms => &self.many_rooms,
        }
    }

    /// Nobody has read anything, and no row has a past. Returns Redis under names that nobody used.
    pub async fn begin_again(&self, case: Case) -> anyhow::Result<RedisPool> {
        self.admin
            .batch_execute("UPDATE room_members SET read_seq = 1, read_number = 0, version = 0 WHERE read_seq > 1")
            .await?;
        self.admin.batch_execute("TRUNCATE taken_back").await?;
        self.admin.batch_execute("VACUUM room_members").await?;
        for row in self.rows(case) {
            row.begin_again();
        }
        let key_prefix = format!("{}{}:", self.prefix, Uuid::now_v7().simple());
        let config =
            RedisConfig { url: Secret::new(self.redis_url.clone()), key_prefix, pool_size: self.connections.count() };
        Ok(RedisPool::new(&config)?)
    }

    /// How often a write took a mark back.
    pub async fn taken_back(&self) -> anyhow::Result<usize> {
        let count: i64 = self.admin.query_one("SELECT count(*) FROM taken_back", &[]).await?.try_get(0)?;
        Ok(usize::try_from(count)?)
    }

    /// Every mark as PostgreSQL has it.
    pub async fn stored(&self) -> anyhow::Result<BTreeMap<(RoomId, UserId), i64>> {
        let rows = self.admin.query("SELECT room_id, user_id, read_seq FROM room_members", &[]).await?;
        let mark =
            |row: &tokio_postgres::Row| Ok(((RoomId(row.try_get(0)?), UserId(row.try_get(1)?)), row.try_get(2)?));
        rows.iter().map(mark).collect()
    }

    /// Removes the schema. Keys in Redis go by themselves.
    pub async fn drop(self) -> anyhow::Result<()> {
        drop(self.admin);
        drop(self.connections);
        Ok(chat_store::drop_schema(&self.config).await?)
    }
}

/// A connection as the store makes them.
pub(super) async fn connect(config: &PostgresConfig) -> anyhow::Result<Client> {
    let mut postgres: tokio_postgres::Config = config.url.expose().parse()?;
    let limits = "statement_timeout=30s -c lock_timeout=30s -c jit=off -c client_min_messages=warning";
    postgres.options(format!("-c search_path={} -c {limits}", config.schema));
    let (client, connection) = postgres.connect(NoTls).await.context("PostgreSQL")?;
    // Ends with the client.
    drop(tokio::spawn(connection));
    Ok(client)
}
