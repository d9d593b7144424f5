//! What may change a message, and what becomes of it.

use chat_protocol::{ClientMessageId, EntryType, ErrorCode, MessageId, RoomId, TimelineKind, limits};
use chat_store::{Applied, NewMessage};

use crate::{DELETE, Db, changed, code, edit, message, react, room_command, take_back};

fn unchanged(head: i64, message: MessageId) -> Applied {
    Applied::Unchanged { head, message_id: Some(message) }
}

#[tokio::test]
async fn an_edit_has_a_place_of_its_own_and_changes_the_message() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = db.group(alice, &[bob]).await;
    let said = db.say(room, alice, "frist").await;
    let (kind, change, duplicate) = changed(db.change(room, alice, said.message_id, edit("first")).await);
    assert_eq!((kind, duplicate), (TimelineKind::Edit, false));
    assert_eq!((change.seq, change.actor_id, change.actor_nickname.as_str()), (3, alice, "alice"));
    assert_eq!((change.message.seq, change.message.content.as_str()), (2, "first"));
    assert_eq!(change.message.edited_at, Some(change.changed_at));
    assert_eq!(db.shown(&said).await, change.message);
    assert_eq!(db.store.heads(&[room]).await.unwrap(), [(room, 3)]);
    let next = db.say(room, bob, "next").await;
    assert_eq!((next.seq, next.number), (4, 2), "a change takes a seq, and no number");
    db.drop().await;
}

#[tokio::test]
async fn only_ones_own_text_is_edited() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = db.group(alice, &[bob]).await;
    let bobs = db.say(room, bob, "bob's").await;
    let refused = db.change(room, alice, bobs.message_id, edit("the owner's")).await;
    assert_eq!(code(&refused), ErrorCode::Forbidden);
    let id = ClientMessageId::generate();
    let image = NewMessage { entry_type: EntryType::Image, ..message(room, bob, &id, "https://example.com/a.png") };
    let Applied::Committed { entry: image, .. } = db.store.append_messages(&[image]).await.unwrap().remove(0) else {
        panic!()
    };
    assert_eq!(code(&db.change(room, bob, image.message_id, edit("x")).await), ErrorCode::Forbidden);
    let same = db.change(room, bob, bobs.message_id, edit("bob's")).await;
    assert_eq!(same, unchanged(3, bobs.message_id), "the same text is no change");
    db.drop().await;
}

#[tokio::test]
async fn a_deleted_message_is_a_tombstone_that_nothing_changes() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = db.group(alice, &[bob]).await;
    let said = db.say(room, bob, "secret").await;
    changed(db.change(room, bob, said.message_id, edit("more secret")).await);
    changed(db.change(room, alice, said.message_id, react("👍")).await);
    let (kind, change, _) = changed(db.change(room, bob, said.message_id, DELETE).await);
    assert_eq!((kind, change.seq), (TimelineKind::Delete, 5));
    let tombstone = &change.message;
    assert_eq!((tombstone.content.as_str(), tombstone.deleted_at), ("", Some(change.changed_at)));
    assert!(tombstone.reactions.is_empty());
    assert_eq!(db.shown(&said).await, *tombstone);
    assert_eq!(db.change(room, bob, said.message_id, DELETE).await, unchanged(5, said.message_id));
    for late in [edit("again"), react("👎"), take_back("👍")] {
        assert_eq!(code(&db.change(room, bob, said.message_id, late).await), ErrorCode::MessageNotFound);
    }
    assert_eq!(db.store.heads(&[room]).await.unwrap(), [(room, 5)]);
    db.drop().await;
}

