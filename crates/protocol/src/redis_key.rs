//! Every Redis channel and key, with its life time.

use std::time::Duration;

use uuid::Uuid;

use crate::id::{GatewayId, RoomId, SessionId, UserId};

/// A gateway renews its lease this often …
pub const GATEWAY_LEASE_RENEWAL: Duration = Duration::from_secs(5);
/// … and counts as dead when it has not for this long.
pub const GATEWAY_LEASE: Duration = Duration::from_secs(15);
/// What a gateway says of its online users counts this long after it last said so: the users of a killed gateway are gone then.
pub const ONLINE_TTL: Duration = Duration::from_secs(15);
/// … and it says so this often.
pub const ONLINE_RENEWAL: Duration = Duration::from_secs(5);
/// Sessions of a gateway count towards those of their users this long after it last said that it lives …
pub const SESSIONS_LEASE: Duration = Duration::from_secs(15);
/// … and it says so this often.
pub const SESSIONS_RENEWAL: Duration = Duration::from_secs(5);
/// The list of a user's sessions goes when none was added for this long …
pub const SESSIONS_TTL: Duration = Duration::from_hours(24);
/// … and a gateway tells its sessions anew this often, so that none goes that is there.
pub const SESSIONS_REFRESH: Duration = Duration::from_hours(1);
/// Viewer sets of rooms that nobody opens any more go after this.
pub const VIEWERS_TTL: Duration = Duration::from_hours(24);

/// A part of a room list is kept this long at most. Whoever tells of a change drops it before: this is the net under that.
pub const ROOM_LIST_TTL: Duration = Duration::from_mins(5);
/// Whoever reads a part of a room list from the database to keep it has this long. Others read it too meanwhile, but keep nothing.
pub const ROOM_LIST_LEASE: Duration = Duration::from_secs(5);

/// Read marks of a room where nobody moves one go after this, and those of a user who moves none: far later than they are in PostgreSQL, and
/// than a part of a room list that was read before.
pub const READ_MARKS_TTL: Duration = Duration::from_hours(24);
/// Most marks in one key: four times a full room, for those who have left it. A key that has more is begun anew, and the database is asked
/// instead.
pub const READ_MARKS_MAX: usize = 4 * crate::limits::ROOM_MEMBERS;

/// A ticket for the upgrade lives this long …
pub const TICKET_TTL: Duration = Duration::from_secs(30);
/// … and is remembered as used for this long: its life, and what clocks may differ by.
pub const USED_TICKET_TTL: Duration = Duration::from_mins(1);

/// Names under a prefix (empty in production; tests run side by side with one each).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    prefix: String,
}

/// A Pub/Sub channel, parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Live events of a room: `chat:room:{roomId}`.
    Room(RoomId),
    /// Outcomes for one gateway: `chat:gateway:{gatewayId}`.
    Gateway(GatewayId),
    /// News for a user: `chat:user:{userId}`.
    User(UserId),
    /// Users who came or went, anywhere: `chat:presence`.
    Presence,
}

impl Keys {
    /// Names starting with `prefix`.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// A channel's name.
    pub fn channel(&self, channel: Channel) -> String {
        let prefix = &self.prefix;
        match channel {
            Channel::Room(id) => format!("{prefix}chat:room:{id}"),
            Channel::Gateway(id) => format!("{prefix}chat:gateway:{id}"),
            Channel::User(id) => format!("{prefix}chat:user:{id}"),
            Channel::Presence => format!("{prefix}chat:presence"),
        }
    }

    /// The channel of a name; `None` for names that are not ours.
    pub fn parse_channel(&self, name: &str) -> Option<Channel> {
        let name = name.strip_prefix(&self.prefix)?.strip_prefix("chat:")?;
        if name == "presence" {
            return Some(Channel::Presence);
        }
        let (kind, id) = name.split_once(':')?;
        match kind {
            "room" => id.parse().ok().map(Channel::Room),
            "gateway" => id.parse().ok().map(Channel::Gateway),
            "user" => id.parse().ok().map(Channel::User),
            _ => None,
        }
    }

    /// String, present while the gateway lives ([`GATEWAY_LEASE`]): the lease of its viewers, who count
    /// under another id when it tells all of them anew.
    pub fn gateway_lease(&self, gateway: GatewayId) -> String {
        format!("{}chat:lease:{gateway}", self.prefix)
    }

    /// Sorted set of `gatewayId:sessionId` by when each was admitted: the sessions of a user, on all gateways. One counts only while the lease
    /// of its gateway lives.
    pub fn user_sessions(&self, user: UserId) -> String {
        format!("{}chat:sessions:{user}", self.prefix)
    }

