//! The commands of `chat.v1` that other files do not cover: what each does, and what refuses it.

use std::time::Duration;

use chat_client::Connection;
use chat_e2e::{PATIENCE, System, Talk, assert_gapless, deadline, frame_error};
use chat_protocol::{
    ClientMessageId, ErrorCode, MessageId, RoomId,
    frame::{ClientCommand, ReplyBody, RoomCursor},
};

#[tokio::test]
async fn a_second_connect_is_refused_and_the_session_stays() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice]).await;
    let mut connection = system.connect(0, &alice, &[(room, None)]).await;
    for token in [None, Some(alice.token.clone()), Some(bob.token.clone()), Some("nonsense".to_owned())] {
        let again = connection.call(ClientCommand::Connect { token, rooms: Vec::new() }).await;
        assert_eq!(frame_error(again).code, ErrorCode::BadRequest);
    }
    connection.say(room, "still alice").await;
    assert_eq!(connection.entries(room, 2).await[0].sender_id, alice.id);
}

#[tokio::test]
async fn a_refreshed_session_outlives_its_first_token() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let url = system.gateway(0).ws_url();
    let short = alice.token_for(Duration::from_secs(3));
    let open = async || Connection::connect(&url, &short, Vec::new()).await.unwrap();
    let ((refreshed, welcome), (not, _)) = (open().await, open().await);
    let token = alice.token_for(Duration::from_mins(10));
    let Ok(ReplyBody::Refresh { expires_at }) = refreshed.call(ClientCommand::Refresh { token }).await else {
        panic!("refused")
    };
    assert!(expires_at > welcome.expires_at, "{expires_at}");
    assert_eq!(deadline("the end of its token", PATIENCE, not.closed()).await.code, Some(4401));
    refreshed.call(ClientCommand::Ping).await.unwrap();
}

#[tokio::test]
async fn a_refresh_with_a_token_that_cannot_be_is_refused() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let connection = system.connect(0, &alice, &[]).await;
    let others = connection.call(ClientCommand::Refresh { token: bob.token.clone() }).await;
    assert_eq!(frame_error(others).code, ErrorCode::Forbidden);
    connection.call(ClientCommand::Ping).await.unwrap();
    for (token, code) in
        [(alice.expired_token(), ErrorCode::TokenExpired), ("nonsense".to_owned(), ErrorCode::Unauthorized)]
    {
        let connection = system.connect(0, &alice, &[]).await;
        assert_eq!(frame_error(connection.call(ClientCommand::Refresh { token }).await).code, code);
        assert_eq!(deadline("closed", PATIENCE, connection.closed()).await.code, Some(4401));
    }
}

#[tokio::test]
async fn a_cursor_from_before_the_join_is_moved_to_the_join() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice]).await;
    let at_alice = system.connect(0, &alice, &[]).await;
    at_alice.say(room, "before bob").await;
    system.rest(0, &alice).invite(room, &[bob.id]).await.unwrap();
    at_alice.say(room, "with bob").await;
    system.connect(0, &alice, &[(room, Some(0))]).await.entries(room, 4).await;
    let mut at_bob = system.connect(1, &bob, &[]).await;
    let subscription = at_bob.subscribe(room, Some(0)).await;
    assert_eq!((subscription.seq, subscription.head, subscription.error), (2, 4, None), "3 is the invitation");
    assert_gapless(&at_bob.entries(room, 4).await, 3);
    let history = |after| ClientCommand::History { room_id: room, before: None, after: Some(after), limit: None };
    let Ok(ReplyBody::History { messages, .. }) = at_bob.call(history(0)).await else { panic!("refused") };
    assert_gapless(&messages, 3);
}

#[tokio::test]
async fn a_session_has_so_many_rooms_and_no_more() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let connection = system.connect(0, &alice, &[]).await;
    let rooms = |count: usize| {
        (0..count).map(|_| RoomCursor { room_id: RoomId::generate(), after: None, presence: false }).collect::<Vec<_>>()
    };
    let too_many = connection.call(ClientCommand::Subscribe { rooms: rooms(501) }).await;
    assert!(frame_error(too_many).message.contains("1 to 500"));
    // Rooms that are not there leave no trace, however many.
    for _ in 0..3 {
        let Ok(ReplyBody::Subscribe { rooms }) = connection.call(ClientCommand::Subscribe { rooms: rooms(500) }).await
        else {
            panic!("refused")
        };
        let codes: Vec<_> = rooms.into_iter().map(|room| room.error.map(|error| error.code)).collect();
        assert_eq!(codes, vec![Some(ErrorCode::RoomNotFound); 500]);
    }
}

