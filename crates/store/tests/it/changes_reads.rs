//! Catch-up, history and room lists with changes in between; answers.

use chat_protocol::{ClientMessageId, ErrorCode, MessageId, TimelineKind, limits};
use chat_store::{Applied, Mark, NewMessage, TimelineItem};

use crate::{DELETE, Db, changed, code, edit, message, react, room_command, seq, take_back};

#[tokio::test]
async fn catch_up_has_every_place_and_shows_messages_as_they_are_now() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = db.group(alice, &[bob]).await;
    let (one, two) = (db.say(room, alice, "one").await, db.say(room, bob, "two").await);
    changed(db.change(room, alice, one.message_id, edit("one, edited")).await);
    changed(db.change(room, bob, one.message_id, react("👍")).await);
    changed(db.change(room, bob, two.message_id, DELETE).await);
    db.say(room, alice, "three").await;
    let items = db.store.items_after(room, 0, 100).await.unwrap();
    assert_eq!(items.iter().map(TimelineItem::seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    let kinds: Vec<TimelineKind> = items
        .iter()
        .map(|item| match item {
            TimelineItem::Entry(_) => TimelineKind::Message,
            TimelineItem::Change(kind, _) => *kind,
        })
        .collect();
    let message = TimelineKind::Message;
    let changes = [TimelineKind::Edit, TimelineKind::React, TimelineKind::Delete];
    assert_eq!(kinds, [&[message; 3][..], &changes, &[message]].concat());
    let shown = db.shown(&one).await;
    assert_eq!((shown.content.as_str(), shown.reactions[0].count), ("one, edited", 1));
    assert_eq!(items[1], TimelineItem::Entry(shown.clone()));
    let TimelineItem::Change(_, change) = &items[3] else { panic!() };
    assert_eq!((&change.message, change.actor_id), (&shown, alice));
    let TimelineItem::Entry(entry) = &items[2] else { panic!() };
    assert_eq!((entry.content.as_str(), entry.deleted_at.is_some()), ("", true));
    let part = db.store.items_after(room, 3, 2).await.unwrap();
    assert_eq!(part, items[3..5], "pages by place");
    db.drop().await;
}

#[tokio::test]
async fn history_steps_over_changes_and_its_limit_counts_entries() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let room = db.group(alice, &[]).await;
    let mut said = Vec::new();
    for text in ["a", "b", "c", "d"] {
        let entry = db.say(room, alice, text).await;
        for _ in 0..10 {
            changed(db.change(room, alice, entry.message_id, react("👍")).await);
            changed(db.change(room, alice, entry.message_id, take_back("👍")).await);
        }
        said.push(entry.seq);
    }
    assert_eq!(said, [2, 23, 44, 65]);
    let seqs = |page: &chat_store::Page| page.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>();
    let newest = db.store.page_before(room, i64::MAX, 1, 3).await.unwrap();
    assert_eq!((seqs(&newest), newest.more), (vec![65, 44, 23], true));
    let rest = db.store.page_before(room, 23, 1, 3).await.unwrap();
    assert_eq!((seqs(&rest), rest.more), (vec![2, 1], false));
    let after = db.store.page_after(room, 2, 2).await.unwrap();
    assert_eq!((seqs(&after), after.more), (vec![23, 44], true));
    let last = db.store.page_after(room, 44, 1).await.unwrap();
    assert_eq!((seqs(&last), last.more), (vec![65], false), "the changes after it are no more entries");
    db.drop().await;
}

#[tokio::test]
async fn a_room_list_shows_the_last_entry_and_changes_are_not_unread() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = db.group(alice, &[bob]).await;
    let (one, two) = (db.say(room, alice, "one").await, db.say(room, alice, "two").await);
    changed(db.change(room, alice, one.message_id, edit("edited")).await);
    changed(db.change(room, alice, two.message_id, react("👍")).await);
    let listed = db.store.list_rooms(bob).await.unwrap().remove(0);
    let last = listed.last_entry.unwrap();
    assert_eq!((last.seq, last.content.as_str(), last.reactions.len()), (3, "two", 1));
    assert_eq!((listed.head_seq, listed.unread_count), (5, 2));
    let mark = Mark { room_id: room, user_id: bob, seq: 4, at: jiff::Timestamp::from_second(1).unwrap() };
    assert_eq!(db.store.apply_read_marks(&[mark]).await.unwrap()[0].seq, 4, "a mark at a change");
    let placed = db.store.placed_marks(&[(room, bob)]).await.unwrap().remove(0);
    assert_eq!(
        (placed.seq, placed.number, placed.message_id),
        (4, 2, Some(two.message_id)),
        "what is there is before it"
    );
    changed(db.change(room, alice, two.message_id, DELETE).await);
    let listed = db.store.room(bob, room).await.unwrap().unwrap();
    let last = listed.last_entry.unwrap();
    assert_eq!((last.seq, last.content.as_str(), last.deleted_at.is_some()), (3, "", true));
    assert_eq!((listed.head_seq, listed.unread_count), (6, 0));
    db.drop().await;
}

