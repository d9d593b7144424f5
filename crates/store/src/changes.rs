//! Changes of messages: edits, deletions, reactions. Only the persister makes them.

use chat_protocol::{Action, MessageId, limits, policy};

use crate::{Applied, RoomCommand, Store, StoreError, commands::rejection, messages, queries};

/// What is to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageChange<'a> {
    /// Its text.
    Edit {
        /// The new one.
        content: &'a str,
    },
    /// It goes.
    Delete,
    /// A reaction comes or goes.
    React {
        /// With what.
        emoji: &'a str,
        /// Whether it goes.
        remove: bool,
    },
}

impl Store {
    /// Changes a message and appends the change to the room's timeline.
    pub async fn change_message(
        &self,
        command: &RoomCommand<'_>,
        message_id: MessageId,
        change: MessageChange<'_>,
    ) -> Result<Applied, StoreError> {
        let (name, content, emoji, remove) = match change {
            MessageChange::Edit { content } => ("EDIT", Some(content), None, None),
            MessageChange::Delete => ("DELETE", None, None, None),
            MessageChange::React { emoji, remove } => ("REACT", None, Some(emoji), Some(remove)),
        };
        let client_message_id = command.client_message_id.as_stored();
        let emojis_max = i64::try_from(limits::REACTIONS_PER_MESSAGE).unwrap_or(i64::MAX);
        let rows = self
            .rows(
                queries::CHANGE_MESSAGE,
                &[
                    &command.room_id.0,
                    &command.actor_id.0,
                    &client_message_id,
                    &command.message_id.0,
                    &command.digest,
                    &name,
                    &message_id.0,
                    &content,
                    &emoji,
                    &remove,
                    &emojis_max,
                    &policy::grants(&[Action::DeleteOthers]),
                ],
            )
            .await?;
        let row = rows.first().ok_or_else(|| StoreError::Data("a change without result".to_owned()))?;
        match row.try_get::<_, &str>("status")? {
            status @ ("committed" | "duplicate") => {
                let (kind, change) = messages::change(row, command.room_id)?;
                Ok(Applied::Changed { kind, change, duplicate: status == "duplicate" })
            }
            "unchanged" => Ok(Applied::Unchanged { head: row.try_get("head")?, message_id: Some(message_id) }),
            status => Ok(Applied::Rejected(rejection(status)?)),
        }
    }
}
