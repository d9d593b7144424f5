//! Connections for commands. Every wait is short: what needs Redis has another way, or tries again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use chat_protocol::redis_key::{Channel, Keys};
use deadpool_redis::{Connection, Hook, Manager, Pool, Runtime};
use redis::{AsyncConnectionConfig, IntoConnectionInfo as _, Pipeline, io::tcp::TcpSettings};

use crate::{Outdated, RedisConfig, RedisError};

const WAIT: Duration = Duration::from_millis(500);
/// A batch above this goes out as several pipelines, so that each is answered within [`WAIT`].
const PIPELINE_BYTES: usize = 1024 * 1024;

/// A pool of connections; clones share it.
#[derive(Clone)]
pub struct RedisPool {
    pool: Pool,
    keys: Keys,
    /// How many connections were made.
    made: Arc<AtomicU64>,
}

impl RedisPool {
    /// Makes the pool. Redis need not be there yet.
    pub fn new(config: &RedisConfig) -> Result<Self, RedisError> {
        let connections =
            AsyncConnectionConfig::new().set_connection_timeout(Some(WAIT)).set_response_timeout(Some(WAIT));
        let address = config.url.expose().into_connection_info().map_err(RedisError::Config)?;
        // A command larger than a packet must not wait for the acknowledgement of its beginning.
        let address = address.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let manager = Manager::new_with_config(address, connections).map_err(RedisError::Config)?;
        let made = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&made);
        let pool = Pool::builder(manager)
            .post_create(Hook::sync_fn(move |_, _| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }))
            .max_size(config.pool_size)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .recycle_timeout(Some(WAIT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(RedisError::Pool)?;
        Ok(Self { pool, keys: config.keys(), made })
    }

    /// The names of keys and channels.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Publishes all, in order. After an error some may have been published.
    pub async fn publish_all(&self, messages: &[(Channel, Bytes)]) -> Result<(), RedisError> {
        self.publish_after(&Outdated::default(), messages).await
    }

    /// The same, when nobody can be given any more what these messages make wrong: on the way of the first of them, without a wait of its
    /// own.
    pub async fn publish_after(&self, outdated: &Outdated, messages: &[(Channel, Bytes)]) -> Result<(), RedisError> {
        let mut drops = Pipeline::new();
        outdated.add_drops(&self.keys, &mut drops);
        let mut rest = messages;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |(_, payload): &&(Channel, Bytes)| {
                bytes += payload.len();
                bytes <= PIPELINE_BYTES
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (now, later) = rest.split_at(count);
            let mut pipeline = std::mem::replace(&mut drops, Pipeline::with_capacity(count));
            for (channel, payload) in now {
                pipeline.publish(self.keys.channel(*channel), &payload[..]).ignore();
            }
            self.run(&pipeline).await?;
            rest = later;
        }
        self.run(&drops).await
    }

    /// Asks for a sign of life.
    pub async fn ping(&self) -> Result<(), RedisError> {
        self.run(Pipeline::new().cmd("PING").ignore()).await
    }

    /// How many connections were made. It goes up before the first use of a new one, and only a new one can lead to another Redis, or to the
    /// same after a restart.
    pub(crate) fn connections_made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    pub(crate) async fn connection(&self) -> Result<Connection, RedisError> {
        Ok(self.pool.get().await?)
    }

    /// Runs a pipeline whose answers do not matter.
    pub(crate) async fn run(&self, pipeline: &Pipeline) -> Result<(), RedisError> {
        if pipeline.is_empty() {
            return Ok(());
        }
        let mut connection = self.connection().await?;
        Ok(pipeline.exec_async(&mut connection).await?)
    }
}
