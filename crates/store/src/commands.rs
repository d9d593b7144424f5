//! The writes of a room's timeline: one database call each, in autocommit. Only the persister calls them.

use chat_protocol::{
    Action, Change, ClientMessageId, Entry, EntryType, ErrorCode, MessageId, Rejection, RoomId, RoomType, TimelineKind,
    UserId, limits, policy,
};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use crate::{Store, StoreError, queries, row};

/// A message to append.
#[derive(Debug, Clone)]
pub struct NewMessage<'a> {
    /// Where.
    pub room_id: RoomId,
    /// Who.
    pub sender_id: UserId,
    /// Idempotency key within room and sender.
    pub client_message_id: &'a ClientMessageId,
    /// The id it gets, unless it is a repeat.
    pub message_id: MessageId,
    /// `TEXT` or `IMAGE`.
    pub entry_type: EntryType,
    /// The text.
    pub content: &'a str,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// Digest of the command.
    pub digest: Uuid,
}

/// What every command beside a send has.
#[derive(Debug, Clone)]
pub struct RoomCommand<'a> {
    /// Which room.
    pub room_id: RoomId,
    /// Who gives it.
    pub actor_id: UserId,
    /// Idempotency key within room and actor.
    pub client_message_id: &'a ClientMessageId,
    /// The id its entry gets, unless it is a repeat.
    pub message_id: MessageId,
    /// Digest of the command.
    pub digest: Uuid,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// It is in the timeline.
    Committed {
        /// The entry; for a repeat the original, as it is now.
        entry: Entry,
        /// Whether it is a repeat.
        duplicate: bool,
    },
    /// An earlier message was changed.
    Changed {
        /// How.
        kind: TimelineKind,
        /// The change, of the original for a repeat, with the message as it is now.
        change: Change,
        /// Whether it is a repeat.
        duplicate: bool,
    },
    /// There was nothing to do.
    Unchanged {
        /// The room's last seq.
        head: i64,
        /// The message that is already as it was to become.
        message_id: Option<MessageId>,
    },
    /// It may not be done.
    Rejected(Rejection),
}

