//! What a request can end with instead of an answer.

use chat_protocol::{ErrorCode, Rejection};
use chat_store::StoreError;

/// A refusal, or a store that is away.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// For the client, as it is.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Logged here; the client is told that it is temporary.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refusal {
    /// What the client is told. A store's failure is logged, its text stays inside.
    pub fn into_rejection(self) -> Rejection {
        match self {
            Self::Rejected(rejection) => rejection,
            Self::Store(error) => {
                tracing::warn!(%error, "store unavailable");
                Rejection::new(ErrorCode::Unavailable, "the database is away: try again in a moment")
            }
        }
    }
}
