//! The one way from a token to an identity: signature and claims, then whether its log-in still stands, then the account of a newcomer.

use chat_protocol::Rejection;
use chat_store::Store;

use super::{Identity, Logins, Presented, Tokens, logins::Known, tokens::Read, wrong};
use crate::error::Refusal;

/// Checks tokens.
pub struct Authenticator {
    tokens: Tokens,
    logins: Logins,
    store: Store,
}

impl Authenticator {
    /// Puts together what a token is checked with.
    pub fn new(tokens: Tokens, logins: Logins, store: Store) -> Self {
        Self { tokens, logins, store }
    }

    /// Checks an access token.
    pub async fn access(&self, token: &str) -> Result<Identity, Refusal> {
        match self.read(token).await? {
            Presented::Access(identity) => Ok(identity),
            Presented::Ticket(..) => Err(wrong().into()),
        }
    }

    /// Checks what came in the address of an upgrade: an access token, or a ticket.
    pub async fn read(&self, token: &str) -> Result<Presented, Refusal> {
        let Read { presented, newcomer } = self.tokens.read(token).await?;
        let (Presented::Access(identity) | Presented::Ticket(_, identity)) = presented;
        self.stands(identity, newcomer.as_deref()).await?;
        Ok(presented)
    }

    /// Whether the log-in still stands. While the database is away nobody is refused: whatever a token opens needs the database as well, and
    /// sessions are checked again when it is back.
    pub async fn stands(&self, identity: Identity, newcomer: Option<&str>) -> Result<(), Refusal> {
        match (self.logins.of(identity.user_id).await, newcomer) {
            (Known::User(standing), _) if !identity.stands(&standing) => Err(ended().into()),
            (Known::Nobody, Some(nickname)) => {
                self.store.create_external_user(identity.user_id, nickname).await?;
                self.logins.forget(identity.user_id);
                Ok(())
            }
            (Known::User(_) | Known::Nobody | Known::Nothing, _) => Ok(()),
        }
    }
}

fn ended() -> Rejection {
    Rejection::new(chat_protocol::ErrorCode::Unauthorized, "this log-in has ended: log in again")
}
