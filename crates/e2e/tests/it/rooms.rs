//! Rooms and their members: every change has its place in the timeline.

use chat_client::{
    connection::CallError,
    rest::{PageQuery, RoomType},
};
use chat_e2e::{Person, System, Talk, assert_gapless};
use chat_protocol::{ClientMessageId, EntryType, ErrorCode, RoomId, frame::ServerPush};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// POST `/chat/rooms`: the status, and the room.
async fn open_direct(system: &System, gateway: usize, person: &Person, other: &Person) -> (u16, RoomId) {
    let url = format!("{}/api/v1/chat/rooms", system.gateway(gateway).url());
    let request = reqwest::Client::new().post(url).bearer_auth(&person.token).json(&json!({"targetUserId": other.id}));
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["roomId"].as_str().unwrap_or_else(|| panic!("{status} {body}")).parse().unwrap())
}

#[tokio::test]
async fn a_direct_room_is_created_once() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let (status, room) = open_direct(&system, 0, &alice, &bob).await;
    assert_eq!(status, 201);
    assert_eq!(open_direct(&system, 1, &alice, &bob).await, (200, room));
    assert_eq!(open_direct(&system, 1, &bob, &alice).await, (200, room));

    let seen = system.rest(1, &bob).room(room).await.unwrap();
    assert_eq!((seen.room_type, seen.member_count, seen.head_seq), (RoomType::Direct, 2, 1));
    assert_eq!(seen.name, "alice");
    let refused = system.rest(0, &alice).direct_room(alice.id).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::BadRequest));
    let nobody = Person { id: chat_protocol::UserId::generate(), ..bob };
    let refused = system.rest(0, &alice).direct_room(nobody.id).await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (Some(404), Some(ErrorCode::UserNotFound)));
}

#[tokio::test]
async fn racing_creators_of_a_direct_room_get_one_room() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let racing = (0..8).map(|turn| {
        let (person, other) = if turn % 4 < 2 { (&alice, &bob) } else { (&bob, &alice) };
        open_direct(&system, turn % 2, person, other)
    });
    let answers = join_all(racing).await;
    assert!(answers.iter().all(|(_, room)| *room == answers[0].1), "{answers:?}");
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 1, "{answers:?}");
    let page = system.rest(0, &bob).messages(answers[0].1, PageQuery::default()).await.unwrap();
    assert_eq!(page.messages.iter().map(|entry| entry.entry_type).collect::<Vec<_>>(), [EntryType::SystemCreate]);
}

#[tokio::test]
async fn the_timeline_tells_who_came_and_who_went() {
    let system = System::shared().await;
    let people = [system.person("alice").await, system.person("bob").await, system.person("carol").await];
    let [alice, bob, carol] = &people;
    let room = system.group(&[alice, bob]).await;
    let mut at_alice = system.connect(0, alice, &[(room, Some(0))]).await;
    system.rest(1, bob).invite(room, &[carol.id]).await.unwrap();
    system.rest(1, bob).leave(room).await.unwrap();

    let entries = at_alice.entries(room, 3).await;
    assert_gapless(&entries, 1);
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            let members: Vec<&str> = entry.members.iter().map(|member| member.nickname.as_str()).collect();
            (entry.entry_type, entry.sender_nickname.as_str(), entry.number, members)
        })
        .collect();
    assert_eq!(told[0], (EntryType::SystemCreate, "alice", 0, vec!["alice", "bob"]));
    assert_eq!(told[1], (EntryType::SystemInvite, "bob", 0, vec!["carol"]));
    assert_eq!(told[2], (EntryType::SystemLeave, "bob", 0, vec!["bob"]));
    let members = system.rest(0, carol).members(room).await.unwrap();
    assert_eq!(members.iter().map(|member| member.nickname.as_str()).collect::<Vec<_>>(), ["alice", "carol"]);
}

