//! Rows to values.

use chat_protocol::{ClientMessageId, Entry, EntryType, Member, MessageId, Reaction, Role, RoomId, UserId};
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{RoomType, StoreError};

/// Names that differ between queries of the timeline.
pub(crate) struct EntryColumns {
    /// Column of the entry's type (`type` of the room is beside it in room lists).
    pub entry_type: &'static str,
}

pub(crate) const TIMELINE: EntryColumns = EntryColumns { entry_type: "type" };

/// A row with the columns of view `entries`.
pub(crate) fn entry(row: &Row, room_id: RoomId, columns: &EntryColumns) -> Result<Entry, StoreError> {
    Ok(Entry {
        reply_to: row.try_get::<_, Option<Uuid>>("reply_to")?.map(MessageId),
        edited_at: row.try_get("edited_at")?,
        deleted_at: row.try_get("deleted_at")?,
        reactions: json::<Reaction>(row, "reactions")?,
        ..system_entry(row, room_id, columns)?
    })
}

/// A row with the columns of view `timeline`: what room commands return.
pub(crate) fn system_entry(row: &Row, room_id: RoomId, columns: &EntryColumns) -> Result<Entry, StoreError> {
    let type_name: &str = row.try_get(columns.entry_type)?;
    Ok(Entry {
        message_id: MessageId(row.try_get("message_id")?),
        room_id,
        seq: row.try_get("seq")?,
        number: row.try_get("number")?,
        sender_id: UserId(row.try_get("sender_id")?),
        sender_nickname: row.try_get("sender_nickname")?,
        client_message_id: ClientMessageId::from_stored(row.try_get("client_message_id")?),
        entry_type: entry_type(type_name)?,
        content: row.try_get("content")?,
        members: json::<Member>(row, "members")?,
        sent_at: row.try_get("created_at")?,
        reply_to: None,
        edited_at: None,
        deleted_at: None,
        reactions: Vec::new(),
    })
}

pub(crate) fn entry_type(name: &str) -> Result<EntryType, StoreError> {
    EntryType::parse(name).ok_or_else(|| StoreError::Data(format!("entry type {name}")))
}

pub(crate) fn role(row: &Row, column: &str) -> Result<Role, StoreError> {
    let name: &str = row.try_get(column)?;
    Role::parse(name).ok_or_else(|| StoreError::Data(format!("role {name}")))
}

/// Column `type` of a room.
pub(crate) fn room_type(row: &Row) -> Result<RoomType, StoreError> {
    Ok(if row.try_get::<_, &str>("type")? == "DIRECT" { RoomType::Direct } else { RoomType::Group })
}

/// A list that the database put together; NULL is an empty one.
pub(crate) fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<Vec<T>, StoreError> {
    let list: Option<serde_json::Value> = row.try_get(column)?;
    let list = list.map(serde_json::from_value).transpose();
    Ok(list.map_err(|error| StoreError::Data(format!("{column}: {error}")))?.unwrap_or_default())
}

pub(crate) fn room_id(row: &Row, column: &str) -> Result<RoomId, StoreError> {
    Ok(RoomId(row.try_get::<_, Uuid>(column)?))
}

pub(crate) fn user_id(row: &Row, column: &str) -> Result<UserId, StoreError> {
    Ok(UserId(row.try_get::<_, Uuid>(column)?))
}

/// Bare UUIDs, as the driver takes arrays.
pub(crate) fn uuids<T: Copy>(ids: &[T], uuid: impl Fn(T) -> Uuid) -> Vec<Uuid> {
    ids.iter().copied().map(uuid).collect()
}
