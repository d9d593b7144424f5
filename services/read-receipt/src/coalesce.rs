//! Many marks to few: per member and room only the farthest counts.

use std::collections::{BTreeMap, btree_map};

use chat_protocol::MarkRead;

/// The farthest mark of every (room, user), in the order of these keys; of equally far ones the first, which says when it was reached.
pub fn farthest<'a>(marks: impl IntoIterator<Item = &'a MarkRead>) -> Vec<&'a MarkRead> {
    let mut farthest = BTreeMap::new();
    for mark in marks {
        match farthest.entry((mark.room_id, mark.user_id)) {
            btree_map::Entry::Vacant(place) => {
                place.insert(mark);
            }
            btree_map::Entry::Occupied(mut place) if mark.seq > place.get().seq => {
                place.insert(mark);
            }
            btree_map::Entry::Occupied(_) => {}
        }
    }
    farthest.into_values().collect()
}

#[cfg(test)]
mod tests {
    use chat_protocol::{RoomId, UserId};
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn each_member_of_each_room_keeps_the_farthest_mark_and_its_first_time() {
        let (room_a, room_b) = (RoomId::generate(), RoomId::generate());
        let (alice, bob) = (UserId::generate(), UserId::generate());
        let at = |second| Timestamp::from_second(second).unwrap();
        let sent = [
            (room_b, alice, 7, at(1)),
            (room_a, bob, 3, at(2)),
            (room_a, alice, 9, at(3)),
            (room_a, bob, 5, at(4)),
            (room_a, bob, 5, at(5)),
            (room_a, bob, 4, at(6)),
        ]
        .map(|(room, user, seq, at)| MarkRead::new(room, user, seq, at));
        let kept: Vec<_> = farthest(&sent).into_iter().map(|m| (m.room_id, m.user_id, m.seq, m.at)).collect();
        assert_eq!(kept, [(room_a, alice, 9, at(3)), (room_a, bob, 5, at(4)), (room_b, alice, 7, at(1))]);
    }

    #[test]
    fn nothing_stays_nothing() {
        assert_eq!(farthest([]), Vec::<&MarkRead>::new());
    }
}