    /// String, present while the gateway lives ([`SESSIONS_LEASE`]): the lease of its sessions.
    pub fn sessions_lease(&self, gateway: GatewayId) -> String {
        format!("{}{gateway}", self.sessions_leases())
    }

    /// What the names of all [`Self::sessions_lease`] begin with.
    pub fn sessions_leases(&self) -> String {
        format!("{}chat:sessions-lease:", self.prefix)
    }

    /// Set of `sessionId`: sessions of the gateway that made room for newer ones and are to be closed.
    pub fn closed_sessions(&self, gateway: GatewayId) -> String {
        format!("{}{gateway}", self.closed_sessions_of_all())
    }

    /// What the names of all [`Self::closed_sessions`] begin with.
    pub fn closed_sessions_of_all(&self) -> String {
        format!("{}chat:sessions-closed:", self.prefix)
    }

    /// String: when a rate's next event is due (GCRA). `what` names the limit, `whose` a digest of the key: no address and no e-mail is
    /// kept in clear.
    pub fn rate(&self, what: &str, whose: &str) -> String {
        format!("{}chat:rate:{what}:{whose}", self.prefix)
    }

    /// String, present when the ticket was used ([`USED_TICKET_TTL`]).
    pub fn used_ticket(&self, ticket: Uuid) -> String {
        format!("{}chat:ticket:{ticket}", self.prefix)
    }

    /// String: what every member's room list says alike of the room, or the lease of whoever is about to write it ([`ROOM_LIST_TTL`]).
    pub fn room_line(&self, room: RoomId) -> String {
        format!("{}chat:room-line:{room}", self.prefix)
    }

    /// String: the rooms of a user with the user's own marks, or the lease of whoever is about to write it ([`ROOM_LIST_TTL`]).
    pub fn user_rooms(&self, user: UserId) -> String {
        format!("{}chat:user-rooms:{user}", self.prefix)
    }

    /// Hash of `userId` to `seq number atMs [messageId]`: the farthest read mark that was told of each member ([`READ_MARKS_TTL`]).
    pub fn room_marks(&self, room: RoomId) -> String {
        format!("{}chat:marks:{room}", self.prefix)
    }

    /// Hash of `roomId` to the same: the marks of one user ([`READ_MARKS_TTL`]).
    pub fn user_marks(&self, user: UserId) -> String {
        format!("{}chat:user-marks:{user}", self.prefix)
    }

    /// Set of `gatewayId:userId`: who has the room open, and where. An entry counts only while the gateway's lease lives.
    pub fn room_viewers(&self, room: RoomId) -> String {
        format!("{}chat:viewers:{room}", self.prefix)
    }

    /// Set of `userId`: who has an open session on the gateway. Its TTL ([`ONLINE_TTL`]) is its lease: it is gone when the gateway is.
    pub fn online_users(&self, gateway: GatewayId) -> String {
        format!("{}chat:online:{gateway}", self.prefix)
    }

    /// Set of `gatewayId`: which [`Self::online_users`] there may be.
    pub fn gateways(&self) -> String {
        format!("{}chat:gateways", self.prefix)
    }
}

/// Member of a user's sessions: its first 36 characters are the gateway.
pub fn session(gateway: GatewayId, session: SessionId) -> String {
    format!("{gateway}:{session}")
}

/// Inverse of [`session`].
pub fn parse_session(member: &str) -> Option<(GatewayId, SessionId)> {
    let (gateway, session) = member.split_once(':')?;
    Some((gateway.parse().ok()?, session.parse().ok()?))
}

/// Member of a viewer set.
pub fn viewer(gateway: GatewayId, user: UserId) -> String {
    format!("{gateway}:{user}")
}

/// Inverse of [`viewer`].
pub fn parse_viewer(member: &str) -> Option<(GatewayId, UserId)> {
    let (gateway, user) = member.split_once(':')?;
    Some((gateway.parse().ok()?, user.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_name_names_its_channel() {
        let keys = Keys::new("t1:");
        for channel in [
            Channel::Room(RoomId::generate()),
            Channel::Gateway(GatewayId::generate()),
            Channel::User(UserId::generate()),
            Channel::Presence,
        ] {
            assert_eq!(keys.parse_channel(&keys.channel(channel)), Some(channel));
            assert_eq!(Keys::new("other:").parse_channel(&keys.channel(channel)), None);
        }
        assert_eq!(keys.parse_channel("t1:chat:room:nonsense"), None);
    }

    #[test]
    fn a_viewer_names_gateway_and_user() {
        let (gateway, user) = (GatewayId::generate(), UserId::generate());
        assert_eq!(parse_viewer(&viewer(gateway, user)), Some((gateway, user)));
        assert_eq!(parse_viewer("x"), None);
    }
}
