//! Bodies of SEND frames: JSON objects, read as strictly as `chat.v1`.

use chat_protocol::{
    ClientMessageId, CommandBody, EntryType, ErrorCode, Rejection, RoomId,
    json::{JsonError, Object},
};
use chat_stomp::Frame;

use super::super::{
    destination::SendTo,
    request::{Request, SendRequest, Tag},
};

/// What a SEND asks for. `named` is the room that its destination names.
pub fn request(to: SendTo, named: Option<RoomId>, frame: &Frame, tag: Tag) -> Request {
    if to == SendTo::Ignored {
        return Request::Answer { tag };
    }
    let text = std::str::from_utf8(&frame.body).map_err(|_| JsonError::new("must be UTF-8"));
    match text.and_then(|text| read(to, named, frame, tag.clone(), text)) {
        Ok(request) => request,
        Err(problem) => {
            let rejection = Rejection::new(ErrorCode::BadRequest, format!("in the body: {problem}"));
            Request::Unreadable { tag, rejection }
        }
    }
}

fn read(to: SendTo, named: Option<RoomId>, frame: &Frame, tag: Tag, text: &str) -> Result<Request, JsonError> {
    let mut body = Object::parse(text)?;
    let room_id = match (named, body.optional("roomId")?) {
        (Some(named), Some(said)) if named != said => {
            return Err(JsonError::new("roomId must be that of the destination, or absent"));
        }
        (Some(room_id), _) | (None, Some(room_id)) => room_id,
        (None, None) => body.required("roomId")?,
    };
    let command = match to {
        SendTo::Read => return Ok(Request::Read { tag, room_id, seq: body.required("seq")? }),
        SendTo::Typing => return Ok(Request::Typing { tag, room_id, typing: body.required("typing")? }),
        SendTo::Ignored => return Ok(Request::Answer { tag }),
        SendTo::Message => CommandBody::SendMessage {
            content: content(&mut body)?,
            message_type: body.optional("type")?.unwrap_or(EntryType::Text),
            reply_to: body.optional("replyTo")?,
        },
        SendTo::Edit => {
            CommandBody::EditMessage { message_id: body.required("messageId")?, content: content(&mut body)? }
        }
        SendTo::Delete => CommandBody::DeleteMessage { message_id: body.required("messageId")? },
        SendTo::React => CommandBody::ReactToMessage {
            message_id: body.required("messageId")?,
            emoji: body.required("emoji")?,
            remove: body.optional("remove")?.unwrap_or_default(),
        },
    };
    // Without an id there is no safe retry, but a command all the same.
    let client_message_id = body.optional("clientMessageId")?.unwrap_or_else(ClientMessageId::generate);
    let traceparent = frame.header("traceparent").map(str::to_owned);
    Ok(Request::Send { tag, send: SendRequest { room_id, client_message_id, body: command, traceparent } })
}

/// Some front ends call it `message`.
fn content(body: &mut Object<'_>) -> Result<String, JsonError> {
    let name = if body.has("message") && !body.has("content") { "message" } else { "content" };
    body.required(name)
}

#[cfg(test)]
mod tests {
    use chat_protocol::MessageId;
    use chat_stomp::Command;
    use serde_json::{Value, json};

    use super::*;

    fn read(to: SendTo, named: Option<RoomId>, body: &Value) -> Request {
        let frame = Frame::new(Command::Send).with_body(body.to_string());
        request(to, named, &frame, Tag::Stomp(None))
    }

    fn problem(request: Request) -> String {
        match request {
            Request::Unreadable { rejection, .. } => rejection.message,
            other => panic!("read: {other:?}"),
        }
    }

    #[test]
    fn every_destination_has_its_body() {
        let (room, message) = (RoomId::generate(), MessageId::generate());
        let command = |to, body: &Value| match read(to, None, body) {
            Request::Send { send, .. } => (send.room_id, send.body),
            other => panic!("{other:?}"),
        };
        let (room_id, body) = command(SendTo::Edit, &json!({"roomId": room, "messageId": message, "content": "b"}));
        assert_eq!((room_id, body), (room, CommandBody::EditMessage { message_id: message, content: "b".into() }));
        let (_, body) = command(SendTo::Delete, &json!({"roomId": room, "messageId": message}));
        assert_eq!(body, CommandBody::DeleteMessage { message_id: message });
        let (_, body) =
            command(SendTo::React, &json!({"roomId": room, "messageId": message, "emoji": "x", "remove": true}));
        assert_eq!(body, CommandBody::ReactToMessage { message_id: message, emoji: "x".into(), remove: true });
        let typing = read(SendTo::Typing, None, &json!({"roomId": room, "typing": false}));
        assert!(matches!(typing, Request::Typing { room_id, typing: false, .. } if room_id == room), "{typing:?}");
        let mark = read(SendTo::Read, None, &json!({"roomId": room, "seq": 4}));
        assert!(matches!(mark, Request::Read { room_id, seq: 4, .. } if room_id == room), "{mark:?}");
        assert!(matches!(read(SendTo::Ignored, None, &json!("no object")), Request::Answer { .. }));
    }

    #[test]
    fn a_message_may_be_called_content_or_message() {
        let room = RoomId::generate();
        for body in
            [json!({"roomId": room, "content": "hi", "message": "other"}), json!({"roomId": room, "message": "hi"})]
        {
            let Request::Send { send, .. } = read(SendTo::Message, None, &body) else { panic!("{body}") };
            let hi = CommandBody::SendMessage { content: "hi".into(), message_type: EntryType::Text, reply_to: None };
            assert_eq!(send.body, hi);
        }
        let neither = problem(read(SendTo::Message, None, &json!({"roomId": room})));
        assert!(neither.contains("content is missing"), "{neither}");
    }

    #[test]
    fn the_room_stands_in_the_destination_or_in_the_body_or_in_both_alike() {
        let (room, other) = (RoomId::generate(), RoomId::generate());
        for (named, said, expected) in
            [(Some(room), None, room), (Some(room), Some(room), room), (None, Some(other), other)]
        {
            let body = json!({"roomId": said, "content": "hi"});
            let Request::Send { send, .. } = read(SendTo::Message, named, &body) else { panic!("{body}") };
            assert_eq!(send.room_id, expected);
        }
        let disagree = problem(read(SendTo::Message, Some(room), &json!({"roomId": other, "content": "hi"})));
        assert!(disagree.contains("roomId must be that of the destination"), "{disagree}");
        let neither = problem(read(SendTo::Message, None, &json!({"content": "hi"})));
        assert!(neither.contains("roomId is missing"), "{neither}");
    }

    #[test]
    fn a_body_that_is_not_text_is_refused() {
        let frame = Frame::new(Command::Send).with_body(&b"\xff\xfe"[..]);
        assert!(problem(request(SendTo::Message, None, &frame, Tag::Stomp(None))).contains("UTF-8"));
    }
}
