use chat_protocol::{RoomId, UserId};
use chat_store::{OwnRoom, RoomLine, RoomSummary};

use crate::{DELETE, Db, edit, react, room_command};

/// A user's list, put together from its parts.
async fn from_parts(db: &Db, user: UserId) -> Vec<RoomSummary> {
    let own = db.store.own_rooms(user).await.unwrap();
    let ids: Vec<RoomId> = own.iter().map(|own| own.room_id).collect();
    let lines = db.store.room_lines(&ids).await.unwrap();
    let own_of = |line: &RoomLine| own.iter().find(|own| own.room_id == line.room_id).unwrap().clone();
    let mut rooms: Vec<RoomSummary> = lines
        .into_iter()
        .map(|line| {
            let own = own_of(&line);
            through_json(&line).seen_by(user, &through_json(&own)).unwrap()
        })
        .collect();
    rooms.sort_by_key(|room| (std::cmp::Reverse(room.last_entry.as_ref().unwrap().sent_at), room.room_id));
    rooms
}

/// As it is kept.
fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(part: &T) -> T {
    serde_json::from_slice(&serde_json::to_vec(part).unwrap()).unwrap()
}

#[tokio::test]
async fn the_parts_make_the_same_list_as_the_one_query() {
    let db = Db::new().await;
    let (alice, bob, carol) = (db.user("alice").await, db.user("bob").await, db.user("carol").await);
    let (busy, quiet) = (db.group(alice, &[bob, carol]).await, db.group(bob, &[alice]).await);
    let direct = RoomId::direct(alice, bob);
    let id = chat_protocol::ClientMessageId::generate();
    db.store.create_direct_room(&room_command(direct, alice, &id), bob).await.unwrap();
    let first = db.say(busy, alice, "one").await;
    let second = db.say(busy, bob, "two").await;
    db.change(busy, carol, second.message_id, react("👍")).await;
    db.change(busy, alice, first.message_id, edit("uno")).await;
    db.say(direct, bob, "psst").await;
    let gone = db.say(quiet, alice, "secret").await;
    db.change(quiet, alice, gone.message_id, DELETE).await;
    let left = chat_protocol::ClientMessageId::generate();
    db.store.leave_room(&room_command(busy, carol, &left)).await.unwrap();

    for (user, rooms) in [(alice, 3), (bob, 3), (carol, 0)] {
        let listed = db.store.list_rooms(user).await.unwrap();
        assert_eq!(listed.len(), rooms);
        assert_eq!(format!("{:#?}", from_parts(&db, user).await), format!("{listed:#?}"));
    }
    let names: Vec<String> = from_parts(&db, bob).await.into_iter().map(|room| room.name).collect();
    assert!(names.contains(&"alice".to_owned()), "{names:?}");
    assert_eq!(db.store.own_rooms(UserId::generate()).await.unwrap(), []);
    assert_eq!(db.store.room_lines(&[RoomId::generate()]).await.unwrap(), []);
    db.drop().await;
}

#[tokio::test]
async fn parts_of_different_times_make_no_line() {
    let db = Db::new().await;
    let (alice, bob) = (db.user("alice").await, db.user("bob").await);
    let room = db.group(alice, &[bob]).await;
    let own = async |user| db.store.own_rooms(user).await.unwrap().remove(0);
    let line = async || db.store.room_lines(&[room]).await.unwrap().remove(0);
    let (before, marks_before): (RoomLine, OwnRoom) = (line().await, own(bob).await);
    db.say(room, bob, "mine").await;
    let (after, marks_after) = (line().await, own(bob).await);
    assert!(before.clone().seen_by(bob, &marks_after).is_none(), "the mark is beyond the line's head");
    assert!(after.clone().seen_by(bob, &marks_before).is_none(), "one's own message is not unread");
    assert_eq!(after.clone().seen_by(bob, &marks_after).unwrap().unread_count, 0);
    assert_eq!(after.seen_by(alice, &own(alice).await).unwrap().unread_count, 1);
    assert_eq!(before.seen_by(bob, &marks_before).unwrap().unread_count, 0);
    db.drop().await;
}
