use std::sync::Arc;

use jiff::Timestamp;

use super::*;

const EVERY: Duration = Duration::from_millis(250);

fn taken(mark: MarkRead) -> Taken {
    let topic = Arc::from("chat-read-events");
    let record = Record {
        topic,
        partition: 0,
        offset: 0,
        timestamp_ms: None,
        broker_timestamp: false,
        key: None,
        payload: None,
        headers: Vec::new(),
    };
    Taken { record, mark }
}

fn mark((room_id, user_id): Pair, seq: i64) -> Mark {
    Mark { room_id, user_id, seq, at: Timestamp::UNIX_EPOCH }
}

fn raised((room_id, user_id): Pair, seq: i64, told: bool) -> Raised {
    let mark = PlacedMark { room_id, user_id, seq, number: seq, at: Timestamp::UNIX_EPOCH, message_id: None };
    Raised { mark, told }
}

/// Adds a batch with a mark of each of `raised`.
fn collect(dirty: &mut Dirty<u32>, batch: u32, raised: &[Raised], now: Instant) {
    let marks: Vec<Taken> = raised
        .iter()
        .map(|it| taken(MarkRead::new(it.mark.room_id, it.mark.user_id, it.mark.seq, it.mark.at)))
        .collect();
    dirty.collect(batch, marks.len(), marks, raised, now);
}

fn pair() -> Pair {
    (RoomId::generate(), UserId::generate())
}

#[test]
fn a_flush_is_due_when_the_oldest_mark_is_old_enough() {
    let (mut dirty, start) = (Dirty::new(EVERY, 100), Instant::now());
    assert_eq!(dirty.due(), None);
    assert!(dirty.take().is_none());
    collect(&mut dirty, 1, &[raised(pair(), 3, true)], start);
    collect(&mut dirty, 2, &[raised(pair(), 4, true)], start + EVERY / 2);
    assert_eq!(dirty.due(), Some(start + EVERY));
    let load = dirty.take().unwrap();
    assert_eq!((load.batches, load.marks.len()), (vec![1, 2], 2));
    assert_eq!(dirty.due(), None);
    // One at a time, whatever comes meanwhile.
    collect(&mut dirty, 3, &[raised(pair(), 5, true)], start + EVERY);
    assert_eq!(dirty.due(), None);
    dirty.stored(&[]);
    assert_eq!(dirty.due(), Some(start + EVERY * 2));
    assert_eq!(dirty.take().unwrap().batches, [3]);
}

#[test]
fn a_batch_without_a_mark_is_done_in_its_turn() {
    let (mut dirty, start) = (Dirty::new(EVERY, 100), Instant::now());
    dirty.collect(1, 5, Vec::new(), &[], start);
    assert_eq!((dirty.due(), dirty.records()), (Some(start + EVERY), 5));
    assert_eq!(dirty.take().unwrap().batches, [1]);
}

#[test]
fn many_marks_are_due_at_once_and_too_many_are_not_taken() {
    let (mut dirty, start) = (Dirty::new(EVERY, 4), Instant::now());
    collect(&mut dirty, 1, &[raised(pair(), 3, true)], start);
    assert_eq!(dirty.due(), Some(start + EVERY));
    collect(&mut dirty, 2, &[raised(pair(), 3, true)], start);
    assert_eq!(dirty.due(), Some(start), "half of what there may be");
    dirty.take();
    assert!(dirty.has_room());
    collect(&mut dirty, 3, &[raised(pair(), 3, true), raised(pair(), 3, true)], start);
    assert!(!dirty.has_room(), "those under way count");
    dirty.stored(&[]);
    assert!(dirty.has_room());
    assert_eq!(dirty.records(), 2);
}

#[test]
fn what_moved_in_redis_is_a_floor_until_it_is_stored() {
    let (mut dirty, start, one) = (Dirty::new(EVERY, 100), Instant::now(), pair());
    let floor = |dirty: &Dirty<u32>| dirty.floor(one).map(|mark| mark.seq);
    assert_eq!(floor(&dirty), None);
    collect(&mut dirty, 1, &[raised(one, 7, true)], start);
    collect(&mut dirty, 2, &[raised(one, 5, true)], start);
    assert_eq!(floor(&dirty), Some(7));
    dirty.take();
    assert_eq!(floor(&dirty), Some(7));
    collect(&mut dirty, 3, &[raised(one, 9, false)], start);
    assert_eq!(floor(&dirty), Some(9));
    dirty.stored(&[]);
    assert_eq!(floor(&dirty), Some(9));
    dirty.take();
    dirty.stored(&[]);
    assert_eq!(floor(&dirty), None);
}

#[test]
fn what_moved_in_the_database_and_was_not_told_is_told_afterwards() {
    let (mut dirty, start) = (Dirty::new(EVERY, 100), Instant::now());
    let (told, ahead, untold, unknown) = (pair(), pair(), pair(), pair());
    let news = [raised(told, 5, true), raised(ahead, 5, true), raised(untold, 5, false)];
    collect(&mut dirty, 1, &news, start);
    dirty.take();
    // Meanwhile: too late for this load.
    collect(&mut dirty, 2, &[raised(unknown, 9, true)], start);
    let moved = [mark(told, 5), mark(ahead, 5), mark(ahead, 8), mark(untold, 5), mark(unknown, 4), mark(unknown, 5)];
    let mut expected = [ahead, untold, unknown];
    expected.sort_unstable();
    assert_eq!(dirty.stored(&moved), expected);
    assert_eq!(dirty.stored(&moved).len(), 4, "nothing is under way");
}

#[test]
fn where_there_is_no_room_a_flush_is_due_at_once_or_under_way() {
    let start = Instant::now();
    for most in 1..=5 {
        let mut dirty = Dirty::new(EVERY, most);
        for batch in 0.. {
            if !dirty.has_room() {
                break;
            }
            collect(&mut dirty, batch, &[raised(pair(), 3, true)], start);
        }
        assert_eq!(dirty.due(), Some(start), "of {most}");
        let load = dirty.take().unwrap();
        assert_eq!((load.batches.len(), dirty.due()), (most, None));
        dirty.stored(&[]);
        assert!(dirty.has_room());
    }
}
