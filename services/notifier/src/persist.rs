//! What must reach PostgreSQL, however long that takes.

use chat_service::{Backoff, retry_forever};
use chat_store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::error::Error;

/// What PostgreSQL answers, or the error that no repetition heals; everything else is repeated for as long as it takes.
pub async fn persist<T, Answer>(
    hard_stop: &CancellationToken,
    call: impl Fn() -> Answer,
) -> Result<Result<T, StoreError>, Error>
where
    Answer: Future<Output = Result<T, StoreError>>,
{
    let attempt = || async {
        match call().await {
            Err(error) if !error.is_permanent() => Err(error),
            settled => Ok(settled),
        }
    };
    retry_forever("postgres", hard_stop, Backoff::default(), attempt).await.ok_or(Error::Stopped)
}
