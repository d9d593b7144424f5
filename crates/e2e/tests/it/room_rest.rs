//! Messages and rooms by REST: changes, catching up, marks, and repeating without doing it twice.

use chat_client::rest::{PageQuery, RoomEvent};
use chat_e2e::{Person, System, Talk};
use chat_protocol::{ClientMessageId, ErrorCode, MessageId, RoomId, limits};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A call with a key; the status and the answer.
async fn call(
    system: &System,
    person: &Person,
    (method, path): (Method, &str),
    key: Option<&str>,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let url = format!("{}/api/v1/chat{path}", system.gateway(0).url());
    let mut request = reqwest::Client::new().request(method, url).bearer_auth(&person.token);
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
}

async fn say(system: &System, person: &Person, room: RoomId, text: &str) -> MessageId {
    system.rest(0, person).send_message(room, &ClientMessageId::generate(), text).await.unwrap().message_id
}

#[tokio::test]
async fn messages_are_edited_deleted_and_reacted_to() {
    let system = System::shared().await;
    let (alice, bob, eve) = (system.person("alice").await, system.person("bob").await, system.person("eve").await);
    let room = system.group(&[&alice, &bob]).await;
    let said = say(&system, &bob, room, "helo").await;
    let (a, b, e) = (system.rest(0, &alice), system.rest(1, &bob), system.rest(1, &eve));

    let edited = b.edit_message(room, said, "hello").await.unwrap();
    assert_eq!((edited.message_id, edited.seq, edited.duplicate), (said, 3, false));
    for emoji in ["👍", "❤️", "a/b", "50%"] {
        assert!(!a.react(room, said, emoji, false).await.unwrap().duplicate, "{emoji}");
    }
    assert_eq!(a.react(room, said, "👍", false).await.unwrap().seq, 7, "there already");
    assert_eq!(a.react(room, said, "👍", true).await.unwrap().seq, 8);
    let shown =
        a.messages(room, PageQuery { after: Some(1), ..PageQuery::default() }).await.unwrap().messages.remove(0);
    let emojis: Vec<&str> = shown.reactions.iter().map(|reaction| reaction.emoji.as_str()).collect();
    assert_eq!((shown.content.as_str(), shown.edited_at.is_some(), emojis), ("hello", true, vec!["❤️", "a/b", "50%"]));

    let refusals = [
        (a.edit_message(room, said, "alice's").await, ErrorCode::Forbidden),
        (b.edit_message(room, said, " ").await, ErrorCode::ContentEmpty),
        (b.edit_message(room, said, &"x".repeat(limits::CONTENT_CHARS + 1)).await, ErrorCode::ContentTooLong),
        (b.edit_message(room, said, "a\0b").await, ErrorCode::InvalidCharacter),
        (b.edit_message(room, MessageId::generate(), "x").await, ErrorCode::MessageNotFound),
        (b.react(room, said, "a b", false).await, ErrorCode::InvalidCharacter),
        (b.react(room, said, &"x".repeat(limits::EMOJI_BYTES + 1), false).await, ErrorCode::BadRequest),
        (e.edit_message(room, said, "x").await, ErrorCode::RoomNotFound),
        (e.delete_message(room, said).await, ErrorCode::RoomNotFound),
        (e.react(room, said, "👍", false).await, ErrorCode::RoomNotFound),
        (e.delete_message(RoomId::generate(), said).await, ErrorCode::RoomNotFound),
    ];
    for (refused, code) in refusals {
        assert_eq!(refused.unwrap_err().code(), Some(code));
    }
    let own = say(&system, &alice, room, "alice's").await;
    assert_eq!(b.delete_message(room, own).await.unwrap_err().code(), Some(ErrorCode::Forbidden));
    assert_eq!(a.delete_message(room, said).await.unwrap().seq, 10, "by the owner");
    assert!(b.delete_message(room, said).await.unwrap().duplicate, "gone already");
    assert_eq!(b.edit_message(room, said, "back").await.unwrap_err().code(), Some(ErrorCode::MessageNotFound));
}

#[tokio::test]
async fn a_deleted_text_is_found_by_no_path() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let (said, rest) = (say(&system, &alice, room, "unique-qvz one").await, system.rest(0, &bob));
    let answer = ClientMessageId::generate();
    let reply = json!({"clientMessageId": answer, "content": "an answer", "replyTo": said});
    let path = format!("/rooms/{room}/messages");
    assert_eq!(call(&system, &bob, (Method::POST, &path), None, Some(reply)).await.0, StatusCode::CREATED);
    system.rest(1, &alice).edit_message(room, said, "unique-qvz two").await.unwrap();
    rest.react(room, said, "👍", false).await.unwrap();
    system.rest(1, &alice).delete_message(room, said).await.unwrap();

    let newest_first = rest.messages(room, PageQuery::default()).await.unwrap();
    let oldest_first = rest.messages(room, PageQuery { after: Some(0), ..PageQuery::default() }).await.unwrap();
    let events = rest.events(room, 0, 200).await.unwrap();
    let rooms = rest.rooms().await.unwrap();
    assert_eq!((newest_first.messages.len(), oldest_first.messages.len(), events.events.len()), (3, 3, 6));
    let told = format!("{newest_first:?} {oldest_first:?} {events:?} {rooms:?} {:?}", rest.room(room).await.unwrap());
    assert!(!told.contains("unique-qvz"), "{told}");
    assert_eq!(oldest_first.messages[2].reply_to, Some(said), "the answer still says what it answers");
    assert!(oldest_first.messages[1].deleted_at.is_some() && oldest_first.messages[1].reactions.is_empty());
}

