//! Who is in a room.

use actix_web::{HttpResponse, http::StatusCode, web};
use chat_protocol::{ClientMessageId, CommandBody, RoomId, UserId};
use chat_store::{MemberRow, Role};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::envelope;
use crate::{
    app::Gateway,
    auth::Identity,
    rest::{IdempotencyKey, Problem, change, execute, members},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invite {
    user_ids: Vec<UserId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    user_id: UserId,
    nickname: String,
    /// Always null: there are no pictures here.
    profile_image_url: (),
    joined_at: Timestamp,
    is_creator: bool,
    /// The same under the name that Java's usual JSON mapping gives to `isCreator`.
    creator: bool,
}

impl From<MemberRow> for Member {
    fn from(row: MemberRow) -> Self {
        let creator = row.role == Role::Owner;
        Self {
            user_id: row.user_id,
            nickname: row.nickname,
            profile_image_url: (),
            joined_at: row.joined_at,
            is_creator: creator,
            creator,
        }
    }
}

pub async fn list(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
) -> Result<HttpResponse, Problem> {
    let rows = members::members_of(&gateway, identity, *room_id).await?;
    Ok(envelope::with(StatusCode::OK, rows.into_iter().map(Member::from).collect::<Vec<_>>()))
}

pub async fn invite(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
    key: IdempotencyKey,
    body: web::Json<Invite>,
) -> Result<HttpResponse, Problem> {
    members::invite_users(&gateway, identity, key, *room_id, body.into_inner().user_ids).await?;
    Ok(envelope::done())
}

pub async fn kick(
    gateway: web::Data<Gateway>,
    identity: Identity,
    path: web::Path<(RoomId, UserId)>,
) -> Result<HttpResponse, Problem> {
    let (room_id, user_id) = path.into_inner();
    change(&gateway, identity, room_id, ClientMessageId::generate(), CommandBody::KickMember { user_id }).await?;
    Ok(envelope::done())
}

pub async fn leave(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
) -> Result<HttpResponse, Problem> {
    execute(&gateway, *room_id, identity, CommandBody::LeaveRoom {}).await?;
    Ok(envelope::done())
}
