//! Changes that meet.

use chat_protocol::{ClientMessageId, ErrorCode, RoomId, UserId};
use chat_store::{Applied, TimelineItem};

use crate::{DELETE, Db, changed, code, edit, message, react};

async fn items(db: &Db, room: RoomId) -> Vec<TimelineItem> {
    db.store.items_after(room, 0, 1_000).await.unwrap()
}

#[tokio::test]
async fn of_two_edits_at_once_the_later_place_has_the_last_word() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let room = db.group(alice, &[]).await;
    let said = db.say(room, alice, "0").await;
    for round in 0..20 {
        let (one, two) = (format!("one {round}"), format!("two {round}"));
        let (first, second) = tokio::join!(
            db.change(room, alice, said.message_id, edit(&one)),
            db.change(room, alice, said.message_id, edit(&two))
        );
        let ((_, first, _), (_, second, _)) = (changed(first), changed(second));
        assert_eq!((first.message.content.as_str(), second.message.content.as_str()), (&*one, &*two));
        let last = if first.seq > second.seq { first } else { second };
        assert_eq!(db.shown(&said).await, last.message);
    }
    let seqs: Vec<i64> = items(&db, room).await.iter().map(TimelineItem::seq).collect();
    assert_eq!(seqs, (1..=42).collect::<Vec<i64>>());
    db.drop().await;
}

#[tokio::test]
async fn an_edit_that_meets_a_delete_never_brings_the_text_back() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = db.group(alice, &[bob]).await;
    for round in 0..20 {
        let said = db.say(room, bob, "old").await;
        let text = format!("new {round}");
        let (edited, reacted, deleted) = tokio::join!(
            db.change(room, bob, said.message_id, edit(&text)),
            db.change(room, alice, said.message_id, react("👍")),
            db.change(room, alice, said.message_id, DELETE)
        );
        let (_, deletion, _) = changed(deleted);
        for other in [edited, reacted] {
            match other {
                Applied::Changed { change, .. } => assert!(change.seq < deletion.seq),
                refused => assert_eq!(code(&refused), ErrorCode::MessageNotFound),
            }
        }
        let shown = db.shown(&said).await;
        assert_eq!((shown.content.as_str(), shown.reactions.len()), ("", 0));
        assert!(shown.deleted_at.is_some());
    }
    db.drop().await;
}

#[tokio::test]
async fn the_same_change_from_two_writers_is_made_once() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = db.group(alice, &[bob]).await;
    let said = db.say(room, alice, "hi").await.message_id;
    for (place, emoji) in (3..).zip(["a", "b", "c", "d", "e", "f"]) {
        let id = ClientMessageId::generate();
        let apply = || db.change_as(&id, room, bob, said, react(emoji));
        let (first, second, third) = tokio::join!(apply(), apply(), apply());
        let mut outcomes = [first, second, third].map(|applied| {
            let (_, change, duplicate) = changed(applied);
            (change.seq, duplicate)
        });
        outcomes.sort_unstable();
        assert_eq!(outcomes, [(place, false), (place, true), (place, true)]);
    }
    db.drop().await;
}

#[tokio::test]
async fn sends_and_changes_of_many_writers_leave_no_gap_and_no_double() {
    let db = Db::new().await;
    let mut people: Vec<UserId> = Vec::new();
    for name in ["a", "b", "c", "d"] {
        people.push(db.user(name).await);
    }
    let room = db.group(people[0], &people[1..]).await;
    let target = db.say(room, people[0], "hi").await.message_id;
    let writer = |person: UserId| {
        let db = &db;
        async move {
            let mut places = Vec::new();
            for turn in 0..10 {
                let id = ClientMessageId::generate();
                let sent = db.store.append_messages(&[message(room, person, &id, "x")]).await.unwrap();
                places.push(crate::seq(&sent[0]).0);
                let emoji = format!("{turn}");
                for _ in 0..2 {
                    let id = ClientMessageId::parse(&format!("{turn}")).unwrap();
                    let (_, change, duplicate) = changed(db.change_as(&id, room, person, target, react(&emoji)).await);
                    if !duplicate {
                        places.push(change.seq);
                    }
                }
            }
            places
        }
    };
    let (a, b, c, d) = tokio::join!(writer(people[0]), writer(people[1]), writer(people[2]), writer(people[3]));
    let mut places = [a, b, c, d].concat();
    places.sort_unstable();
    assert_eq!(places, (3..=82).collect::<Vec<i64>>());
    let items = items(&db, room).await;
    assert_eq!(items.iter().map(TimelineItem::seq).collect::<Vec<_>>(), (1..=82).collect::<Vec<i64>>());
    let TimelineItem::Change(_, last) = items.iter().rev().find(|i| matches!(i, TimelineItem::Change(..))).unwrap()
    else {
        panic!()
    };
    assert_eq!(last.message.reactions.iter().map(|r| r.count).collect::<Vec<_>>(), [4; 10]);
    db.drop().await;
}
