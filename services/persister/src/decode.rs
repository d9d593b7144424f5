//! From a record to a command, or to the reason why it is none.

use chat_kafka::Record;
use chat_protocol::{
    ClientMessageId, Command, CommandBody, ErrorCode, Origin, Rejection, RoomId, SCHEMA_VERSION, limits, validate,
};
use serde::Deserialize;

/// What a record turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    /// To be executed.
    Command(Command),
    /// Understood, and refused without asking the database.
    Refused(Command, Rejection),
    /// Not understood: for the dead-letter topic.
    Poison {
        /// Why.
        reason: String,
        /// Who waits, if at least that could be read.
        asker: Option<Asker>,
    },
}

/// What the outcome of a command needs of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asker {
    /// The command's room.
    pub room_id: RoomId,
    /// The command's id.
    pub client_message_id: ClientMessageId,
    /// Who waits.
    pub origin: Origin,
}

impl From<&Command> for Asker {
    fn from(command: &Command) -> Self {
        Self { room_id: command.room_id, client_message_id: command.client_message_id.clone(), origin: command.origin }
    }
}

/// Reads a record.
pub fn decode(record: &Record) -> Decoded {
    let poison = |reason: String| Decoded::Poison { reason, asker: serde_json::from_slice(record.value()).ok() };
    let command: Command = match serde_json::from_slice(record.value()) {
        Ok(command) => command,
        Err(error) => return poison(format!("not a command: {error}")),
    };
    if command.v != SCHEMA_VERSION {
        return poison(format!("schema version {} is not supported", command.v));
    }
    if record.key_str() != Some(command.room_id.to_string().as_str()) {
        return poison("the record's key is not the command's room".to_owned());
    }
    match check(&command) {
        Ok(()) => Decoded::Command(command),
        Err(rejection) => Decoded::Refused(command, rejection),
    }
}

/// The gateway has checked all this, but the topic is open to other producers, and gateways can be older than this process.
fn check(command: &Command) -> Result<(), Rejection> {
    let refuse = |message: &str| Err(Rejection::new(ErrorCode::BadRequest, message));
    match &command.body {
        CommandBody::SendMessage { message_type, .. } if !message_type.is_message() => {
            refuse("type must be TEXT or IMAGE")
        }
        CommandBody::SendMessage { content, .. } | CommandBody::EditMessage { content, .. } => {
            validate::content(content)
        }
        CommandBody::ReactToMessage { emoji, .. } => validate::emoji(emoji),
        CommandBody::CreateGroupRoom { user_ids, .. } | CommandBody::InviteMembers { user_ids }
            if user_ids.len() > limits::USERS_PER_COMMAND =>
        {
            refuse("userIds names too many users")
        }
        CommandBody::CreateGroupRoom { name, .. } | CommandBody::UpdateRoom { name: Some(name), .. } => {
            validate::line("name", name, limits::ROOM_NAME_CHARS)
        }
        CommandBody::CreateDirectRoom { user_id } if *user_id == command.actor_id => {
            refuse("a direct room needs another user")
        }
        CommandBody::CreateDirectRoom { user_id } if command.room_id != RoomId::direct(command.actor_id, *user_id) => {
            refuse("roomId is not that of the two users")
        }
        CommandBody::UpdateRoom { name: None, open: None } => refuse("name or open must be there"),
        CommandBody::DeleteMessage { .. }
        | CommandBody::CreateDirectRoom { .. }
        | CommandBody::InviteMembers { .. }
        | CommandBody::LeaveRoom {}
        | CommandBody::JoinRoom {}
        | CommandBody::UpdateRoom { .. }
        | CommandBody::KickMember { .. }
        | CommandBody::ChangeRole { .. }
        | CommandBody::Probe {} => Ok(()),
    }
}

#[cfg(test)]
pub mod tests {
    use std::sync::Arc;