#[tokio::test]
async fn the_invited_see_the_room_from_their_invitation_on() {
    let system = System::shared().await;
    let (alice, carol) = (system.person("alice").await, system.person("carol").await);
    let room = system.group(&[&alice]).await;
    let at_alice = system.connect(0, &alice, &[]).await;
    at_alice.say(room, "before").await;
    let rest = system.rest(1, &carol);
    assert_eq!(rest.room(room).await.unwrap_err().code(), Some(ErrorCode::RoomNotFound));
    system.rest(0, &alice).invite(room, &[carol.id]).await.unwrap();
    at_alice.say(room, "after").await;

    let mut at_carol = system.connect(1, &carol, &[(room, Some(0))]).await;
    let entries = at_carol.entries(room, 4).await;
    assert_gapless(&entries, 3);
    assert_eq!(entries[0].entry_type, EntryType::SystemInvite);
    let page = rest.messages(room, PageQuery { after: Some(0), ..PageQuery::default() }).await.unwrap();
    assert_eq!(page.messages, entries);
    let page = rest.messages(room, PageQuery::default()).await.unwrap();
    assert_eq!((page.messages.len(), page.more), (2, false));
    assert_eq!(rest.room(room).await.unwrap().unread_count, 1);
}

#[tokio::test]
async fn nothing_after_leaving_reaches_whoever_left() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let (room, other) = (system.group(&[&alice, &bob]).await, system.group(&[&alice, &bob]).await);
    let at_alice = system.connect(0, &alice, &[]).await;
    let mut at_bob = system.connect(1, &bob, &[(room, None), (other, None)]).await;
    let leaving = async {
        at_alice.say(room, "before").await;
        system.rest(0, &bob).leave(room).await.unwrap();
    };
    let talking = async {
        for turn in 0..20 {
            at_alice.say(room, &format!("{turn}")).await;
        }
    };
    tokio::join!(leaving, talking);

    let heard = at_bob.hear_until("unsubscribed", |push| matches!(push, ServerPush::Unsubscribed { .. })).await;
    assert_eq!(heard.last(), Some(&ServerPush::Unsubscribed { room_id: room, code: ErrorCode::RoomNotFound }));
    let entries: Vec<_> = heard
        .into_iter()
        .filter_map(|push| match push {
            ServerPush::Message { message } => Some(message),
            _ => None,
        })
        .collect();
    assert_gapless(&entries, 2);
    let last = entries.last().unwrap();
    assert_eq!((last.entry_type, last.sender_id), (EntryType::SystemLeave, bob.id));

    at_alice.say(room, "after").await;
    at_alice.say(other, "the end").await;
    let after = at_bob
        .hear_until("the end", |push| matches!(push, ServerPush::Message { message } if message.room_id == other));
    let after = after.await;
    let of_room = |push: &&ServerPush| matches!(push, ServerPush::Message { message } if message.room_id == room);
    assert_eq!(after.iter().find(of_room), None);
    assert_eq!(at_bob.subscribe(room, None).await.error.unwrap().code, ErrorCode::RoomNotFound);
}

#[tokio::test]
async fn whoever_left_cannot_send_from_anywhere() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_bob = system.connect(1, &bob, &[]).await;
    // The gateway knows now that bob is a member, and may know it for a while.
    let id = at_bob.say(room, "hello").await;
    at_bob.persisted(&id).await;
    system.rest(0, &bob).leave(room).await.unwrap();

    let id = ClientMessageId::generate();
    let code = match at_bob.say_as(room, &id, "one more thing").await {
        Err(CallError::Refused(error)) => error.code,
        _ => {
            at_bob
                .hear("rejected", |push| match push {
                    ServerPush::Rejected { client_message_id, error, .. } if client_message_id == id => {
                        Some(error.code)
                    }
                    _ => None,
                })
                .await
        }
    };
    assert_eq!(code, ErrorCode::RoomNotFound);
    assert_eq!(system.rest(0, &alice).room(room).await.unwrap().head_seq, 3);
}

#[tokio::test]
async fn whoever_comes_back_sees_from_the_second_invitation_on() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_alice = system.connect(0, &alice, &[(room, Some(0))]).await;
    system.rest(0, &bob).leave(room).await.unwrap();
    at_alice.say(room, "behind your back").await;
    at_alice.entries(room, 3).await;
    system.rest(0, &alice).invite(room, &[bob.id]).await.unwrap();
    at_alice.say(room, "welcome back").await;

    let mut at_bob = system.connect(1, &bob, &[(room, Some(1))]).await;
    let entries = at_bob.entries(room, 5).await;
    assert_gapless(&entries, 4);
    assert_eq!(entries[0].entry_type, EntryType::SystemInvite);
    assert_eq!(system.rest(1, &bob).room(room).await.unwrap().unread_count, 1);
    at_bob.say(room, "thanks").await;
    assert_gapless(&at_bob.entries(room, 6).await, 6);
}
