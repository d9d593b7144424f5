use chat_protocol::{ClientMessageId, EntryType, ErrorCode, RoomId, UserId};
use chat_store::{Applied, Mark};

use crate::{Db, code, message, room_command, seq};

#[tokio::test]
async fn a_batch_gets_gapless_seqs_per_room_in_input_order() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let (a, b) = (db.group(alice, &[bob]).await, db.group(alice, &[bob]).await);
    let ids: Vec<ClientMessageId> = (0..6).map(|_| ClientMessageId::generate()).collect();
    let batch: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(i, id)| message(if i % 2 == 0 { a } else { b }, if i < 3 { alice } else { bob }, id, "hi"))
        .collect();
    let applied = db.store.append_messages(&batch).await.unwrap();
    let seqs: Vec<_> = applied.iter().map(seq).collect();
    assert_eq!(seqs, [(2, false), (2, false), (3, false), (3, false), (4, false), (4, false)]);
    let page = db.store.page_after(a, 0, 10).await.unwrap();
    assert_eq!(page.entries.iter().map(|e| (e.seq, e.number)).collect::<Vec<_>>(), [(1, 0), (2, 1), (3, 2), (4, 3)]);
    assert_eq!(page.entries[1].sender_nickname, "alice");
    assert_eq!(page.entries[0].entry_type, EntryType::SystemCreate);
    assert_eq!(page.entries[0].members.len(), 2);
    assert_eq!(Applied::Committed { entry: page.entries[1].clone(), duplicate: false }, applied[0]);
    db.drop().await;
}

#[tokio::test]
async fn a_repeat_gets_the_original_and_another_body_is_a_conflict() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let room = db.group(alice, &[]).await;
    let (x, y): (ClientMessageId, ClientMessageId) =
        (ClientMessageId::parse("x").unwrap(), serde_json::from_str("7").unwrap());
    let batch = [message(room, alice, &x, "one"), message(room, alice, &x, "one"), message(room, alice, &x, "two")];
    let first = db.store.append_messages(&batch).await.unwrap();
    assert_eq!((seq(&first[0]), seq(&first[1])), ((2, false), (2, true)), "also inside a batch");
    assert_eq!(code(&first[2]), ErrorCode::IdConflict);
    let later = [message(room, alice, &y, "new"), message(room, alice, &x, "one"), message(room, alice, &x, "other")];
    let later = db.store.append_messages(&later).await.unwrap();
    assert_eq!((seq(&later[0]), seq(&later[1])), ((3, false), (2, true)));
    assert_eq!(code(&later[2]), ErrorCode::IdConflict);
    let (Applied::Committed { entry: original, .. }, Applied::Committed { entry: repeat, .. }) = (&first[0], &later[1])
    else {
        panic!()
    };
    assert_eq!(original, repeat);
    let found = db.store.by_client_message_id(room, alice, &y).await.unwrap().unwrap();
    assert_eq!((found.seq, found.client_message_id), (3, y));
    db.drop().await;
}

#[tokio::test]
async fn only_members_write_and_a_foreign_room_looks_like_no_room() {
    let db = Db::new().await;
    let (alice, eve) = (db.user("alice").await, db.user("eve").await);
    let room = db.group(alice, &[]).await;
    let id = ClientMessageId::generate();
    let applied = db
        .store
        .append_messages(&[message(room, eve, &id, "let me in"), message(RoomId::generate(), eve, &id, "anyone?")])
        .await
        .unwrap();
    assert_eq!(applied[0], applied[1]);
    assert_eq!(code(&applied[0]), ErrorCode::RoomNotFound);
    let invite = db.store.invite_members(&room_command(room, eve, &id), &[eve]).await.unwrap();
    assert_eq!(code(&invite), ErrorCode::RoomNotFound);
    db.drop().await;
}