#[tokio::test]
async fn a_deleted_text_is_in_no_column_of_any_table() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = db.group(alice, &[bob]).await;
    let id = ClientMessageId::generate();
    let send = [message(room, alice, &id, "first-text-zq")];
    let Applied::Committed { entry: said, .. } = db.store.append_messages(&send).await.unwrap().remove(0) else {
        panic!()
    };
    assert_eq!(db.tables_with("first-text-zq").await, ["messages"]);
    let edit_id = ClientMessageId::generate();
    changed(db.change_as(&edit_id, room, alice, said.message_id, edit("second-text-zq")).await);
    assert_eq!(db.tables_with("first-text-zq").await, [] as [&str; 0], "edited away");
    assert_eq!(db.tables_with("second-text-zq").await, ["messages"]);
    changed(db.change(room, bob, said.message_id, react("👍")).await);
    changed(db.change(room, alice, said.message_id, DELETE).await);
    // The commands come again, as after a crash.
    db.store.append_messages(&send).await.unwrap();
    changed(db.change_as(&edit_id, room, alice, said.message_id, edit("second-text-zq")).await);
    assert_eq!(db.tables_with("-text-zq").await, [] as [&str; 0]);
    db.drop().await;
}

#[tokio::test]
async fn others_messages_are_deleted_by_owner_and_admins_of_a_group_alone() {
    let db = Db::new().await;
    let (alice, bob, carol) = (db.user("alice").await, db.user("bob").await, db.user("carol").await);
    let room = db.group(alice, &[bob, carol]).await;
    let (first, second) = (db.say(room, bob, "one").await, db.say(room, alice, "two").await);
    assert_eq!(code(&db.change(room, carol, first.message_id, DELETE).await), ErrorCode::Forbidden);
    changed(db.change(room, alice, first.message_id, DELETE).await);
    assert_eq!(code(&db.change(room, carol, first.message_id, DELETE).await), ErrorCode::Forbidden);
    db.make_admin(room, carol).await;
    changed(db.change(room, carol, second.message_id, DELETE).await);

    let direct = RoomId::direct(alice, bob);
    let id = ClientMessageId::generate();
    db.store.create_direct_room(&room_command(direct, alice, &id), bob).await.unwrap();
    let said = db.say(direct, bob, "to alice").await;
    assert_eq!(code(&db.change(direct, alice, said.message_id, DELETE).await), ErrorCode::Forbidden);
    changed(db.change(direct, bob, said.message_id, DELETE).await);
    db.drop().await;
}

#[tokio::test]
async fn entries_of_the_server_and_changes_are_not_changed() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let room = db.group(alice, &[]).await;
    let created = db.store.page_after(room, 0, 1).await.unwrap().entries.remove(0);
    for change in [edit("x"), DELETE, react("👍"), take_back("👍")] {
        assert_eq!(code(&db.change(room, alice, created.message_id, change).await), ErrorCode::Forbidden, "{change:?}");
    }
    let said = db.say(room, alice, "hi").await;
    let id = ClientMessageId::generate();
    let command = room_command(room, alice, &id);
    changed(db.store.change_message(&command, said.message_id, edit("ho")).await.unwrap());
    let refused = db.change(room, alice, command.message_id, DELETE).await;
    assert_eq!(code(&refused), ErrorCode::MessageNotFound, "the id of a change's row names no message");
    db.drop().await;
}

#[tokio::test]
async fn only_members_change_messages_of_their_room_that_they_may_see() {
    let db = Db::new().await;
    let (alice, bob, eve) = (db.user("alice").await, db.user("bob").await, db.user("eve").await);
    let (room, other) = (db.group(alice, &[]).await, db.group(alice, &[bob]).await);
    let old = db.say(room, alice, "before bob").await;
    db.store.invite_members(&room_command(room, alice, &ClientMessageId::generate()), &[bob]).await.unwrap();
    for change in [edit("x"), DELETE, react("👍")] {
        assert_eq!(code(&db.change(room, eve, old.message_id, change).await), ErrorCode::RoomNotFound, "a stranger");
        let nowhere = db.change(RoomId::generate(), alice, old.message_id, change).await;
        assert_eq!(code(&nowhere), ErrorCode::RoomNotFound);
        assert_eq!(code(&db.change(other, alice, old.message_id, change).await), ErrorCode::MessageNotFound);
        assert_eq!(code(&db.change(room, bob, old.message_id, change).await), ErrorCode::MessageNotFound);
        assert_eq!(code(&db.change(room, alice, MessageId::generate(), change).await), ErrorCode::MessageNotFound);
    }
    db.drop().await;
}

