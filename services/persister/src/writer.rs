//! The database side: waits out what can heal, isolates what cannot.

use std::time::Duration;

use chat_protocol::{Command, CommandBody, MessageId};
use chat_service::{Backoff, Condition};
use chat_store::{Applied, MessageChange, NewMessage, RoomCommand, Store, StoreError};

use tokio::time::timeout;

use crate::{metrics::Metrics, plan::Send};

/// Longer than the server's own limit for a statement: only a server that does not answer at all meets it.
const CALL_WITHIN: Duration = Duration::from_secs(6);

/// Executes commands.
pub struct Writer {
    pub store: Store,
    pub metrics: Metrics,
    /// Whether the last call reached the database.
    pub reachable: Condition,
}

impl Writer {
    /// Appends a run of messages and returns what became of each, in order. An error belongs to its command alone: the run was
    /// halved until the one that PostgreSQL will never take stood by itself.
    pub async fn append<'a>(&self, run: Vec<Send<'a>>) -> Vec<(Send<'a>, Result<Applied, StoreError>)> {
        let messages: Vec<NewMessage<'_>> = run.iter().map(new_message).collect();
        let mut results = Vec::with_capacity(run.len());
        let mut todo = vec![(&run[..], &messages[..])];
        while let Some((sends, part)) = todo.pop() {
            match self.patiently(|| self.store.append_messages(part)).await {
                Ok(applied) => results.extend(sends.iter().copied().zip(applied.into_iter().map(Ok))),
                Err(error) if part.len() == 1 => results.push((sends[0], Err(error))),
                Err(_) => {
                    let middle = part.len() / 2;
                    // The stack's top, the first half, comes first.
                    todo.push((&sends[middle..], &part[middle..]));
                    todo.push((&sends[..middle], &part[..middle]));
                }
            }
        }
        results
    }

    /// Ends when the database has answered.
    pub async fn reach(&self) -> Result<(), StoreError> {
        self.patiently(|| self.store.ping()).await
    }

    /// Executes one command by itself.
    pub async fn single(&self, command: &Command) -> Result<Applied, StoreError> {
        let store = &self.store;
        let room = &RoomCommand {
            room_id: command.room_id,
            actor_id: command.actor_id,
            client_message_id: &command.client_message_id,
            message_id: MessageId::generate(),
            digest: command.digest(),
        };
        let call = || async move {
            match &command.body {
                CommandBody::CreateGroupRoom { name, user_ids, open } => {
                    store.create_group_room(room, name, user_ids, *open).await
                }
                CommandBody::CreateDirectRoom { user_id } => store.create_direct_room(room, *user_id).await,
                CommandBody::InviteMembers { user_ids } => store.invite_members(room, user_ids).await,
                CommandBody::LeaveRoom {} => store.leave_room(room).await,
                CommandBody::JoinRoom {} => store.join_room(room).await,
                CommandBody::UpdateRoom { name, open } => store.update_room(room, name.as_deref(), *open).await,
                CommandBody::KickMember { user_id } => store.kick_member(room, *user_id).await,
                CommandBody::ChangeRole { user_id, role } => store.change_role(room, *user_id, *role).await,
                CommandBody::Probe {} => store.ping().await.map(|()| Applied::Unchanged { head: 0, message_id: None }),
                CommandBody::EditMessage { message_id, content } => {
                    store.change_message(room, *message_id, MessageChange::Edit { content }).await
                }
                CommandBody::DeleteMessage { message_id } => {
                    store.change_message(room, *message_id, MessageChange::Delete).await
                }
                CommandBody::ReactToMessage { message_id, emoji, remove } => {
                    store.change_message(room, *message_id, MessageChange::React { emoji, remove: *remove }).await
                }
                CommandBody::SendMessage { content, message_type, reply_to } => {
                    let send = Send { index: 0, command, content, message_type: *message_type, reply_to: *reply_to };
                    let applied = store.append_messages(&[new_message(&send)]).await?;
                    applied.into_iter().next().ok_or_else(|| StoreError::Data("no result for a message".to_owned()))
                }
            }
        };
        self.patiently(call).await
    }

    /// Repeats a call for as long as its failure can heal; an error is permanent.
    async fn patiently<T, Fut>(&self, call: impl Fn() -> Fut) -> Result<T, StoreError>
    where
        Fut: Future<Output = Result<T, StoreError>>,
    {
        let _timer = self.metrics.apply.start_timer();
        let mut backoff = Backoff::default();
        loop {
            let failure = match timeout(CALL_WITHIN, call()).await {
                Ok(Err(error)) if !error.is_permanent() => error.to_string(),
                Ok(result) => {
                    self.reachable.set(true);
                    return result;
                }
                Err(_) => "no answer in time".to_owned(),
            };
            let delay = backoff.next_delay();
            tracing::warn!(error = failure, ?delay, "database call failed, repeating");
            self.metrics.retries.inc();
            self.reachable.set(false);
            tokio::time::sleep(delay).await;
        }
    }
}

fn new_message<'a>(send: &Send<'a>) -> NewMessage<'a> {
    NewMessage {
        room_id: send.command.room_id,
        sender_id: send.command.actor_id,
        client_message_id: &send.command.client_message_id,
        message_id: MessageId::generate(),
        entry_type: send.message_type,
        content: send.content,
        reply_to: send.reply_to,
        digest: send.command.digest(),
    }
}