impl Store {
    /// Appends messages to their rooms, in input order, with seq and number; one result per input. Repeats are found, also inside the batch.
    pub async fn append_messages(&self, batch: &[NewMessage<'_>]) -> Result<Vec<Applied>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let room_ids: Vec<Uuid> = batch.iter().map(|message| message.room_id.0).collect();
        let sender_ids: Vec<Uuid> = batch.iter().map(|message| message.sender_id.0).collect();
        let client_ids: Vec<&str> = batch.iter().map(|message| message.client_message_id.as_stored()).collect();
        let message_ids: Vec<Uuid> = batch.iter().map(|message| message.message_id.0).collect();
        let types: Vec<&str> = batch.iter().map(|message| message.entry_type.as_str()).collect();
        let contents: Vec<&str> = batch.iter().map(|message| message.content).collect();
        let digests: Vec<Uuid> = batch.iter().map(|message| message.digest).collect();
        let replies: Vec<Option<Uuid>> = batch.iter().map(|message| message.reply_to.map(|id| id.0)).collect();
        let params: [&(dyn ToSql + Sync); 8] =
            [&room_ids, &sender_ids, &client_ids, &message_ids, &types, &contents, &digests, &replies];
        let rows = self.rows(queries::APPEND_MESSAGES, &params).await?;
        if rows.len() != batch.len() {
            return Err(StoreError::Data(format!("{} results for {} messages", rows.len(), batch.len())));
        }
        let mut applied =
            rows.iter().zip(batch).map(|(row, message)| appended(row, message)).collect::<Result<Vec<_>, _>>()?;
        self.as_they_are_now(&mut applied).await?;
        Ok(applied)
    }

    /// A message that was sent again may have been edited or deleted since.
    async fn as_they_are_now(&self, applied: &mut [Applied]) -> Result<(), StoreError> {
        let place = |applied: &Applied| match applied {
            Applied::Committed { entry, duplicate: true } => Some((entry.room_id, entry.seq)),
            _ => None,
        };
        let places: Vec<(RoomId, i64)> = applied.iter().filter_map(place).collect();
        if places.is_empty() {
            return Ok(());
        }
        let stored = self.entries_at(&places).await?;
        for result in applied {
            if let Applied::Committed { entry, duplicate: true } = result
                && let Some(stored) = stored.get(&(entry.room_id, entry.seq))
            {
                *entry = stored.clone();
            }
        }
        Ok(())
    }

    /// Creates a group with the actor as owner; an open one may be joined by everybody who knows its id.
    pub async fn create_group_room(
        &self,
        command: &RoomCommand<'_>,
        name: &str,
        user_ids: &[UserId],
        open: bool,
    ) -> Result<Applied, StoreError> {
        let users = row::uuids(user_ids, |id| id.0);
        self.room_command(queries::CREATE_ROOM, command, &[&RoomType::Group.as_str(), &name, &users, &open]).await
    }

    /// Creates the direct room of the actor and another user, or finds it.
    pub async fn create_direct_room(&self, command: &RoomCommand<'_>, user_id: UserId) -> Result<Applied, StoreError> {
        let users = [user_id.0];
        self.room_command(queries::CREATE_ROOM, command, &[&RoomType::Direct.as_str(), &"", &&users[..], &false]).await
    }

    /// Adds members to a group.
    pub async fn invite_members(&self, command: &RoomCommand<'_>, user_ids: &[UserId]) -> Result<Applied, StoreError> {
        let users = row::uuids(user_ids, |id| id.0);
        let allowed = policy::grants(&[Action::Invite]);
        self.room_command(queries::INVITE_MEMBERS, command, &[&users, &room_limit(), &allowed]).await
    }

    /// Ends the actor's membership of a group.
    pub async fn leave_room(&self, command: &RoomCommand<'_>) -> Result<Applied, StoreError> {
        self.room_command(queries::LEAVE_ROOM, command, &[&policy::grants(&[Action::Leave])]).await
    }

    pub(crate) async fn room_command(
        &self,
        query: &'static str,
        command: &RoomCommand<'_>,
        more: &[&(dyn ToSql + Sync)],
    ) -> Result<Applied, StoreError> {
        let client_message_id = command.client_message_id.as_stored();
        let mut params: Vec<&(dyn ToSql + Sync)> =
            vec![&command.room_id.0, &command.actor_id.0, &client_message_id, &command.message_id.0, &command.digest];
        params.extend_from_slice(more);
        let rows = self.rows(query, &params).await?;
        let row = rows.first().ok_or_else(|| StoreError::Data("a room command without result".to_owned()))?;
        match row.try_get::<_, &str>("status")? {
            status @ ("committed" | "duplicate") => {
                let entry = row::system_entry(row, command.room_id, &row::TIMELINE)?;
                Ok(Applied::Committed { entry, duplicate: status == "duplicate" })
            }
            "unchanged" => Ok(Applied::Unchanged { head: row.try_get("head")?, message_id: None }),
            status => Ok(Applied::Rejected(rejection(status)?)),
        }
    }
}

pub(crate) fn room_limit() -> i32 {
    i32::try_from(limits::ROOM_MEMBERS).unwrap_or(i32::MAX)
}

fn appended(row: &Row, message: &NewMessage<'_>) -> Result<Applied, StoreError> {
    let status: &str = row.try_get("status")?;
    if !matches!(status, "committed" | "duplicate") {
        return Ok(Applied::Rejected(rejection(status)?));
    }
    let entry = Entry {
        message_id: MessageId(row.try_get("message_id")?),
        room_id: message.room_id,
        seq: row.try_get("seq")?,
        number: row.try_get("number")?,
        sender_id: message.sender_id,
        sender_nickname: row.try_get("sender_nickname")?,
        client_message_id: message.client_message_id.clone(),
        entry_type: message.entry_type,
        content: message.content.to_owned(),
        members: Vec::new(),
        sent_at: row.try_get("created_at")?,
        reply_to: message.reply_to,
        edited_at: None,
        deleted_at: None,
        reactions: Vec::new(),
    };
    Ok(Applied::Committed { entry, duplicate: status == "duplicate" })
}

/// What a status of the database functions means to whoever gave the command.
pub(crate) fn rejection(status: &str) -> Result<Rejection, StoreError> {
    Ok(match status {
        "not_member" => Rejection::room_not_found(),
        "id_conflict" => {
            Rejection::new(ErrorCode::IdConflict, "clientMessageId was used before with another body: use a fresh one")
        }
        "user_not_found" => Rejection::new(ErrorCode::UserNotFound, "userIds names a user who does not exist"),
        "forbidden" => Rejection::new(ErrorCode::Forbidden, "a direct room has its two members for ever"),
        "not_allowed" => {
            Rejection::new(ErrorCode::Forbidden, "your role in this room does not permit it: ask its owner or an admin")
        }
        "target_not_member" => {
            Rejection::new(ErrorCode::UserNotFound, "userId names nobody who is a member of this room")
        }
        "last_owner" => Rejection::new(
            ErrorCode::Forbidden,
            "a group needs an owner: make another member OWNER, and you become ADMIN",
        ),
        "room_full" => {
            Rejection::new(ErrorCode::Forbidden, format!("a room has at most {} members", limits::ROOM_MEMBERS))
        }
        "message_not_found" => {
            Rejection::new(ErrorCode::MessageNotFound, "no such message in this room, or it was deleted")
        }
        "system_entry" => Rejection::new(ErrorCode::Forbidden, "entries of the server cannot be changed"),
        "not_own_text" => Rejection::new(ErrorCode::Forbidden, "only one's own text messages can be edited"),
        "not_deletable" => Rejection::new(
            ErrorCode::Forbidden,
            "only one's own messages can be deleted; those of others by owner and admins of a group",
        ),
        "too_many_emojis" => Rejection::new(
            ErrorCode::BadRequest,
            format!("a message has at most {} different emojis: use one of them", limits::REACTIONS_PER_MESSAGE),
        ),
        other => return Err(StoreError::Data(format!("command status {other}"))),
    })
}