    use chat_protocol::{EntryType, GatewayId, MessageId, SessionId, UserId};
    use jiff::Timestamp;

    use super::*;

    pub fn command(body: CommandBody) -> Command {
        let origin = Origin { gateway_id: GatewayId::generate(), session_id: SessionId::generate() };
        let (room, user) = (RoomId::generate(), UserId::generate());
        Command::new(room, user, ClientMessageId::generate(), Timestamp::UNIX_EPOCH, origin, body)
    }

    pub fn send(content: &str) -> Command {
        command(CommandBody::SendMessage { content: content.into(), message_type: EntryType::Text, reply_to: None })
    }

    fn record(key: &str, value: Vec<u8>) -> Record {
        Record {
            topic: Arc::from("t"),
            partition: 0,
            offset: 0,
            timestamp_ms: None,
            broker_timestamp: false,
            key: Some(key.to_owned().into()),
            payload: Some(value.into()),
            headers: Vec::new(),
        }
    }

    fn decoded(command: &Command) -> Decoded {
        decode(&record(&command.room_id.to_string(), serde_json::to_vec(command).unwrap()))
    }

    #[test]
    fn a_command_is_read() {
        let sent = send("hi");
        assert_eq!(decoded(&sent), Decoded::Command(sent));
    }

    #[test]
    fn a_bad_content_is_refused_not_poison() {
        let code = |command: Command| match decoded(&command) {
            Decoded::Refused(_, rejection) => rejection.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code(send(" ")), ErrorCode::ContentEmpty);
        assert_eq!(code(send("a\0")), ErrorCode::InvalidCharacter);
        let system =
            CommandBody::SendMessage { content: "x".into(), message_type: EntryType::SystemLeave, reply_to: None };
        assert_eq!(code(command(system)), ErrorCode::BadRequest);
        let stranger = CommandBody::CreateDirectRoom { user_id: UserId::generate() };
        assert_eq!(code(command(stranger)), ErrorCode::BadRequest);
        let message_id = MessageId::generate();
        let blank = CommandBody::EditMessage { message_id, content: " ".into() };
        assert_eq!(code(command(blank)), ErrorCode::ContentEmpty);
        let two_words = CommandBody::ReactToMessage { message_id, emoji: "a b".into(), remove: true };
        assert_eq!(code(command(two_words)), ErrorCode::InvalidCharacter);
        let nothing = CommandBody::UpdateRoom { name: None, open: None };
        assert_eq!(code(command(nothing)), ErrorCode::BadRequest);
        let blank = CommandBody::UpdateRoom { name: Some(" ".into()), open: None };
        assert_eq!(code(command(blank)), ErrorCode::BadRequest);
        let crowd = vec![UserId::generate(); limits::USERS_PER_COMMAND + 1];
        assert_eq!(code(command(CommandBody::InviteMembers { user_ids: crowd })), ErrorCode::BadRequest);
    }

    #[test]
    fn poison_tells_its_reason_and_who_waits_if_that_can_be_read() {
        let sent = send("hi");
        let json = serde_json::to_string(&sent).unwrap();
        let asked = |key: &str, value: String| match decode(&record(key, value.into())) {
            Decoded::Poison { reason, asker } => (reason, asker),
            other => panic!("{other:?}"),
        };
        let key = sent.room_id.to_string();
        let (reason, asker) = asked(&key, json.replace("\"v\":1", "\"v\":9"));
        assert_eq!((reason.as_str(), asker), ("schema version 9 is not supported", Some(Asker::from(&sent))));
        let (reason, asker) = asked(&key, json.replace("SendMessage", "Dance"));
        assert!(reason.contains("Dance"), "{reason}");
        assert_eq!(asker, Some(Asker::from(&sent)));
        assert_eq!(asked("other", json).0, "the record's key is not the command's room");
        assert_eq!(asked(&key, "{".into()).1, None);
        assert_eq!(asked(&key, String::new()).1, None);
    }
}
