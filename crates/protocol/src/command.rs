//! Commands: what a user wants done to a room's timeline. Only the persister executes them, one writer per room.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    SCHEMA_VERSION,
    entry::EntryType,
    id::{ClientMessageId, GatewayId, MessageId, RoomId, SessionId, UserId},
    policy::Role,
};

/// Who waits for the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// The gateway to tell.
    pub gateway_id: GatewayId,
    /// The session, or waiting REST call, on it.
    pub session_id: SessionId,
}

/// A record of topic `chat-messages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Command {
    /// Schema version, [`SCHEMA_VERSION`].
    pub v: u16,
    /// The room; equals the record's key.
    pub room_id: RoomId,
    /// Who gives the command, as authenticated by the gateway.
    pub actor_id: UserId,
    /// Idempotency key: (room, actor, this) is executed once, for ever.
    pub client_message_id: ClientMessageId,
    /// When the gateway took it.
    pub issued_at: Timestamp,
    /// Who waits for the outcome.
    pub origin: Origin,
    /// What to do.
    #[serde(flatten)]
    pub body: CommandBody,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all_fields = "camelCase")]
pub enum CommandBody {
    /// Append a message.
    SendMessage {
        /// The text, validated by the gateway and again by the persister.
        content: String,
        /// `TEXT` or `IMAGE`.
        message_type: EntryType,
        /// The message it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<MessageId>,
    },
    /// Replace the text of one's own message.
    EditMessage {
        /// Which.
        message_id: MessageId,
        /// The new text, checked like that of a message.
        content: String,
    },
    /// Delete one's own message, or, as owner or admin of a group, anybody's. Its text is gone for good.
    DeleteMessage {
        /// Which.
        message_id: MessageId,
    },
    /// React to a message, or take a reaction back.
    ReactToMessage {
        /// Which.
        message_id: MessageId,
        /// With what.
        emoji: String,
        /// Take it back.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        remove: bool,
    },
    /// Create a group with the actor as owner.
    CreateGroupRoom {
        /// Its name.
        name: String,
        /// The other first members.
        user_ids: Vec<UserId>,
        /// Everybody who knows its id may join.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        open: bool,
    },
    /// Create the direct room of the actor and one other user, or find it.
    CreateDirectRoom {
        /// The other user.
        user_id: UserId,
    },
    /// Add members to a group.
    InviteMembers {
        /// Whom.
        user_ids: Vec<UserId>,
    },
    /// Leave a group.
    LeaveRoom {},
    /// Join an open group.
    JoinRoom {},
    /// Give a group another name, or open or close it, or both.
    UpdateRoom {
        /// The new name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Whether everybody who knows its id may join.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        open: Option<bool>,
    },
    /// End somebody's membership of a group.
    KickMember {
        /// Whose.
        user_id: UserId,
    },
    /// Change what a member of a group may do.
    ChangeRole {
        /// Whose role.
        user_id: UserId,
        /// The new one; `OWNER` hands the group over, and makes the actor `ADMIN`.
        role: Role,
    },
    /// Nothing: answered once the database was reached, so that a gateway knows that the way through all services works. The room
    /// only chooses the partition, and need not exist.
    Probe {},
}

impl CommandBody {
    /// The users it names: whose membership it may begin, change or end.
    pub fn named(&self) -> &[UserId] {
        match self {
            Self::CreateGroupRoom { user_ids, .. } | Self::InviteMembers { user_ids } => user_ids,
            Self::CreateDirectRoom { user_id } | Self::KickMember { user_id } | Self::ChangeRole { user_id, .. } => {
                std::slice::from_ref(user_id)
            }
            _ => &[],
        }
    }

    /// The name of a probe, for those who pass over it.
    pub const PROBE: &'static str = "Probe";

    /// The name in the envelope and in the record header `type`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::SendMessage { .. } => "SendMessage",
            Self::EditMessage { .. } => "EditMessage",
            Self::DeleteMessage { .. } => "DeleteMessage",
            Self::ReactToMessage { .. } => "ReactToMessage",
            Self::CreateGroupRoom { .. } => "CreateGroupRoom",
            Self::CreateDirectRoom { .. } => "CreateDirectRoom",
            Self::InviteMembers { .. } => "InviteMembers",
            Self::LeaveRoom {} => "LeaveRoom",
            Self::JoinRoom {} => "JoinRoom",
            Self::UpdateRoom { .. } => "UpdateRoom",
            Self::KickMember { .. } => "KickMember",
            Self::ChangeRole { .. } => "ChangeRole",
            Self::Probe {} => Self::PROBE,
        }
    }
}

/// Name space of command digests (a fixed random UUID of this project).
const DIGESTS: Uuid = Uuid::from_u128(0x2f0b_44d8_70a9_4c0c_a8a3_90a7_19c3_6e55);

impl Command {
    /// Builds a command of the current schema version.
    pub fn new(
        room_id: RoomId,
        actor_id: UserId,
        client_message_id: ClientMessageId,
        issued_at: Timestamp,
        origin: Origin,
        body: CommandBody,
    ) -> Self {
        Self { v: SCHEMA_VERSION, room_id, actor_id, client_message_id, issued_at, origin, body }
    }

    /// Digest of what the command asks for: a repeat with the same id must have the same one, else it is a conflict.
    pub fn digest(&self) -> Uuid {
        let body = serde_json::to_vec(&self.body).unwrap_or_default();
        Uuid::new_v5(&DIGESTS, &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(body: CommandBody) -> Command {
        let origin = Origin { gateway_id: GatewayId::generate(), session_id: SessionId::generate() };
        Command::new(
            RoomId::generate(),
            UserId::generate(),
            ClientMessageId::generate(),
            Timestamp::UNIX_EPOCH,
            origin,
            body,
        )
    }

    #[test]
    fn every_command_survives_its_json() {
        let user = UserId::generate();
        for body in [
            CommandBody::SendMessage {
                content: "안녕 \"x\"\n".into(), message_type: EntryType::Text, reply_to: None
            },
            CommandBody::EditMessage { message_id: MessageId::generate(), content: "b".into() },
            CommandBody::DeleteMessage { message_id: MessageId::generate() },
            CommandBody::ReactToMessage { message_id: MessageId::generate(), emoji: "👍".into(), remove: true },
            CommandBody::CreateGroupRoom { name: "g".into(), user_ids: vec![user], open: true },
            CommandBody::CreateDirectRoom { user_id: user },
            CommandBody::InviteMembers { user_ids: vec![user] },
            CommandBody::LeaveRoom {},
            CommandBody::JoinRoom {},
            CommandBody::UpdateRoom { name: Some("h".into()), open: Some(false) },
            CommandBody::KickMember { user_id: user },
            CommandBody::ChangeRole { user_id: user, role: Role::Admin },
            CommandBody::Probe {},
        ] {
            let sent = command(body);
            let json = serde_json::to_string(&sent).unwrap();
            assert!(json.contains(&format!("\"type\":\"{}\"", sent.body.type_name())), "{json}");
            assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), sent);
        }
    }

    #[test]
    fn the_digest_tells_bodies_apart() {
        let text = |s: &str| {
            command(CommandBody::SendMessage { content: s.into(), message_type: EntryType::Text, reply_to: None })
        };
        assert_eq!(text("a").digest(), text("a").digest());
        assert_ne!(text("a").digest(), text("b").digest());
    }
}
