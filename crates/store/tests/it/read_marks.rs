use chat_protocol::{ClientMessageId, PlacedMark, RoomId, UserId};
use chat_store::Mark;

use crate::{Db, room_command};

#[tokio::test]
async fn the_marks_of_members_are_found_with_what_is_there() {
    let db = Db::new().await;
    let (alice, bob, eve) = (db.user("alice").await, db.user("bob").await, db.user("eve").await);
    let room = db.group(alice, &[bob]).await;
    let other = db.group(alice, &[bob]).await;
    let (one, two) = (db.say(room, alice, "one").await, db.say(room, alice, "two").await);
    let at = jiff::Timestamp::now();
    let mark = Mark { room_id: room, user_id: bob, seq: one.seq, at };
    assert_eq!(db.store.apply_read_marks(&[mark]).await.unwrap().len(), 1);
    let asked = [(room, bob), (room, alice), (other, bob), (room, eve), (RoomId::generate(), bob)];
    let mut placed = db.store.placed_marks(&asked).await.unwrap();
    placed.sort_by_key(|mark| asked.iter().position(|pair| *pair == (mark.room_id, mark.user_id)));
    let what = |mark: &PlacedMark| (mark.room_id, mark.user_id, mark.seq, mark.number, mark.message_id);
    let places: Vec<_> = placed.iter().map(what).collect();
    let created = db.store.page_after(other, 0, 1).await.unwrap().entries.remove(0);
    assert_eq!(
        places,
        [
            (room, bob, one.seq, one.number, Some(one.message_id)),
            (room, alice, two.seq, two.number, Some(two.message_id)),
            (other, bob, created.seq, 0, Some(created.message_id)),
        ],
        "a stranger and a room that is none have no mark"
    );
    db.store.leave_room(&room_command(room, bob, &ClientMessageId::generate())).await.unwrap();
    assert_eq!(db.store.placed_marks(&[(room, bob), (room, UserId::generate())]).await.unwrap(), [], "gone");
    db.drop().await;
}