#[tokio::test]
async fn events_are_everything_after_a_seq_in_pages() {
    let system = System::shared().await;
    let (alice, carol) = (system.person("alice").await, system.person("carol").await);
    let room = system.group(&[&alice]).await;
    let old = say(&system, &alice, room, "unique-qvy before").await;
    system.rest(0, &alice).invite(room, &[carol.id]).await.unwrap();
    system.rest(0, &alice).edit_message(room, old, "unique-qvy edited").await.unwrap();
    say(&system, &alice, room, "after").await;
    system.rest(0, &alice).react(room, old, "👍", false).await.unwrap();

    let rest = system.rest(1, &alice);
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let page = rest.events(room, after, 2).await.unwrap();
        assert!(page.events.len() <= 2 && page.head == 6 && page.seq == after + 2, "{page:?}");
        all.extend(page.events);
        after = page.seq;
        if !page.more {
            break;
        }
    }
    assert_eq!(all.iter().map(RoomEvent::seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert!(
        matches!(&all[3], RoomEvent::Edit(change) if change.message.content == "unique-qvy edited"),
        "{:?}",
        all[3]
    );
    assert!(matches!(&all[5], RoomEvent::React(change) if change.emoji.as_deref() == Some("👍")), "{:?}", all[5]);
    let nothing = rest.events(room, 6, 50).await.unwrap();
    assert_eq!((nothing.events.len(), nothing.seq, nothing.head, nothing.more), (0, 6, 6, false));
    assert_eq!(rest.events(room, 7, 50).await.unwrap_err().code(), Some(ErrorCode::InvalidSeq));
    assert_eq!(rest.events(room, -1, 50).await.unwrap_err().code(), Some(ErrorCode::BadRequest));

    // Carol's begin with her invitation, and show nothing of what was said before it.
    let hers = system.rest(0, &carol).events(room, 0, 50).await.unwrap();
    assert_eq!(hers.events.iter().map(RoomEvent::seq).collect::<Vec<_>>(), [3, 4, 5, 6]);
    assert!(!format!("{hers:?}").contains("unique-qvy"), "{hers:?}");
    let stranger = system.person("eve").await;
    let refused = system.rest(0, &stranger).events(room, 0, 50).await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (Some(404), Some(ErrorCode::RoomNotFound)));
}

#[tokio::test]
async fn every_members_mark_is_told() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    say(&system, &alice, room, "hello").await;
    let marks = system.rest(1, &bob).read_marks(room).await.unwrap();
    let of = |person: &Person| marks.iter().find(|mark| mark.user_id == person.id).unwrap().last_read_seq;
    assert_eq!((marks.len(), of(&alice), of(&bob)), (2, 2, 1), "the sender has read what it sent");
    let stranger = system.person("eve").await;
    let refused = system.rest(0, &stranger).read_marks(room).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::RoomNotFound));
}

#[tokio::test]
async fn a_command_repeated_under_its_key_is_executed_once() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let said = say(&system, &alice, room, "hello").await;
    let (one, kick) = (format!("/rooms/{room}"), format!("/rooms/{room}/members/{}", bob.id));
    let message = format!("/rooms/{room}/messages/{said}");
    for turn in 0..2 {
        let edit = Some(json!({"content": "hello!", "clientMessageId": "e-1"}));
        let (status, answer) = call(&system, &alice, (Method::PATCH, &message), Some("e-1"), edit).await;
        assert_eq!((status, &answer["seq"], &answer["duplicate"]), (StatusCode::OK, &json!(3), &json!(turn > 0)));
        assert_eq!(answer["clientMessageId"], "e-1");
        let (status, answer) =
            call(&system, &alice, (Method::PATCH, &one), Some("u-1"), Some(json!({"name": "hall"}))).await;
        assert_eq!((status, &answer["name"]), (StatusCode::OK, &json!("hall")));
        let (status, _) = call(&system, &alice, (Method::DELETE, &kick), Some("k-1"), None).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "a repeat finds the kick, though nobody is there any more");
    }
    assert_eq!(system.rest(1, &alice).room(room).await.unwrap().head_seq, 5);
    let other = Some(json!({"content": "hello!", "clientMessageId": "e-2"}));
    let (status, problem) = call(&system, &alice, (Method::PATCH, &message), Some("e-1"), other).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("bad_request")), "two ids");
    let (status, problem) = call(&system, &alice, (Method::DELETE, &message), Some("k-1"), None).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("id_conflict")));
    let (status, problem) = call(&system, &alice, (Method::DELETE, &message), Some("a b"), None).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("bad_request")));
    let (status, _) = call(&system, &alice, (Method::DELETE, &kick), None, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "a new command, and nobody to remove");
    let (status, _) = call(&system, &alice, (Method::PATCH, &one), None, Some(json!({}))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "nothing to change");
}

#[tokio::test]
async fn front_ends_of_the_other_backend_rename_and_remove() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let base = format!("{}/compat/api/v1/chat/group-rooms/{room}", system.gateway(0).url());
    let client = reqwest::Client::new();
    let renamed =
        client.patch(&base).bearer_auth(&alice.token).json(&json!({"roomName": "hall"})).send().await.unwrap();
    let answer: Value = renamed.json().await.unwrap();
    assert_eq!((&answer["success"], &answer["data"]["name"]), (&json!(true), &json!("hall")));
    let removed = client.delete(format!("{base}/members/{}", bob.id)).bearer_auth(&alice.token).send().await.unwrap();
    assert_eq!(removed.json::<Value>().await.unwrap()["success"], true);
    let at_alice = system.connect(0, &alice, &[]).await;
    at_alice.say(room, "alone").await;
    assert_eq!(system.rest(1, &bob).room(room).await.unwrap_err().code(), Some(ErrorCode::RoomNotFound));
}
