//! Editing, deleting, reacting, answering: seen by everybody in the order of the room, live and later.

use chat_client::{Connection, rest::PageQuery};
use chat_e2e::{Person, System, Talk};
use chat_protocol::{
    Change, ClientMessageId, Entry, EntryType, ErrorCode, MessageId, RoomId,
    TimelineKind::{self, Delete, Edit, Message, React},
    frame::{ClientCommand, ReplyBody, ServerPush},
};

/// What has a place in the room, as it was pushed.
#[derive(Debug, Clone, PartialEq)]
enum Item {
    Message(Entry),
    Change(TimelineKind, Change),
}

impl Item {
    fn of(push: ServerPush) -> Option<Self> {
        match push {
            ServerPush::Message { message } => Some(Self::Message(message)),
            ServerPush::Edit(change) => Some(Self::Change(TimelineKind::Edit, change)),
            ServerPush::Delete(change) => Some(Self::Change(TimelineKind::Delete, change)),
            ServerPush::React(change) => Some(Self::Change(TimelineKind::React, change)),
            _ => None,
        }
    }

    fn seq(&self) -> i64 {
        match self {
            Self::Message(entry) => entry.seq,
            Self::Change(_, change) => change.seq,
        }
    }

    fn kind(&self) -> TimelineKind {
        match self {
            Self::Message(_) => TimelineKind::Message,
            Self::Change(kind, _) => *kind,
        }
    }

    /// The message it shows.
    fn message(&self) -> &Entry {
        match self {
            Self::Message(entry) => entry,
            Self::Change(_, change) => &change.message,
        }
    }
}

/// Everything with a place up to `last`.
async fn items(connection: &mut Connection, last: i64) -> Vec<Item> {
    let until = |push: &ServerPush| Item::of(push.clone()).is_some_and(|item| item.seq() >= last);
    let heard = connection.hear_until(&format!("everything up to {last}"), until).await;
    heard.into_iter().filter_map(Item::of).collect()
}

fn places(items: &[Item]) -> Vec<(i64, TimelineKind)> {
    items.iter().map(|item| (item.seq(), item.kind())).collect()
}

fn edit(room_id: RoomId, message_id: MessageId, content: &str) -> ClientCommand {
    let client_message_id = ClientMessageId::generate();
    ClientCommand::Edit { room_id, message_id, client_message_id, content: content.to_owned() }
}

fn delete(room_id: RoomId, message_id: MessageId) -> ClientCommand {
    ClientCommand::Delete { room_id, message_id, client_message_id: ClientMessageId::generate() }
}

fn react(room_id: RoomId, message_id: MessageId, emoji: &str, remove: bool) -> ClientCommand {
    let client_message_id = ClientMessageId::generate();
    ClientCommand::React { room_id, message_id, client_message_id, emoji: emoji.to_owned(), remove }
}

fn answer(room_id: RoomId, to: MessageId, content: &str) -> ClientCommand {
    ClientCommand::Send {
        room_id,
        client_message_id: ClientMessageId::generate(),
        content: content.to_owned(),
        message_type: EntryType::Text,
        reply_to: Some(to),
        traceparent: None,
    }
}

/// Gives a command; returns its id when it is accepted.
async fn accepted(connection: &Connection, command: ClientCommand) -> ClientMessageId {
    let expected = command.name();
    let (name, id) = match connection.call(command).await.unwrap() {
        ReplyBody::Send { client_message_id, .. } => ("send", client_message_id),
        ReplyBody::Edit { client_message_id, .. } => ("edit", client_message_id),
        ReplyBody::Delete { client_message_id, .. } => ("delete", client_message_id),
        ReplyBody::React { client_message_id, .. } => ("react", client_message_id),
        other => panic!("{other:?}"),
    };
    assert_eq!(name, expected, "the reply names the command");
    id
}

/// Gives a command; returns which message it concerned, and its place.
async fn done(connection: &mut Connection, command: ClientCommand) -> (MessageId, i64) {
    let id = accepted(connection, command).await;
    connection
        .hear("persisted", |push| match push {
            ServerPush::Persisted { client_message_id, message_id, seq, .. } if client_message_id == id => {
                Some((message_id, seq))
            }
            ServerPush::Rejected { client_message_id, error, .. } if client_message_id == id => panic!("{error:?}"),
            _ => None,
        })
        .await
}

/// Gives a command that is accepted and then refused.
async fn rejected(connection: &mut Connection, command: ClientCommand) -> ErrorCode {
    let id = accepted(connection, command).await;
    connection
        .hear("rejected", |push| match push {
            ServerPush::Rejected { client_message_id, error, .. } if client_message_id == id => Some(error.code),
            ServerPush::Persisted { client_message_id, .. } if client_message_id == id => panic!("persisted"),
            _ => None,
        })
        .await
}

async fn history(system: &System, person: &Person, room: RoomId) -> Vec<Entry> {
    let page = PageQuery { after: Some(0), ..PageQuery::default() };
    system.rest(1, person).messages(room, page).await.unwrap().messages
}

