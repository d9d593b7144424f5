//! Who somebody is: access tokens, of this server or of an identity provider, and whether they still count.

mod authenticator;
mod claims;
mod config;
mod header;
mod jwks;
mod keys;
mod logins;
mod provider;
mod tokens;
#[cfg(test)]
mod tokens_tests;

use chat_protocol::{ErrorCode, Rejection, UserId};
use chat_store::Standing;
use jiff::Timestamp;
use uuid::Uuid;

pub use self::{authenticator::Authenticator, config::AuthConfig, logins::Logins, provider::Provider, tokens::Tokens};

/// Who a valid token says one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user_id: UserId,
    /// The end of the token.
    pub expires_at: Timestamp,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The log-in it belongs to; tokens of an identity provider, and those made by hand, belong to none of ours.
    pub login: Option<Uuid>,
}

impl Identity {
    /// Whether the token still counts.
    pub fn stands(&self, standing: &Standing) -> bool {
        match self.login {
            Some(login) => !standing.ended.contains(&login),
            // Tokens tell whole seconds: one of the very second may be older, and is refused.
            None => standing.tokens_valid_after.is_none_or(|after| self.issued_at.as_second() > after.as_second()),
        }
    }
}

/// What a valid token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// An access token.
    Access(Identity),
    /// A ticket: good for one upgrade, if it was not used before.
    Ticket(Uuid, Identity),
}

/// The token of an `Authorization: Bearer` value.
pub fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn wrong() -> Rejection {
    Rejection::new(ErrorCode::Unauthorized, "the access token is not valid: log in again")
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn a_bearer_value_yields_its_token() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("abc"), None);
    }

    #[test]
    fn a_token_stands_until_its_login_ends_or_without_one_until_everything_ends() {
        let (mine, other, at) = (Uuid::now_v7(), Uuid::now_v7(), Timestamp::from_millisecond(1_000_500).unwrap());
        let token = |login, issued_at| Identity { user_id: UserId::generate(), expires_at: at, issued_at, login };
        let early = Timestamp::from_second(1_000).unwrap();
        let everything = Standing { tokens_valid_after: Some(at), ended: vec![other] };
        assert!(token(Some(mine), early).stands(&Standing::default()));
        assert!(token(Some(mine), early).stands(&everything), "a log-in that was kept, or opened in the same second");
        assert!(!token(Some(other), at).stands(&everything));
        assert!(token(None, early).stands(&Standing::default()));
        assert!(!token(None, early).stands(&everything), "of the same second");
        assert!(token(None, early + 1.second()).stands(&everything));
    }
}
