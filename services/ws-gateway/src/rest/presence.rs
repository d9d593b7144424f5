//! `/chat/rooms/{id}/presence`: who of a room is here, and when the others were.

use std::collections::HashSet;

use actix_web::{HttpResponse, get, web};
use chat_protocol::{Rejection, RoomId, UserId};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Problem, ProblemBody};
use crate::{app::Gateway, auth::Identity};

/// Whether a member is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum MemberStatus {
    /// At least one session, on any gateway.
    Online,
    /// None.
    Offline,
    /// It cannot be found out just now.
    Unknown,
}

/// A member's presence.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberPresence {
    user_id: UserId,
    /// `UNKNOWN`: it cannot be found out just now.
    status: MemberStatus,
    /// Of who is not online: when the last session ended; missing when there never was one. It is written within about a second, until when
    /// the time before stands here. While the status is unknown, and after a gateway was killed, it may be a minute behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_seen: Option<Timestamp>,
}

impl MemberPresence {
    /// `online`: of all, if it is known.
    fn new(user_id: UserId, seen: Option<Timestamp>, online: Option<&HashSet<UserId>>) -> Self {
        let status = match online.map(|online| online.contains(&user_id)) {
            None => MemberStatus::Unknown,
            Some(true) => MemberStatus::Online,
            Some(false) => MemberStatus::Offline,
        };
        let last_seen = if status == MemberStatus::Online { None } else { seen };
        Self { user_id, status, last_seen }
    }
}

/// Every member's.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "members": [
    { "userId": "01a1fdc7-2d30-7763-9e90-2a12c2c04065", "status": "ONLINE" },
    { "userId": "01a1fdc7-2d31-7f02-8d6b-6f1a0c9be7d2", "status": "OFFLINE", "lastSeen": "2026-11-21T11:05:30.1Z" }
] }))]
pub struct Presences {
    #[schema(max_items = 5000)]
    members: Vec<MemberPresence>,
}

/// Which members are online, and when the others last were.
///
/// For a picture of the moment; who wants to follow it subscribes the room with `presence` over WebSocket. A member who has just
/// disconnected is offline here at once, there after some seconds.
#[utoipa::path(tag = "rooms", operation_id = "listPresence", security(("bearer" = [])), responses(
    (status = 200, description = "All members, in the order of their ids", body = Presences),
    (status = 404, description = "room_not_found", body = ProblemBody),
))]
#[get("/rooms/{room_id}/presence")]
pub async fn list(
    gateway: web::Data<Gateway>,
    identity: Identity,
    room_id: web::Path<RoomId>,
) -> Result<HttpResponse, Problem> {
    let membership = gateway.store.membership(*room_id, identity.user_id).await?;
    let membership = membership.ok_or_else(Rejection::room_not_found)?;
    let rows = gateway.store.last_seen_of_members(*room_id).await?;
    let users: Vec<UserId> = rows.iter().map(|(user, _)| *user).collect();
    let online = gateway.online.online(&users).await;
    let online =
        online.inspect_err(|error| tracing::debug!(%error, "presence unknown")).ok().map(Option::unwrap_or_default);
    gateway.still_member(*room_id, identity.user_id, membership).await?;
    let member = |(user, seen)| MemberPresence::new(user, seen, online.as_ref());
    Ok(HttpResponse::Ok().json(Presences { members: rows.into_iter().map(member).collect() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_online_has_no_last_time_and_nobody_is_offline_while_that_is_unknown() {
        let (user_id, seen) = (UserId::generate(), Some(Timestamp::UNIX_EPOCH));
        let presence = |status, last_seen| MemberPresence { user_id, status, last_seen };
        let (here, nobody) = (HashSet::from([user_id]), HashSet::new());
        assert_eq!(MemberPresence::new(user_id, seen, Some(&here)), presence(MemberStatus::Online, None));
        assert_eq!(MemberPresence::new(user_id, seen, Some(&nobody)), presence(MemberStatus::Offline, seen));
        assert_eq!(MemberPresence::new(user_id, None, Some(&nobody)), presence(MemberStatus::Offline, None));
        assert_eq!(MemberPresence::new(user_id, seen, None), presence(MemberStatus::Unknown, seen));
    }
}
