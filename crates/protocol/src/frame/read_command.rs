//! Reads what a client sent: the strict way in. Every refusal names the field and what it must be.

use crate::{
    entry::EntryType,
    error_code::{ErrorCode, Rejection},
    frame::{ClientCommand, ClientFrame},
    json::{JsonError, Object},
};

/// A text that is no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct CommandError {
    /// The id it carries, so that the reply can be matched; 0 if that could not be read.
    pub id: u64,
    problem: JsonError,
}

impl From<CommandError> for Rejection {
    fn from(error: CommandError) -> Self {
        Self::new(ErrorCode::BadRequest, error.problem.to_string())
    }
}

/// Reads a text frame of a client. Fields that the command does not have are ignored.
pub fn read_command(text: &str) -> Result<ClientFrame, CommandError> {
    let fail = |id| move |problem| CommandError { id, problem };
    let mut object = Object::parse(text).map_err(fail(0))?;
    let id = object.required::<u64>("id").map_err(fail(0))?;
    if id == 0 {
        // The reply to a frame whose id could not be read carries 0.
        return Err(fail(0)(JsonError("id must be 1 or more".to_owned())));
    }
    let command = command(&mut object).map_err(fail(id))?;
    Ok(ClientFrame { id, command })
}

fn command(object: &mut Object<'_>) -> Result<ClientCommand, JsonError> {
    let name = object.required::<String>("cmd")?;
    Ok(match &*name {
        "connect" => ClientCommand::Connect {
            token: object.optional("token")?,
            rooms: object.optional("rooms")?.unwrap_or_default(),
        },
        "refresh" => ClientCommand::Refresh { token: object.required("token")? },
        "subscribe" => ClientCommand::Subscribe { rooms: object.required("rooms")? },
        "unsubscribe" => ClientCommand::Unsubscribe { rooms: object.required("rooms")? },
        "send" => ClientCommand::Send {
            room_id: object.required("roomId")?,
            client_message_id: object.required("clientMessageId")?,
            content: object.required("content")?,
            message_type: object.optional("type")?.unwrap_or(EntryType::Text),
            reply_to: object.optional("replyTo")?,
            traceparent: object.optional("traceparent")?,
        },
        "edit" => ClientCommand::Edit {
            room_id: object.required("roomId")?,
            message_id: object.required("messageId")?,
            client_message_id: object.required("clientMessageId")?,
            content: object.required("content")?,
        },
        "delete" => ClientCommand::Delete {
            room_id: object.required("roomId")?,
            message_id: object.required("messageId")?,
            client_message_id: object.required("clientMessageId")?,
        },
        "react" => ClientCommand::React {
            room_id: object.required("roomId")?,
            message_id: object.required("messageId")?,
            client_message_id: object.required("clientMessageId")?,
            emoji: object.required("emoji")?,
            remove: object.optional("remove")?.unwrap_or_default(),
        },
        "history" => ClientCommand::History {
            room_id: object.required("roomId")?,
            before: object.optional("before")?,
            after: object.optional("after")?,
            limit: object.optional("limit")?,
        },
        "read" => ClientCommand::Read { room_id: object.required("roomId")?, seq: object.required("seq")? },
        "typing" => ClientCommand::Typing { room_id: object.required("roomId")?, typing: object.required("typing")? },
        "ping" => ClientCommand::Ping,
        _ => return Err(JsonError(format!("cmd must be one of {}", ClientCommand::NAMES.join(", ")))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RoomId;

    fn refusal(text: &str) -> (u64, String) {
        let error = read_command(text).unwrap_err();
        (error.id, error.to_string())
    }

    #[test]
    fn both_readers_agree_on_every_sample() {
        let golden = include_str!("../../tests/golden/chat-v1-commands.json");
        let samples: serde_json::Map<String, serde_json::Value> = serde_json::from_str(golden).unwrap();
        let mut names: Vec<&str> = Vec::new();
        for (name, sample) in &samples {
            let text = sample.to_string();
            let read = read_command(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(read, serde_json::from_str(&text).unwrap(), "{name}");
            names.push(read.command.name());
        }
        for name in ClientCommand::NAMES {
            assert!(names.contains(name), "no sample of {name}");
        }
    }

    #[test]
    fn every_command_is_listed_for_those_who_misspell_one() {
        let error = serde_json::from_str::<ClientCommand>(r#"{"cmd":"?"}"#).unwrap_err().to_string();
        let listed: Vec<&str> = error.split("one of ").nth(1).unwrap().split('`').skip(1).step_by(2).collect();
        let mut names = ClientCommand::NAMES.to_vec();
        names.sort_unstable();
        let mut by_serde = listed.clone();
        by_serde.sort_unstable();
        assert_eq!(names, by_serde);
        let (id, message) = refusal(r#"{"id":6,"cmd":"dance"}"#);
        assert_eq!((id, message.as_str()), (6, &*format!("cmd must be one of {}", ClientCommand::NAMES.join(", "))));
    }

    #[test]
    fn a_refusal_names_the_field_and_what_it_must_be() {
        let room = RoomId::generate();
        let send = |more: &str| format!(r#"{{"id":5,"cmd":"send","roomId":"{room}","clientMessageId":1{more}}}"#);
        for (text, expected) in [
            (r#"{"id":5}"#.to_owned(), "cmd is missing: it must be a string"),
            (r#"{"id":5,"cmd":7}"#.to_owned(), "cmd must be a string, not another number"),
            (r#"{"id":5,"cmd":"send","roomId":"x"}"#.to_owned(), "roomId must be a UUID"),
            (r#"{"id":5,"cmd":"send","roomId":7}"#.to_owned(), "roomId must be a UUID, not another number"),
            (send(""), "content is missing: it must be a string"),
            (send(r#","content":7"#), "content must be a string, not another number"),
            (send(r#","content":"a","type":"AUDIO""#), "type must be TEXT or IMAGE"),
            (send(r#","content":"a","type":["TEXT"]"#), "type must be TEXT or IMAGE, not an array"),
            (send(r#","content":"a","replyTo":"x""#), "replyTo must be a UUID"),
            (
                format!(r#"{{"id":5,"cmd":"subscribe","rooms":[{{"roomId":"{room}"}},{{"after":1}}]}}"#),
                "rooms[1].roomId is missing: it must be a UUID",
            ),
            (r#"{"id":5,"cmd":"subscribe","rooms":["x"]}"#.to_owned(), "rooms[0] must be an object, not a string"),
            (r#"{"id":5,"cmd":"unsubscribe","rooms":[7]}"#.to_owned(), "rooms[0] must be a UUID, not another number"),
            (
                format!(r#"{{"id":5,"cmd":"typing","roomId":"{room}","typing":1}}"#),
                "typing must be true or false, not another number",
            ),
            (
                format!(r#"{{"id":5,"cmd":"read","roomId":"{room}","seq":1.5}}"#),
                "seq must be an integer from -9223372036854775808 to 9223372036854775807, not a fraction",
            ),
            (
                format!(r#"{{"id":5,"cmd":"read","roomId":"{room}","seq":9223372036854775808}}"#),
                "seq must be an integer from -9223372036854775808 to 9223372036854775807, not another number",
            ),
            (
                format!(r#"{{"id":5,"cmd":"history","roomId":"{room}","limit":-1}}"#),
                "limit must be an integer from 0 to 4294967295, not another number",
            ),
        ] {
            assert_eq!(refusal(&text), (5, expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn an_id_is_a_number_from_one_up() {
        for text in [
            r#"{"cmd":"ping"}"#,
            r#"{"id":null,"cmd":"ping"}"#,
            r#"{"id":"5","cmd":"ping"}"#,
            r#"{"id":-1,"cmd":"ping"}"#,
        ] {
            let (id, message) = refusal(text);
            assert!(id == 0 && message.starts_with("id "), "{text}: {message}");
        }
        assert_eq!(refusal(r#"{"id":0,"cmd":"ping"}"#), (0, "id must be 1 or more".to_owned()));
        assert_eq!(read_command(r#"{"id":18446744073709551615,"cmd":"ping"}"#).unwrap().id, u64::MAX);
    }

    #[test]
    fn what_a_refusal_says_is_short_however_long_the_frame_was() {
        let long = "x".repeat(60_000);
        for text in [
            format!(r#"{{"id":5,"cmd":"{long}"}}"#),
            format!(r#"{{"id":5,"cmd":"refresh","token":{{"{long}":1}}}}"#),
            format!(r#"{{"{long}":1,"{long}":2}}"#),
            format!(r#"{{"id":5,"cmd":"read","roomId":"{long}"}}"#),
        ] {
            assert!(refusal(&text).1.len() < 300, "{}", refusal(&text).1.len());
        }
    }

    #[test]
    fn fields_that_a_command_does_not_have_are_ignored() {
        let frame = read_command(r#"{"id":1,"cmd":"ping","senderId":7,"more":{"a":[1,null]}}"#).unwrap();
        assert_eq!(frame.command, ClientCommand::Ping);
    }
}