#[tokio::test]
async fn of_many_users_a_reaction_names_the_first() {
    let db = Db::new().await;
    let mut people = Vec::new();
    for nth in 0..limits::REACTION_USERS + 3 {
        people.push(db.user(&format!("p{nth}")).await);
    }
    let room = db.group(people[0], &people[1..]).await;
    let said = db.say(room, people[0], "hi").await;
    for person in &people {
        changed(db.change(room, *person, said.message_id, react("👍")).await);
    }
    let reaction = db.shown(&said).await.reactions.remove(0);
    assert_eq!((reaction.count as usize, &reaction.user_ids[..]), (people.len(), &people[..limits::REACTION_USERS]));
    db.drop().await;
}

#[tokio::test]
async fn a_redelivered_send_does_not_bring_back_what_was_edited_or_deleted() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let room = db.group(alice, &[]).await;
    let [a, b, c] = [0; 3].map(|_| ClientMessageId::generate());
    let first = db.store.append_messages(&[message(room, alice, &a, "one"), message(room, alice, &b, "two")]).await;
    let ids: Vec<MessageId> = first
        .unwrap()
        .iter()
        .map(|applied| match applied {
            Applied::Committed { entry, .. } => entry.message_id,
            other => panic!("{other:?}"),
        })
        .collect();
    changed(db.change(room, alice, ids[0], edit("edited")).await);
    changed(db.change(room, alice, ids[1], DELETE).await);
    let batch = [message(room, alice, &a, "one"), message(room, alice, &c, "three"), message(room, alice, &b, "two")];
    let again = db.store.append_messages(&batch).await.unwrap();
    let told: Vec<(i64, bool, &str)> = again
        .iter()
        .map(|applied| match applied {
            Applied::Committed { entry, duplicate } => (entry.seq, *duplicate, entry.content.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [(2, true, "edited"), (6, false, "three"), (3, true, "")]);
    db.drop().await;
}

#[tokio::test]
async fn an_answer_names_a_message_that_its_sender_can_see() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let (room, other) = (db.group(alice, &[]).await, db.group(alice, &[]).await);
    let created = db.store.page_after(room, 0, 1).await.unwrap().entries.remove(0);
    let old = db.say(room, alice, "before bob").await;
    db.store.invite_members(&room_command(room, alice, &ClientMessageId::generate()), &[bob]).await.unwrap();
    let (kept, gone) = (db.say(room, alice, "kept").await, db.say(room, alice, "gone").await);
    let elsewhere = db.say(other, alice, "elsewhere").await;
    changed(db.change(room, alice, gone.message_id, DELETE).await);
    let ids: Vec<ClientMessageId> = (0..8).map(|_| ClientMessageId::generate()).collect();
    let answer = |nth: usize, sender, to| NewMessage { reply_to: Some(to), ..message(room, sender, &ids[nth], "re") };
    let batch = [
        answer(0, bob, kept.message_id),
        answer(1, bob, old.message_id),
        answer(2, alice, old.message_id),
        answer(3, alice, gone.message_id),
        answer(4, alice, elsewhere.message_id),
        answer(5, alice, MessageId::generate()),
        answer(6, alice, created.message_id),
        message(room, alice, &ids[7], "plain"),
    ];
    let applied = db.store.append_messages(&batch).await.unwrap();
    assert_eq!([&applied[0], &applied[2], &applied[7]].map(seq), [(7, false), (8, false), (9, false)]);
    for refused in [1, 3, 4, 5, 6] {
        assert_eq!(code(&applied[refused]), ErrorCode::MessageNotFound, "{refused}");
    }
    let page = db.store.page_after(room, 6, 10).await.unwrap();
    let replies: Vec<_> = page.entries.iter().map(|entry| entry.reply_to).collect();
    assert_eq!(replies, [Some(kept.message_id), Some(old.message_id), None]);
    let Applied::Committed { entry, .. } = &applied[0] else { panic!() };
    assert_eq!(*entry, page.entries[0]);
    // The answered message may go: a repeat of the answer is still one.
    changed(db.change(room, alice, kept.message_id, DELETE).await);
    assert_eq!(seq(&db.store.append_messages(&batch[..1]).await.unwrap()[0]), (7, true));
    db.drop().await;
}

#[tokio::test]
async fn an_answer_refused_in_a_batch_can_be_corrected_in_the_same_batch() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let room = db.group(alice, &[]).await;
    let id = ClientMessageId::generate();
    let wrong = NewMessage { reply_to: Some(MessageId::generate()), ..message(room, alice, &id, "wrong") };
    let batch = [wrong.clone(), message(room, alice, &id, "right"), wrong];
    let applied = db.store.append_messages(&batch).await.unwrap();
    assert_eq!(code(&applied[0]), ErrorCode::MessageNotFound);
    assert_eq!(seq(&applied[1]), (2, false));
    assert_eq!(code(&applied[2]), ErrorCode::MessageNotFound);
    db.drop().await;
}