#[tokio::test]
async fn a_reaction_comes_and_goes_once() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = db.group(alice, &[bob]).await;
    let said = db.say(room, alice, "hi").await.message_id;
    let (kind, change, _) = changed(db.change(room, bob, said, react("👍")).await);
    assert_eq!((kind, change.emoji.as_deref(), change.removed), (TimelineKind::React, Some("👍"), false));
    assert_eq!(db.change(room, bob, said, react("👍")).await, unchanged(3, said));
    changed(db.change(room, alice, said, react("👍")).await);
    let (_, change, _) = changed(db.change(room, alice, said, react("🎉")).await);
    let reactions: Vec<_> =
        change.message.reactions.iter().map(|r| (r.emoji.as_str(), r.count, r.user_ids.clone())).collect();
    assert_eq!(reactions, [("👍", 2, vec![bob, alice]), ("🎉", 1, vec![alice])], "in the order they came");
    let (_, change, _) = changed(db.change(room, bob, said, take_back("👍")).await);
    assert!(change.removed);
    let left: Vec<_> = change.message.reactions.iter().map(|r| (r.emoji.as_str(), r.user_ids.clone())).collect();
    assert_eq!(left, [("👍", vec![alice]), ("🎉", vec![alice])]);
    assert_eq!(db.change(room, bob, said, take_back("👍")).await, unchanged(6, said));
    assert_eq!(change.message.edited_at, None);
    db.drop().await;
}

#[tokio::test]
async fn a_message_has_so_many_different_emojis_and_no_more() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = db.group(alice, &[bob]).await;
    let said = db.say(room, alice, "hi").await.message_id;
    for nth in 0..limits::REACTIONS_PER_MESSAGE {
        changed(db.change(room, alice, said, react(&format!(":{nth}:"))).await);
    }
    let refused = db.change(room, bob, said, react(":one more:")).await;
    assert_eq!(code(&refused), ErrorCode::BadRequest);
    let Applied::Rejected(rejection) = refused else { panic!() };
    assert!(rejection.message.contains("50"), "{}", rejection.message);
    changed(db.change(room, bob, said, react(":7:")).await);
    changed(db.change(room, alice, said, take_back(":3:")).await);
    changed(db.change(room, bob, said, react(":one more:")).await);
    db.drop().await;
}

#[tokio::test]
async fn a_repeated_change_gets_the_place_of_the_first_and_another_body_is_a_conflict() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let room = db.group(alice, &[]).await;
    let said = db.say(room, alice, "one").await;
    let id = ClientMessageId::generate();
    let first = changed(db.change_as(&id, room, alice, said.message_id, edit("two")).await);
    let (_, later, _) = changed(db.change(room, alice, said.message_id, edit("three")).await);
    let (kind, again, duplicate) = changed(db.change_as(&id, room, alice, said.message_id, edit("two")).await);
    assert_eq!((kind, again.seq, duplicate), (first.0, first.1.seq, true));
    assert_eq!(again.message, later.message, "the message as it is now, not as it was");
    let conflict = db.change_as(&id, room, alice, said.message_id, edit("four")).await;
    assert_eq!(code(&conflict), ErrorCode::IdConflict);
    let conflict = db.change_as(&said.client_message_id, room, alice, said.message_id, DELETE).await;
    assert_eq!(code(&conflict), ErrorCode::IdConflict, "sends and changes share their ids");
    let conflict = db.store.append_messages(&[message(room, alice, &id, "two")]).await.unwrap();
    assert_eq!(code(&conflict[0]), ErrorCode::IdConflict);
    assert_eq!(db.shown(&said).await.content, "three");
    db.drop().await;
}
