//! Marks in numbers: how many stand where.

use std::collections::BTreeMap;

use chat_protocol::{ReadPosition, ReadSummary, RoomId, limits::READ_POSITIONS};

/// The summary of a room's marks.
pub fn summary(room_id: RoomId, marks: impl IntoIterator<Item = i64>) -> ReadSummary {
    let mut places = BTreeMap::<i64, u32>::new();
    for seq in marks {
        *places.entry(seq).or_default() += 1;
    }
    let member_count = places.values().sum();
    let mut positions: Vec<ReadPosition> =
        places.into_iter().rev().map(|(seq, members)| ReadPosition { seq, members }).collect();
    let older = positions.split_off(READ_POSITIONS.min(positions.len()));
    if let Some(last) = positions.last_mut() {
        last.members += older.iter().map(|position| position.members).sum::<u32>();
    }
    ReadSummary { room_id, member_count, positions }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(marks: impl IntoIterator<Item = i64>) -> Vec<(i64, u32)> {
        let summary = summary(RoomId::generate(), marks);
        assert_eq!(summary.member_count, summary.positions.iter().map(|position| position.members).sum::<u32>());
        summary.positions.iter().map(|position| (position.seq, position.members)).collect()
    }

    #[test]
    fn marks_are_counted_newest_first() {
        for (marks, expected) in
            [(vec![], vec![]), (vec![3], vec![(3, 1)]), (vec![0, 3, 7, 3, 0, 3], vec![(7, 1), (3, 3), (0, 2)])]
        {
            assert_eq!(positions(marks.clone()), expected, "{marks:?}");
        }
    }

    #[test]
    fn the_number_beside_a_message_is_that_of_the_marks_before_it() {
        let marks = [0, 3, 7, 3, 0, 3];
        let summary = summary(RoomId::generate(), marks);
        for seq in 0..9 {
            let behind = marks.iter().filter(|mark| **mark < seq).count();
            assert_eq!(summary.unread_by(seq), u32::try_from(behind).unwrap(), "beside {seq}");
        }
    }

    #[test]
    fn what_is_older_than_the_newest_hundred_counts_with_the_last_one() {
        let found = positions(1..=130);
        assert_eq!(found.len(), READ_POSITIONS);
        assert_eq!((found[0], found[98], found[99]), ((130, 1), (32, 1), (31, 31)));
    }
}
