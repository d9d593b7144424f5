//! Tickets: what a browser, which can set no header on a WebSocket, puts into the address instead of its access token.

use chat_protocol::{ErrorCode, Rejection};
use chat_redis::UsedTickets;
use uuid::Uuid;

/// Makes sure that a ticket is used once.
pub struct Tickets {
    used: UsedTickets,
}

impl Tickets {
    /// Those used are in Redis, for all gateways.
    pub fn new(used: UsedTickets) -> Self {
        Self { used }
    }

    /// Uses a ticket whose signature and time are good. Without Redis none is admitted: it could have been used elsewhere.
    pub async fn redeem(&self, ticket: Uuid) -> Result<(), Rejection> {
        match self.used.redeem(ticket).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Rejection::new(ErrorCode::Unauthorized, "the ticket was used before: get another")),
            Err(error) => {
                tracing::warn!(%error, "ticket not checked");
                Err(Rejection::new(ErrorCode::Unavailable, "tickets cannot be checked just now: try again in a moment"))
            }
        }
    }
}
