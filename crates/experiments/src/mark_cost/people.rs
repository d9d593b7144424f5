//! A room with members who have something to read.

use std::ops::RangeInclusive;

use anyhow::{Context as _, ensure};
use chat_protocol::{ClientMessageId, EntryType, MessageId, RoomId, UserId};
use chat_store::{Applied, NewMessage, RoomCommand, Store, User};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use uuid::Uuid;

/// Messages appended in one call.
const BATCH: usize = 200;

/// A room, and who reads it.
#[derive(Debug)]
pub struct Readers {
    /// The room.
    pub room: RoomId,
    /// Its members.
    pub members: Vec<UserId>,
    /// What there is to read.
    pub seqs: RangeInclusive<i64>,
}

/// Accounts, a room of them all, and messages of somebody who has left it since: nobody has read any. Made in the database, because
/// hashing passwords would take longer than everything else.
pub async fn make(store: &Store, members: usize, messages: usize) -> anyhow::Result<Readers> {
    let people = (0..=members).map(|number| person(store, number));
    let mut members: Vec<UserId> = stream::iter(people).buffer_unordered(4).try_collect().await?;
    let author = members.pop().context("an author")?;
    let room = RoomId::generate();
    let [create, leave] = [0; 2].map(|_| ClientMessageId::generate());
    let command = |id| RoomCommand {
        room_id: room,
        actor_id: author,
        client_message_id: id,
        message_id: MessageId::generate(),
        digest: Uuid::nil(),
    };
    let created = store.create_group_room(&command(&create), "readers", &members, false).await?;
    ensure!(matches!(created, Applied::Committed { .. }), "no room was made: {created:?}");
    let ids: Vec<ClientMessageId> = (0..messages).map(|_| ClientMessageId::generate()).collect();
    for ids in ids.chunks(BATCH) {
        let message = |id| NewMessage {
            room_id: room,
            sender_id: author,
            client_message_id: id,
            message_id: MessageId::generate(),
            entry_type: EntryType::Text,
            content: "something to read",
            reply_to: None,
            digest: Uuid::nil(),
        };
        store.append_messages(&ids.iter().map(message).collect::<Vec<_>>()).await?;
    }
    let left = store.leave_room(&command(&leave)).await?;
    ensure!(matches!(left, Applied::Committed { .. }), "the author could not leave: {left:?}");
    // The first entry says that the room was made.
    Ok(Readers { room, members, seqs: 2..=i64::try_from(messages)? + 1 })
}

async fn person(store: &Store, number: usize) -> anyhow::Result<UserId> {
    let id = UserId::generate();
    let (email, nickname) = (format!("{id}@example.com"), format!("reader {number}"));
    // No hash: nobody can log in with a password.
    store.create_user(&User { id, email, nickname, password_hash: "-".to_owned() }).await?;
    Ok(id)
}
