//! Against a real PostgreSQL (`CHAT_TEST_POSTGRES_URL`), one schema per test.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod changes;
mod changes_races;
mod changes_reads;
mod commands;
mod last_seen;
mod login_devices;
mod logins;
mod push_jobs;
mod queries_prepare;
mod read_marks;
mod read_marks_races;
mod reads;
mod role_races;
mod roles;
mod room_lists;
mod search;
mod unread;
mod webhook_hands;
mod webhook_loads;
mod webhook_texts;
mod webhooks;

use chat_protocol::{
    Change, ClientMessageId, Entry, EntryType, ErrorCode, MessageId, Role, RoomId, TimelineKind, UserId,
};
use chat_service::Secret;
use chat_store::{Applied, MessageChange, NewMessage, PostgresConfig, RoomCommand, Store, User};
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
        let applied =
            self.store.create_group_room(&room_command(room, owner, &id), "team", others, false).await.unwrap();
        assert!(matches!(applied, Applied::Committed { duplicate: false, .. }), "{applied:?}");
        room
    }

    /// Statements that the services have no use for.
    async fn sql<T>(&self, work: impl AsyncFnOnce(&tokio_postgres::Client) -> T) -> T {
        let options = format!("-c search_path={}", self.config.schema);
        let config = self.config.url.expose().parse::<tokio_postgres::Config>().unwrap().options(options).clone();
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        let result = work(&client).await;
        drop(client);
        driver.await.unwrap().unwrap();
        result
    }

    /// By its owner.
    pub async fn make_admin(&self, room: RoomId, user: UserId) {
        let members = self.store.list_members(room).await.unwrap();
        let owner = members.iter().find(|member| member.role == Role::Owner).unwrap().user_id;
        let id = ClientMessageId::generate();
        let applied = self.store.change_role(&room_command(room, owner, &id), user, Role::Admin).await.unwrap();
        assert!(matches!(applied, Applied::Committed { duplicate: false, .. }), "{applied:?}");
    }

    /// Tables of the schema with a row that holds `text` in any column.
    pub async fn tables_with(&self, text: &str) -> Vec<String> {
        let tables = "SELECT tablename::TEXT FROM pg_tables WHERE schemaname = $1";
        self.sql(async |client| {
            let mut found = Vec::new();
            for row in client.query(tables, &[&self.config.schema]).await.unwrap() {
                let table: String = row.get(0);
                let rows = format!("SELECT 1 FROM {table} AS t WHERE strpos(t::TEXT, $1) > 0");
                if !client.query(&rows, &[&text]).await.unwrap().is_empty() {
                    found.push(table);
                }
            }
            found
        })
        .await
    }

    /// A message of its own id.
    pub async fn say(&self, room: RoomId, sender: UserId, content: &str) -> Entry {
        let id = ClientMessageId::generate();
        match self.store.append_messages(&[message(room, sender, &id, content)]).await.unwrap().remove(0) {
            Applied::Committed { entry, duplicate: false } => entry,
            other => panic!("not committed: {other:?}"),
        }
    }

    /// A change under an id of its own.
    pub async fn change(&self, room: RoomId, actor: UserId, target: MessageId, change: MessageChange<'_>) -> Applied {
        self.change_as(&ClientMessageId::generate(), room, actor, target, change).await
    }

    pub async fn change_as(
        &self,
        id: &ClientMessageId,
        room: RoomId,
        actor: UserId,
        target: MessageId,
        change: MessageChange<'_>,
    ) -> Applied {
        let digest = Uuid::new_v5(&target.0, format!("{change:?}").as_bytes());
        let command = RoomCommand { digest, ..room_command(room, actor, id) };
        self.store.change_message(&command, target, change).await.unwrap()
    }

    /// The message as history shows it.
    pub async fn shown(&self, message: &Entry) -> Entry {
        self.store.page_after(message.room_id, message.seq - 1, 1).await.unwrap().entries.remove(0)
    }
}

pub const DELETE: MessageChange<'static> = MessageChange::Delete;

pub fn edit(content: &str) -> MessageChange<'_> {
    MessageChange::Edit { content }
}

pub fn react(emoji: &str) -> MessageChange<'_> {
    MessageChange::React { emoji, remove: false }
}

pub fn take_back(emoji: &str) -> MessageChange<'_> {
    MessageChange::React { emoji, remove: true }
}

pub fn code(applied: &Applied) -> ErrorCode {
    match applied {
        Applied::Rejected(rejection) => rejection.code,
        other => panic!("not rejected: {other:?}"),
    }
}

pub fn changed(applied: Applied) -> (TimelineKind, Change, bool) {
    match applied {
        Applied::Changed { kind, change, duplicate } => (kind, change, duplicate),
        other => panic!("not changed: {other:?}"),
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
