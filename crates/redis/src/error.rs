//! Errors of this crate. All but [`RedisError::Config`] are transient.

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The address cannot be used.
    #[error("redis address cannot be used")]
    Config(#[source] redis::RedisError),
    /// The pool could not be made.
    #[error("redis pool could not be made")]
    Pool(#[source] deadpool_redis::BuildError),
    /// No connection in time.
    #[error("no redis connection: {0}")]
    Connection(#[from] deadpool_redis::PoolError),
    /// A command failed.
    #[error("redis command failed: {0}")]
    Command(#[from] redis::RedisError),
    /// Redis has not confirmed a subscription in time; it stays wanted.
    #[error("redis has not confirmed the subscription yet")]
    NotConfirmed,
}