#[tokio::test]
async fn everybody_sees_messages_and_their_changes_in_one_order_live_and_later() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_alice = system.connect(0, &alice, &[]).await;
    let mut at_bob = system.connect(1, &bob, &[]).await;
    let mut watching_0 = system.connect(0, &bob, &[(room, Some(0))]).await;
    let mut watching_1 = system.connect(1, &alice, &[(room, Some(0))]).await;

    at_alice.say(room, "helo").await;
    let said = items(&mut watching_0, 2).await[1].message().message_id;
    assert_eq!(done(&mut at_alice, edit(room, said, "hello")).await, (said, 3), "the message, and the change's place");
    assert_eq!(done(&mut at_bob, react(room, said, "👍", false)).await, (said, 4));
    let (re, re_seq) = done(&mut at_bob, answer(room, said, "hello yourself")).await;
    assert_eq!(re_seq, 5);
    done(&mut at_alice, react(room, said, "👍", false)).await;
    done(&mut at_bob, react(room, said, "👍", true)).await;
    assert_eq!(done(&mut at_alice, delete(room, re)).await, (re, 8), "the owner");
    at_bob.say(room, "bye").await;

    let live = items(&mut watching_0, 9).await;
    let elsewhere = items(&mut watching_1, 9).await;
    let expected = [(3, Edit), (4, React), (5, Message), (6, React), (7, React), (8, Delete), (9, Message)];
    assert_eq!(places(&live), expected);
    assert_eq!(places(&elsewhere[2..]), expected, "both gateways tell the same");
    let Item::Change(_, edited) = &live[0] else { panic!() };
    assert_eq!((edited.actor_nickname.as_str(), edited.message.content.as_str()), ("alice", "hello"));
    assert_eq!((edited.message.seq, edited.message.edited_at), (2, Some(edited.changed_at)));
    let reacted = |item: &Item| match item {
        Item::Change(React, change) => Some((change.actor_id, change.emoji.clone().unwrap(), change.removed)),
        _ => None,
    };
    let thumb = || "👍".to_owned();
    let reactions = [(bob.id, thumb(), false), (alice.id, thumb(), false), (bob.id, thumb(), true)];
    assert_eq!(live.iter().filter_map(reacted).collect::<Vec<_>>(), reactions);
    let Item::Change(_, taken_back) = &live[4] else { panic!() };
    let left: Vec<_> = taken_back.message.reactions.iter().map(|r| (r.count, r.user_ids.clone())).collect();
    assert_eq!(left, [(1, vec![alice.id])]);
    assert_eq!(live[2].message().reply_to, Some(said));
    let gone = live[5].message();
    assert_eq!((gone.message_id, gone.content.as_str(), gone.deleted_at.is_some()), (re, "", true));

    // Later: the same places, every message as it is now.
    for (gateway, person, after) in [(0, &alice, 0), (1, &bob, 0), (1, &alice, 4)] {
        let mut late = system.connect(gateway, person, &[(room, Some(after))]).await;
        let caught_up = items(&mut late, 9).await;
        let first = usize::try_from(after).unwrap();
        let all = [&[(1, Message), (2, Message)], &expected[..]].concat();
        assert_eq!(places(&caught_up), all[first..]);
        for item in &caught_up {
            let now = match item.message().seq {
                2 => taken_back.message.clone(),
                5 => gone.clone(),
                _ => continue,
            };
            assert_eq!(*item.message(), now, "{item:?}");
        }
    }
    let entries = history(&system, &bob, room).await;
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 5, 9], "no changes");
    assert_eq!((&entries[1], &entries[2]), (&taken_back.message, gone));
    let listed = system.rest(0, &bob).room(room).await.unwrap();
    assert_eq!((listed.head_seq, listed.last_message.unwrap().content), (9, "bye".to_owned()));
}

#[tokio::test]
async fn a_deleted_text_is_in_no_answer() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_alice = system.connect(0, &alice, &[]).await;
    let mut at_bob = system.connect(1, &bob, &[(room, None)]).await;
    let send = ClientMessageId::generate();
    at_alice.say_as(room, &send, "unique-zqx one").await.unwrap();
    let said = at_bob.entries(room, 2).await.remove(0);
    done(&mut at_alice, edit(room, said.message_id, "unique-zqx two")).await;
    done(&mut at_alice, delete(room, said.message_id)).await;
    // The client did not hear and sends again: the place is told, the text is not.
    at_alice.say_as(room, &send, "unique-zqx one").await.unwrap();
    assert_eq!(at_alice.persisted(&send).await, (2, true));

    let mut late = system.connect(1, &bob, &[(room, Some(0))]).await;
    let caught_up = items(&mut late, 4).await;
    assert_eq!(caught_up.len(), 4);
    let entries = history(&system, &bob, room).await;
    assert_eq!(entries.len(), 2);
    let rooms = system.rest(1, &bob).rooms().await.unwrap();
    let newest = system.rest(0, &bob).messages(room, PageQuery::default()).await.unwrap().messages;
    let told = format!("{caught_up:?} {entries:?} {rooms:?} {newest:?}");
    assert!(!told.contains("unique-zqx"), "{told}");
    let last = rooms.iter().find(|listed| listed.room_id == room).unwrap().last_message.clone().unwrap();
    assert_eq!(
        (last.message_id, last.deleted_at.is_some()),
        (said.message_id, true),
        "the room list has the tombstone"
    );
}

