//! Commands that are refused: each with its code, the connection stays.

use chat_client::Connection;
use chat_e2e::{Person, System, Talk, frame_error};
use chat_protocol::{
    ClientMessageId, ErrorCode, RoomId, UserId,
    frame::{ClientCommand, ReplyResult},
};
use serde_json::{Value, json};

fn send_frame(room: RoomId, content: &Value) -> Value {
    json!({"id": 900, "cmd": "send", "roomId": room, "clientMessageId": ClientMessageId::generate(), "content": content})
}

async fn still_works(connection: &mut Connection, room: RoomId) {
    let id = connection.say(room, "still here").await;
    connection.persisted(&id).await;
}

async fn alone(system: &System) -> (Person, RoomId, Connection) {
    let person = system.person("alice").await;
    let room = system.group(&[&person]).await;
    let connection = system.connect(0, &person, &[]).await;
    (person, room, connection)
}

#[tokio::test]
async fn content_that_cannot_be_a_message_is_refused() {
    let system = System::shared().await;
    let (_, room, mut connection) = alone(&system).await;
    for (content, code) in [
        (json!(""), ErrorCode::ContentEmpty),
        (json!(" \n\t\u{3000}"), ErrorCode::ContentEmpty),
        (json!("x".repeat(5_001)), ErrorCode::ContentTooLong),
        (json!("\u{1f600}".repeat(5_001)), ErrorCode::ContentTooLong),
        (json!("a\u{0}b"), ErrorCode::InvalidCharacter),
        (json!(7), ErrorCode::BadRequest),
        (json!(null), ErrorCode::BadRequest),
    ] {
        let frame = send_frame(room, &content).to_string();
        let (id, error) = connection.refused(&frame).await;
        assert_eq!((id, error.code), (900, code), "{content}");
    }
    still_works(&mut connection, room).await;
}

#[tokio::test]
async fn the_largest_content_arrives_as_it_was() {
    let system = System::shared().await;
    let (person, room, connection) = alone(&system).await;
    let mut reader = system.connect(1, &person, &[(room, None)]).await;
    let texts = ["\u{1f600}".repeat(5_000), "\"\\\n\u{202e}<b>&amp;</b>\u{1}".to_owned(), "가".repeat(5_000)];
    for (text, seq) in texts.iter().zip(2..) {
        connection.say(room, text).await;
        assert_eq!(reader.entries(room, seq).await[0].content, *text);
    }
}

#[tokio::test]
async fn a_frame_that_is_no_command_is_refused() {
    let system = System::shared().await;
    let (alice, room, mut connection) = alone(&system).await;
    for (frame, id) in [
        ("", 0),
        ("{", 0),
        ("null", 0),
        ("[]", 0),
        ("\"connect\"", 0),
        (r#"{"id":-1,"cmd":"ping"}"#, 0),
        (r#"{"id":901}"#, 901),
        (r#"{"id":902,"cmd":"dance"}"#, 902),
        (r#"{"id":903,"cmd":"subscribe","rooms":[{"roomId":"not a room"}]}"#, 903),
        (r#"{"id":904,"cmd":"ping"} and more"#, 0),
        (r#"{"id":905,"cmd":"connect","token":"again"}"#, 905),
    ] {
        // On a connection of its own: three of them would end one.
        let mut connection = system.connect(0, &alice, &[]).await;
        let (replied, error) = connection.refused(frame).await;
        assert_eq!((replied, error.code), (id, ErrorCode::BadRequest), "{frame}");
    }
    let negative = json!({"id": 906, "cmd": "read", "roomId": room, "seq": -1}).to_string();
    let (id, error) = connection.refused(&negative).await;
    assert_eq!((id, error.code), (906, ErrorCode::BadRequest));
    let rooms: Vec<Value> = (0..501).map(|_| json!({"roomId": RoomId::generate()})).collect();
    let many = json!({"id": 907, "cmd": "subscribe", "rooms": rooms}).to_string();
    let (id, error) = connection.refused(&many).await;
    assert_eq!((id, error.code), (907, ErrorCode::BadRequest));
    let nested = "[".repeat(60_000);
    assert_eq!(connection.refused(&nested).await.1.code, ErrorCode::BadRequest);
    still_works(&mut connection, room).await;
}

#[tokio::test]
async fn system_entries_are_the_servers() {
    let system = System::shared().await;
    let (_, room, mut connection) = alone(&system).await;
    for entry_type in ["SYSTEM_CREATE", "SYSTEM_LEAVE", "SYSTEM_KICK", "AUDIO"] {
        let mut frame = send_frame(room, &json!("hello"));
        frame["type"] = json!(entry_type);
        let (id, error) = connection.refused(&frame.to_string()).await;
        assert_eq!((id, error.code), (900, ErrorCode::BadRequest), "{entry_type}");
    }
    still_works(&mut connection, room).await;
}

#[tokio::test]
async fn what_a_client_says_about_sender_place_and_time_is_ignored() {
    let system = System::shared().await;
    let (alice, room, mut connection) = alone(&system).await;
    let mut frame = send_frame(room, &json!("it was me"));
    frame["senderId"] = json!(UserId::generate());
    frame["senderNickname"] = json!("the boss");
    frame["seq"] = json!(99);
    frame["number"] = json!(99);
    frame["sentAt"] = json!("1999-01-01T00:00:00Z");
    frame["messageId"] = json!("00000000-0000-0000-0000-000000000000");
    let reply = connection.raw(&frame.to_string()).await;
    assert!(matches!(reply.result, ReplyResult::Ok(_)), "{reply:?}");
    let entry = system.connect(1, &alice, &[(room, Some(1))]).await.entries(room, 2).await.remove(0);
    assert_eq!((entry.sender_id, entry.sender_nickname.as_str()), (alice.id, "alice"));
    assert_eq!((entry.seq, entry.number), (2, 1));
    assert!(entry.sent_at.to_string().starts_with("20"), "{}", entry.sent_at);
    assert!(!entry.message_id.0.is_nil());
}

#[tokio::test]
async fn a_room_of_others_is_as_if_it_were_not_there() {
    let system = System::shared().await;
    let (alice, room, mut connection) = alone(&system).await;
    let foreign = system.group(&[&system.person("bob").await]).await;
    for absent in [foreign, RoomId::generate()] {
        assert_eq!(connection.subscribe(absent, Some(0)).await.error.unwrap().code, ErrorCode::RoomNotFound);
        let sent = connection.say_as(absent, &ClientMessageId::generate(), "let me in").await;
        assert_eq!(frame_error(sent).code, ErrorCode::RoomNotFound);
        let history = ClientCommand::History { room_id: absent, before: None, after: None, limit: None };
        assert_eq!(frame_error(connection.call(history).await).code, ErrorCode::RoomNotFound);
        let read = ClientCommand::Read { room_id: absent, seq: 1 };
        assert_eq!(frame_error(connection.call(read).await).code, ErrorCode::RoomNotFound);
        let rest = system.rest(1, &alice);
        assert_eq!(rest.room(absent).await.unwrap_err().code(), Some(ErrorCode::RoomNotFound));
        assert_eq!(rest.members(absent).await.unwrap_err().code(), Some(ErrorCode::RoomNotFound));
        assert_eq!(rest.invite(absent, &[alice.id]).await.unwrap_err().code(), Some(ErrorCode::RoomNotFound));
        assert_eq!(rest.leave(absent).await.unwrap_err().code(), Some(ErrorCode::RoomNotFound));
    }
    still_works(&mut connection, room).await;
}