#[tokio::test]
async fn concurrent_writers_of_one_room_leave_no_gap_and_no_double() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = db.group(alice, &[bob]).await;
    let shared: Vec<ClientMessageId> = (0..20).map(|_| ClientMessageId::generate()).collect();
    let writers = (0..8).map(|w| {
        let (store, shared) = (db.store.clone(), shared.clone());
        tokio::spawn(async move {
            for id in &shared {
                let own = ClientMessageId::generate();
                // Everybody repeats the same sends of alice, as zombies would, between sends of their own.
                let batch = [
                    message(room, alice, id, "shared"),
                    message(room, if w % 2 == 0 { alice } else { bob }, &own, "own"),
                ];
                store.append_messages(&batch).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let page = db.store.page_after(room, 0, 1_000).await.unwrap();
    let seqs: Vec<i64> = page.entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, (1..=1 + 20 + 8 * 20).collect::<Vec<i64>>());
    assert_eq!(page.entries.last().unwrap().number, 180);
    db.drop().await;
}

#[tokio::test]
async fn a_direct_room_is_created_once_by_whoever_comes_first() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = RoomId::direct(alice, bob);
    let (a, b) = (ClientMessageId::generate(), ClientMessageId::generate());
    let (command_a, command_b) = (room_command(room, alice, &a), room_command(room, bob, &b));
    let (first, second) =
        tokio::join!(db.store.create_direct_room(&command_a, bob), db.store.create_direct_room(&command_b, alice));
    let mut both = [seq(&first.unwrap()), seq(&second.unwrap())];
    both.sort_unstable();
    assert_eq!(both, [(1, false), (1, true)]);
    let leave = db.store.leave_room(&room_command(room, bob, &ClientMessageId::generate())).await.unwrap();
    assert_eq!(code(&leave), ErrorCode::Forbidden);
    let names: Vec<String> = db.store.list_rooms(bob).await.unwrap().into_iter().map(|room| room.name).collect();
    assert_eq!(names, ["alice"], "a direct room is named after the other");
    db.drop().await;
}

#[tokio::test]
async fn an_invited_member_sees_from_the_invitation_on_and_a_leaver_can_come_back() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = db.group(alice, &[]).await;
    let [m, i, l, j] = [0; 4].map(|_| ClientMessageId::generate());
    db.store.append_messages(&[message(room, alice, &m, "before")]).await.unwrap();
    let invited = db.store.invite_members(&room_command(room, alice, &i), &[bob, bob]).await.unwrap();
    assert_eq!(seq(&invited), (3, false));
    let again = db.store.invite_members(&room_command(room, alice, &i), &[bob]).await.unwrap();
    assert_eq!(seq(&again), (3, true), "a repeated command is executed once");
    let known = db.store.invite_members(&room_command(room, alice, &j), &[bob]).await.unwrap();
    assert_eq!(known, Applied::Unchanged { head: 3, message_id: None });
    let membership = db.store.membership(room, bob).await.unwrap().unwrap();
    assert_eq!((membership.joined_seq, membership.head), (3, 3));
    assert_eq!(
        db.store.room(bob, room).await.unwrap().unwrap().unread_count,
        0,
        "what was before the invitation is not unread"
    );
    let left = db.store.leave_room(&room_command(room, bob, &l)).await.unwrap();
    let Applied::Committed { entry, .. } = &left else { panic!("{left:?}") };
    assert_eq!((entry.seq, entry.removed()), (4, vec![bob]));
    assert_eq!(db.store.membership(room, bob).await.unwrap(), None);
    let back = db.store.invite_members(&room_command(room, alice, &ClientMessageId::generate()), &[bob]).await.unwrap();
    assert_eq!(seq(&back), (5, false));
    assert_eq!(db.store.membership(room, bob).await.unwrap().unwrap().joined_seq, 5);
    let unknown =
        db.store.invite_members(&room_command(room, alice, &ClientMessageId::generate()), &[UserId::generate()]).await;
    assert_eq!(code(&unknown.unwrap()), ErrorCode::UserNotFound);
    db.drop().await;
}

#[tokio::test]
async fn a_group_whose_owner_leaves_gets_another_owner() {
    let db = Db::new().await;
    let (alice, bob, carol) = (db.user("alice").await, db.user("bob").await, db.user("carol").await);
    let room = db.group(alice, &[bob]).await;
    db.store.invite_members(&room_command(room, alice, &ClientMessageId::generate()), &[carol]).await.unwrap();
    db.store.leave_room(&room_command(room, alice, &ClientMessageId::generate())).await.unwrap();
    let members = db.store.list_members(room).await.unwrap();
    let roles: Vec<_> = members.iter().map(|m| (m.user_id, m.role)).collect();
    assert_eq!(roles, [(bob, chat_store::Role::Owner), (carol, chat_store::Role::Member)]);
    db.drop().await;
}

#[tokio::test]
async fn a_read_mark_only_moves_forward_and_never_past_the_head() {
    let db = Db::new().await;
    let (alice, bob, eve) = (db.user("alice").await, db.user("bob").await, db.user("eve").await);
    let room = db.group(alice, &[bob]).await;
    let ids: Vec<ClientMessageId> = (0..5).map(|_| ClientMessageId::generate()).collect();
    let batch: Vec<_> = ids.iter().map(|id| message(room, alice, id, "hi")).collect();
    db.store.append_messages(&batch).await.unwrap();
    let unread = || async { db.store.room(bob, room).await.unwrap().unwrap().unread_count };
    assert_eq!(unread().await, 5);
    assert_eq!(db.store.room(alice, room).await.unwrap().unwrap().unread_count, 0, "one's own messages are read");
    let at = jiff::Timestamp::from_second(1).unwrap();
    let mark = |user_id, seq| Mark { room_id: room, user_id, seq, at };
    let moved = |marks: Vec<Mark>| {
        let store = db.store.clone();
        async move {
            let moved = store.apply_read_marks(&marks).await.unwrap();
            moved.into_iter().map(|mark| (mark.user_id, mark.seq)).collect::<Vec<_>>()
        }
    };
    assert_eq!(moved(vec![mark(bob, 4), mark(eve, 4)]).await, [(bob, 4)], "others than members are passed over");
    assert_eq!(unread().await, 2);
    assert_eq!(moved(vec![mark(bob, 3)]).await, [], "never back");
    assert_eq!(unread().await, 2);
    assert_eq!(moved(vec![mark(bob, 1_000)]).await, [(bob, 6)], "clamped to the head");
    assert_eq!(unread().await, 0);
    db.drop().await;
}