#[tokio::test]
async fn what_may_not_be_changed_is_rejected_with_the_reason() {
    let system = System::shared().await;
    let (alice, bob, eve) = (system.person("alice").await, system.person("bob").await, system.person("eve").await);
    let room = system.group(&[&alice, &bob]).await;
    let mut at_alice = system.connect(0, &alice, &[(room, Some(0))]).await;
    let mut at_bob = system.connect(1, &bob, &[]).await;
    at_alice.say(room, "alice's").await;
    let seen = items(&mut at_alice, 2).await;
    let (created, said) = (seen[0].message().message_id, seen[1].message().message_id);

    assert_eq!(rejected(&mut at_bob, edit(room, said, "bob's")).await, ErrorCode::Forbidden);
    assert_eq!(rejected(&mut at_bob, delete(room, said)).await, ErrorCode::Forbidden);
    assert_eq!(rejected(&mut at_alice, delete(room, created)).await, ErrorCode::Forbidden);
    assert_eq!(
        rejected(&mut at_bob, react(room, MessageId::generate(), "👍", false)).await,
        ErrorCode::MessageNotFound
    );
    assert_eq!(rejected(&mut at_bob, answer(room, MessageId::generate(), "re")).await, ErrorCode::MessageNotFound);
    assert_eq!(done(&mut at_alice, edit(room, said, "alice's")).await, (said, 2), "nothing to do, and no place taken");
    done(&mut at_alice, delete(room, said)).await;
    assert_eq!(done(&mut at_alice, delete(room, said)).await, (said, 3), "deleted already");
    assert_eq!(rejected(&mut at_alice, edit(room, said, "back")).await, ErrorCode::MessageNotFound);
    assert_eq!(rejected(&mut at_bob, answer(room, said, "re")).await, ErrorCode::MessageNotFound);

    let at_eve = system.connect(1, &eve, &[]).await;
    for command in [edit(room, said, "x"), delete(room, said), react(room, said, "👍", false)] {
        let refused = chat_e2e::frame_error(at_eve.call(command).await);
        assert_eq!(refused.code, ErrorCode::RoomNotFound, "to a stranger the room is not there");
    }
    let blank = chat_e2e::frame_error(at_alice.call(edit(room, said, " ")).await);
    assert_eq!(blank.code, ErrorCode::ContentEmpty);
    let spaced = chat_e2e::frame_error(at_alice.call(react(room, said, "a b", false)).await);
    assert_eq!(spaced.code, ErrorCode::InvalidCharacter);
    assert_eq!(done(&mut at_alice, react_own(&mut at_bob, room).await).await.1, 5, "the refused ones took no place");
}

/// Bob says something; the reaction to it.
async fn react_own(at_bob: &mut Connection, room: RoomId) -> ClientCommand {
    let said = ClientMessageId::generate();
    at_bob.say_as(room, &said, "something").await.unwrap();
    let message_id = at_bob
        .hear("persisted", |push| match push {
            ServerPush::Persisted { client_message_id, message_id, .. } if client_message_id == said => {
                Some(message_id)
            }
            _ => None,
        })
        .await;
    react(room, message_id, "👍", false)
}

#[tokio::test]
async fn a_new_member_sees_no_message_from_before_through_its_changes() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = system.group(&[&alice]).await;
    let mut at_alice = system.connect(0, &alice, &[(room, Some(0))]).await;
    at_alice.say(room, "unique-zqy before").await;
    let old = items(&mut at_alice, 2).await[1].message().message_id;
    system.rest(0, &alice).invite(room, &[bob.id]).await.unwrap();
    let mut at_bob = system.connect(1, &bob, &[(room, Some(0))]).await;
    assert_eq!(places(&items(&mut at_bob, 3).await), [(3, Message)]);

    done(&mut at_alice, edit(room, old, "unique-zqy edited")).await;
    done(&mut at_alice, react(room, old, "👍", false)).await;
    at_alice.say(room, "after").await;
    let live = items(&mut at_bob, 6).await;
    let mut late = system.connect(0, &bob, &[(room, Some(0))]).await;
    let caught_up = items(&mut late, 6).await;
    assert_eq!(live, caught_up[1..], "live and later the same");
    assert_eq!(places(&live), [(4, Edit), (5, React), (6, Message)], "the order is whole");
    assert_eq!((live[0].message().message_id, live[0].message().content.as_str()), (old, ""));
    let seen = format!("{live:?} {:?}", history(&system, &bob, room).await);
    assert!(!seen.contains("unique-zqy"), "{seen}");
    let mut at_bob = system.connect(1, &bob, &[]).await;
    assert_eq!(rejected(&mut at_bob, react(room, old, "👍", false)).await, ErrorCode::MessageNotFound);
}