#[tokio::test]
async fn an_unsubscribe_of_what_is_not_subscribed_is_no_error() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let connection = system.connect(0, &alice, &[]).await;
    for rooms in [vec![RoomId::generate()], Vec::new()] {
        assert_eq!(connection.call(ClientCommand::Unsubscribe { rooms }).await.unwrap(), ReplyBody::Unsubscribe {});
    }
}

#[tokio::test]
async fn a_page_of_history_has_bounds() {
    let system = System::shared().await;
    let alice = system.person("alice").await;
    let room = system.group(&[&alice]).await;
    let connection = system.connect(0, &alice, &[]).await;
    let page = |before, after, limit| ClientCommand::History { room_id: room, before, after, limit };
    for (before, after) in [(Some(1), Some(1)), (Some(0), None), (Some(-1), None), (None, Some(-1))] {
        let refused = connection.call(page(before, after, None)).await;
        assert_eq!(frame_error(refused).code, ErrorCode::BadRequest, "{before:?} {after:?}");
    }
    for limit in [Some(0), Some(1), Some(u32::MAX), None] {
        let Ok(ReplyBody::History { messages, more, head, .. }) = connection.call(page(None, None, limit)).await else {
            panic!("refused")
        };
        assert_eq!((messages.len(), more, head), (1, false, 1), "{limit:?}");
    }
    let beyond = connection.call(page(None, Some(i64::MAX), None)).await;
    assert!(matches!(beyond, Ok(ReplyBody::History { ref messages, .. }) if messages.is_empty()), "{beyond:?}");
}

#[tokio::test]
async fn a_negative_read_mark_and_one_of_a_foreign_room_are_refused() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let (own, foreign) = (system.group(&[&alice]).await, system.group(&[&bob]).await);
    let connection = system.connect(0, &alice, &[]).await;
    for (room_id, seq, code) in [
        (own, -1, ErrorCode::BadRequest),
        (own, i64::MIN, ErrorCode::BadRequest),
        (foreign, 1, ErrorCode::RoomNotFound),
        (RoomId::generate(), 1, ErrorCode::RoomNotFound),
    ] {
        let refused = connection.call(ClientCommand::Read { room_id, seq }).await;
        assert_eq!(frame_error(refused).code, code, "{room_id} {seq}");
    }
    assert_eq!(connection.call(ClientCommand::Read { room_id: own, seq: 0 }).await.unwrap(), ReplyBody::Read {});
}

#[tokio::test]
async fn changes_of_messages_are_checked_before_they_are_taken() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let (own, foreign) = (system.group(&[&alice]).await, system.group(&[&bob]).await);
    let connection = system.connect(0, &alice, &[]).await;
    let (message_id, id) = (MessageId::generate(), ClientMessageId::generate);
    let edit = |room_id, content: &str| ClientCommand::Edit {
        room_id,
        message_id,
        client_message_id: id(),
        content: content.to_owned(),
    };
    let react = |room_id, emoji: &str| {
        let emoji = emoji.to_owned();
        ClientCommand::React { room_id, message_id, client_message_id: id(), emoji, remove: false }
    };
    let delete = |room_id| ClientCommand::Delete { room_id, message_id, client_message_id: id() };
    for (command, code) in [
        (edit(own, " "), ErrorCode::ContentEmpty),
        (edit(own, &"x".repeat(5_001)), ErrorCode::ContentTooLong),
        (edit(own, "a\u{0}"), ErrorCode::InvalidCharacter),
        (edit(foreign, "a"), ErrorCode::RoomNotFound),
        (react(own, ""), ErrorCode::BadRequest),
        (react(own, &"x".repeat(65)), ErrorCode::BadRequest),
        (react(own, "a b"), ErrorCode::InvalidCharacter),
        (react(foreign, "a"), ErrorCode::RoomNotFound),
        (delete(foreign), ErrorCode::RoomNotFound),
    ] {
        let shown = format!("{command:.120?}");
        assert_eq!(frame_error(connection.call(command).await).code, code, "{shown}");
    }
    let typing = ClientCommand::Typing { room_id: own, typing: true };
    assert_eq!(connection.call(typing).await.unwrap(), ReplyBody::Typing {});
}
