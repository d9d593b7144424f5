//! People: accounts made in the database, because hashing a password for each would take most of a test's time.

use std::time::Duration;

use chat_protocol::{
    ClientMessageId, Command, CommandBody, GatewayId, MessageId, Origin, RoomId, UserId, id::SessionId,
};
use chat_store::{RoomCommand, Store, User};
use chat_testkit::access_token;
use jiff::Timestamp;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

use crate::config::SECRET;

/// Somebody with an account and an access token.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// The name shown.
    pub nickname: String,
    /// An access token, for an hour.
    pub token: String,
}

impl Person {
    /// An access token that ends after `ttl`.
    pub fn token_for(&self, ttl: Duration) -> String {
        access_token(SECRET, self.id, ttl)
    }

    /// A token that was good once.
    pub fn expired_token(&self) -> String {
        let (issuer, long_ago) = ("realtime-chat", 1_700_000_000);
        let claims = json!({
            "sub": self.id, "iat": long_ago, "exp": long_ago + 900, "iss": issuer, "aud": issuer, "use": "access"
        });
        encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes()))
            .expect("claims are plain JSON")
    }
}

/// Makes an account.
pub async fn create_person(store: &Store, nickname: &str) -> Person {
    let id = UserId::generate();
    let user = User {
        id,
        email: format!("{id}@example.com"),
        nickname: nickname.to_owned(),
        // No hash: nobody can log in with a password.
        password_hash: "-".to_owned(),
    };
    assert!(store.create_user(&user).await.expect("the database of the test stack"));
    Person { id, nickname: user.nickname, token: access_token(SECRET, id, Duration::from_hours(1)) }
}

/// Makes a group in the database, by its first member.
pub(crate) async fn create_group(store: &Store, mut members: Vec<UserId>) -> RoomId {
    let (room, owner, id) = (RoomId::generate(), members.remove(0), ClientMessageId::generate());
    let origin = Origin { gateway_id: GatewayId::generate(), session_id: SessionId::generate() };
    let body = CommandBody::CreateGroupRoom { name: "group".to_owned(), user_ids: members.clone(), open: false };
    let digest = Command::new(room, owner, id.clone(), Timestamp::now(), origin, body).digest();
    let message_id = MessageId::generate();
    let command = RoomCommand { room_id: room, actor_id: owner, client_message_id: &id, message_id, digest };
    store.create_group_room(&command, "group", &members, false).await.expect("the database of the test stack");
    room
}
