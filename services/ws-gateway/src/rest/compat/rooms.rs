//! Conversations.

use std::sync::Arc;

use actix_web::{HttpResponse, http::StatusCode, web};
use chat_protocol::{ClientMessageId, CommandBody, RoomId, UserId};
use chat_store::{RoomSummary, RoomType};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::envelope;
use crate::{
    app::Gateway,
    auth::Identity,
    rest::{IdempotencyKey, Problem, change, rooms},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenDirect {
    target_user_id: UserId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateGroup {
    room_name: String,
    user_ids: Vec<UserId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenameGroup {
    #[serde(alias = "name")]
    room_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "named as on the wire")]
struct Room {
    room_id: RoomId,
    #[serde(rename = "type")]
    room_type: &'static str,
    name: String,
    last_message_content: Option<String>,
    last_message_sent_at: Option<Timestamp>,
    unread_count: i64,
    /// Always null: there are no pictures here.
    image_url: (),
}

impl From<RoomSummary> for Room {
    fn from(room: RoomSummary) -> Self {
        let last_message_sent_at = room.last_entry.as_ref().map(|entry| entry.sent_at);
        Self {
            room_id: room.room_id,
            room_type: match room.room_type {
                RoomType::Direct => "ONE_TO_ONE",
                RoomType::Group => "GROUP",
            },
            name: room.name,
            last_message_content: room.last_entry.map(|entry| entry.content),
            last_message_sent_at,
            unread_count: room.unread_count,
            image_url: (),
        }
    }
}

pub async fn list(gateway: web::Data<Gateway>, identity: Identity) -> Result<HttpResponse, Problem> {
    let rooms = Arc::unwrap_or_clone(gateway.room_lists.list(identity.user_id).await?);
    let rooms: Vec<_> = rooms.into_iter().map(Room::from).collect();
    Ok(envelope::with(StatusCode::OK, rooms))
}

/// 201 also when the room was there.
pub async fn open_direct(
    gateway: web::Data<Gateway>,
    identity: Identity,
    body: web::Json<OpenDirect>,
) -> Result<HttpResponse, Problem> {
    let (room, _) = rooms::direct_room(&gateway, identity, body.target_user_id).await?;
    Ok(envelope::with(StatusCode::CREATED, Room::from(room)))
}

pub async fn create_group(
    gateway: web::Data<Gateway>,
    identity: Identity,
    key: IdempotencyKey,
    body: web::Json<CreateGroup>,
) -> Result<HttpResponse, Problem> {
    let CreateGroup { room_name, user_ids } = body.into_inner();
    let group = rooms::NewGroup { field: "roomName", name: room_name, user_ids, open: false, id: key.id() };
    let room = rooms::new_group(&gateway, identity, group).await?;
    Ok(envelope::with(StatusCode::CREATED, Room::from(room)))
}

pub async fn rename_group(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
    body: web::Json<RenameGroup>,
) -> Result<HttpResponse, Problem> {
    let body = CommandBody::UpdateRoom { name: Some(body.into_inner().room_name), open: None };
    change(&gateway, identity, *room_id, ClientMessageId::generate(), body).await?;
    Ok(envelope::with(StatusCode::OK, Room::from(rooms::room(&gateway, identity, *room_id).await?)))
}
