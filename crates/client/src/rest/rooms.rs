//! What owners and admins do, joining, changes of messages, and catching up.

use std::fmt::Write;

use chat_protocol::{MessageId, ReadSummary, Role, RoomId, UserId};
use reqwest::Method;
use serde_json::json;

use super::{
    RestClient, RestError, json as read,
    model::{Changed, Events, Marks, MemberMark, MemberPresence, MessageReaders, Presences, Room},
};

impl RestClient {
    /// Creates a group that everybody may join who knows its id.
    pub async fn create_open_room(&self, name: &str) -> Result<Room, RestError> {
        self.post("/chat/group-rooms", &json!({"name": name, "userIds": [], "open": true})).await
    }

    /// Gives a group another name.
    pub async fn rename(&self, room: RoomId, name: &str) -> Result<Room, RestError> {
        self.patch(&format!("/chat/rooms/{room}"), &json!({"name": name})).await
    }

    /// Opens a group to everybody who knows its id, or closes it.
    pub async fn set_open(&self, room: RoomId, open: bool) -> Result<Room, RestError> {
        self.patch(&format!("/chat/rooms/{room}"), &json!({"open": open})).await
    }

    /// Joins an open group.
    pub async fn join(&self, room: RoomId) -> Result<Room, RestError> {
        read(self.send::<()>(Method::PUT, &format!("/chat/rooms/{room}/members/me"), &[], None).await?).await
    }

    /// Removes a member from a group.
    pub async fn kick(&self, room: RoomId, user: UserId) -> Result<(), RestError> {
        self.send::<()>(Method::DELETE, &format!("/chat/rooms/{room}/members/{user}"), &[], None).await.map(drop)
    }

    /// Changes a member's role in a group.
    pub async fn change_role(&self, room: RoomId, user: UserId, role: Role) -> Result<(), RestError> {
        let body = json!({"role": role});
        self.send(Method::PATCH, &format!("/chat/rooms/{room}/members/{user}"), &[], Some(&body)).await.map(drop)
    }

    /// Replaces the text of a message.
    pub async fn edit_message(&self, room: RoomId, message: MessageId, content: &str) -> Result<Changed, RestError> {
        self.patch(&format!("/chat/rooms/{room}/messages/{message}"), &json!({"content": content})).await
    }

    /// Deletes a message.
    pub async fn delete_message(&self, room: RoomId, message: MessageId) -> Result<Changed, RestError> {
        let path = format!("/chat/rooms/{room}/messages/{message}");
        read(self.send::<()>(Method::DELETE, &path, &[], None).await?).await
    }

    /// Reacts to a message, or takes the reaction back.
    pub async fn react(
        &self,
        room: RoomId,
        message: MessageId,
        emoji: &str,
        remove: bool,
    ) -> Result<Changed, RestError> {
        let method = if remove { Method::DELETE } else { Method::PUT };
        // A slash and the like would be part of the path.
        let mut path = format!("/chat/rooms/{room}/messages/{message}/reactions/");
        emoji.bytes().try_for_each(|byte| write!(path, "%{byte:02X}")).expect("a String takes everything");
        read(self.send::<()>(method, &path, &[], None).await?).await
    }

    /// Everything that happened in a room after a seq, at most `limit`.
    pub async fn events(&self, room: RoomId, after: i64, limit: u32) -> Result<Events, RestError> {
        let query = [("after", after.to_string()), ("limit", limit.to_string())];
        self.get(&format!("/chat/rooms/{room}/events"), &query).await
    }

    /// Which members are online, and when the others last were.
    pub async fn presence(&self, room: RoomId) -> Result<Vec<MemberPresence>, RestError> {
        Ok(self.get::<Presences>(&format!("/chat/rooms/{room}/presence"), &[]).await?.members)
    }

    /// How far each member has read.
    pub async fn read_marks(&self, room: RoomId) -> Result<Vec<MemberMark>, RestError> {
        Ok(self.get::<Marks>(&format!("/chat/rooms/{room}/read"), &[]).await?.marks)
    }
    /// Who has read a message, page by page: `after` is `next` of the page before.
    pub async fn readers(
        &self,
        room: RoomId,
        message: MessageId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<MessageReaders, RestError> {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(after.map(|after| ("after", after.to_string())));
        self.get(&format!("/chat/rooms/{room}/messages/{message}/readers"), &query).await
    }

    /// How many marks stand where.
    pub async fn read_summary(&self, room: RoomId) -> Result<ReadSummary, RestError> {
        self.get(&format!("/chat/rooms/{room}/read/summary"), &[]).await
    }
}
