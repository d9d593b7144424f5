//! Against a real PostgreSQL (`CHAT_TEST_POSTGRES_URL`), one schema per test.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod commands;
mod queries_prepare;
mod reads;

use chat_protocol::{ClientMessageId, EntryType, MessageId, RoomId, UserId};
use chat_service::Secret;
use chat_store::{Applied, NewMessage, PostgresConfig, RoomCommand, Store, User};
use uuid::Uuid;

/// A migrated schema of its own.
pub struct Db {
    pub store: Store,
    pub config: PostgresConfig,
}

impl Db {
    pub async fn new() -> Self {
        let url = std::env::var("CHAT_TEST_POSTGRES_URL").expect("CHAT_TEST_POSTGRES_URL is not set: run `make test`");
        let schema = format!("t_{}", Uuid::now_v7().simple());
        let config = PostgresConfig { url: Secret::new(url), schema, pool_size: 8 };
        chat_store::migrate(&config).await.unwrap();
        Self { store: Store::new(&config).unwrap(), config }
    }

    pub async fn drop(self) {
        chat_store::drop_schema(&self.config).await.unwrap();
    }

    pub async fn user(&self, nickname: &str) -> UserId {
        let id = UserId::generate();
        let user =
            User { id, email: format!("{id}@example.com"), nickname: nickname.into(), password_hash: "x".into() };
        assert!(self.store.create_user(&user).await.unwrap());
        id
    }

    pub async fn group(&self, owner: UserId, others: &[UserId]) -> RoomId {
        let room = RoomId::generate();
        let id = ClientMessageId::generate();
        let applied = self.store.create_group_room(&room_command(room, owner, &id), "team", others).await.unwrap();
        assert!(matches!(applied, Applied::Committed { duplicate: false, .. }), "{applied:?}");
        room
    }
}

pub fn room_command(room_id: RoomId, actor_id: UserId, id: &ClientMessageId) -> RoomCommand<'_> {
    RoomCommand { room_id, actor_id, client_message_id: id, message_id: MessageId::generate(), digest: Uuid::nil() }
}

pub fn message<'a>(room_id: RoomId, sender_id: UserId, id: &'a ClientMessageId, content: &'a str) -> NewMessage<'a> {
    let digest = Uuid::new_v5(&Uuid::nil(), content.as_bytes());
    NewMessage {
        room_id,
        sender_id,
        client_message_id: id,
        message_id: MessageId::generate(),
        entry_type: EntryType::Text,
        content,
        reply_to: None,
        digest,
    }
}

pub fn seq(applied: &Applied) -> (i64, bool) {
    match applied {
        Applied::Committed { entry, duplicate } => (entry.seq, *duplicate),
        other => panic!("not committed: {other:?}"),
    }
}
