//! Defects of what clients receive.

use chat_checker::{
    Record,
    history::{BodyHash, Event, Kind, Op, Outcome, Row, Via},
};
use chat_protocol::{ClientMessageId, RoomId};

use super::{History, choose, edit, event, head, insert, live, remove, row};
use crate::story::{room, user};

/// The next event of the same connection and room that `is` wanted, unless a subscription comes between.
fn next_on_subscription(records: &[Record], index: usize) -> Option<usize> {
    let this = event(&records[index])?;
    for (later, record) in records.iter().enumerate().skip(index + 1) {
        let Some(other) = event(record).filter(|other| other.connection == this.connection) else { continue };
        if matches!(other.op, Op::Sub | Op::Resume | Op::Close) && other.room.is_none_or(|room| Some(room) == this.room)
        {
            return None;
        }
        if live(other) && other.room == this.room {
            return Some(later);
        }
    }
    None
}

pub fn aborted_read(records: &mut History, pick: usize) -> bool {
    let rejected =
        |_: usize, record: &Record| event(record).is_some_and(|it| it.op == Op::Send && it.outcome == Outcome::Fail);
    let Some(at) = choose(records, pick, rejected) else { return false };
    let refused = event(&records[at]).expect("an event").clone();
    let same = |_: usize, record: &Record| event(record).is_some_and(|it| live(it) && it.kind == Some(Kind::Text));
    let Some(read) = choose(records, pick, same) else { return false };
    let mut seen = event(&records[read]).expect("an event").clone();
    (seen.room, seen.sender, seen.client_message_id) = (refused.room, refused.sender, refused.client_message_id);
    insert(records, read + 1, Record::Event(Box::new(seen)))
}

pub fn phantom_delivery(records: &mut History, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| event(record).is_some_and(|it| it.op == Op::Recv));
    at.map(|at| edit(records, at, |it| it.client_message_id = ClientMessageId::parse("phantom").ok())).is_some()
}

pub fn corrupted_delivery(records: &mut History, pick: usize) -> bool {
    // Any text instead of none is another defect: it may be one from before a membership.
    let with_text = |hash: BodyHash| hash != BodyHash::of("");
    let at = choose(records, pick, |_, record| {
        event(record).is_some_and(|it| it.op == Op::Recv && it.hash.is_some_and(with_text))
    });
    at.map(|at| edit(records, at, |it| it.hash = Some(BodyHash::of("garbled")))).is_some()
}

pub fn wrong_room(records: &mut History, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| event(record).is_some_and(|it| live(it) && it.kind == Some(Kind::Text)));
    at.map(|at| {
        edit(records, at, |it| {
            let other = if it.room == Some(room("lobby")) { "garden" } else { "lobby" };
            it.room = Some(room(other));
        });
    })
    .is_some()
}

pub fn duplicate_delivery(records: &mut History, pick: usize) -> bool {
    let Some(at) = choose(records, pick, |_, record| event(record).is_some_and(live)) else { return false };
    let again = records[at].clone();
    insert(records, at + 1, again)
}

pub fn skipped_delivery(records: &mut History, pick: usize) -> bool {
    let followed = |index: usize, record: &Record| {
        event(record).is_some_and(live) && next_on_subscription(records, index).is_some()
    };
    let at = choose(records, pick, followed);
    remove(records, at)
}

pub fn step_back(records: &mut History, pick: usize) -> bool {
    let two_more = |index: usize, record: &Record| {
        event(record).is_some_and(live)
            && next_on_subscription(records, index).is_some_and(|next| next_on_subscription(records, next).is_some())
    };
    let Some(at) = choose(records, pick, two_more) else { return false };
    let next = next_on_subscription(records, at).expect("one more");
    let last = next_on_subscription(records, next).expect("two more");
    let again = records[at].clone();
    insert(records, last + 1, again)
}

pub fn swapped_deliveries(records: &mut History, pick: usize) -> bool {
    let followed = |index: usize, record: &Record| {
        event(record).is_some_and(live) && next_on_subscription(records, index).is_some()
    };
    let Some(at) = choose(records, pick, followed) else { return false };
    let next = next_on_subscription(records, at).expect("a follower");
    records.swap(at, next);
    true
}

/// A subscription that the server begins one place late.
pub fn moved_start(records: &mut History, pick: usize) -> bool {
    let told =
        |_: usize, record: &Record| event(record).is_some_and(|it| it.op == Op::Resume && it.outcome == Outcome::Ok);
    let Some(at) = choose(records, pick, told) else { return false };
    let it = event(&records[at]).expect("an event").clone();
    let (place, room) = (it.seq.expect("a place") + 2, it.room.expect("a room"));
    let who = event(&records[at]).expect("an event").process.clone();
    let begins =
        |row: &Row| row.room == room && row.seq == place && row.members.iter().any(|member| *member == user(&who));
    if records.iter().filter_map(row).any(begins) {
        return false;
    }
    edit(records, at, |it| it.seq = it.seq.map(|seq| seq + 1));
    true
}

/// A client that goes on beyond where it had got to, and so does not notice what it missed.
pub fn resumed_too_late(records: &mut History, pick: usize) -> bool {
    let again = |index: usize, record: &Record| {
        event(record).is_some_and(|it| {
            it.op == Op::Resume
                && it.outcome == Outcome::Invoke
                && it.seq < Some(head(records, it.room.expect("a room")))
                && records[..index]
                    .iter()
                    .filter_map(event)
                    .any(|before| before.process == it.process && before.room == it.room && live(before))
                && !records.iter().filter_map(row).any(|row| {
                    Some(row.room) == it.room
                        && row.seq > it.seq.expect("a place")
                        && row.members.contains(&user(&it.process))
                })
        })
    };
    let Some(at) = choose(records, pick, again) else { return false };
    let (process, room) =
        (event(&records[at]).expect("an event").process.clone(), event(&records[at]).expect("an event").room);
    edit(records, at, |it| it.seq = it.seq.map(|seq| seq + 1));
    let told = records.iter().skip(at).position(|record| {
        event(record).is_some_and(|it| {
            it.process == process && it.room == room && it.op == Op::Resume && it.outcome == Outcome::Ok
        })
    });
    edit(records, at + told.expect("an answer"), |it| it.seq = it.seq.map(|seq| seq + 1));
    true
}

/// Who is subscribed to a room at the end.
fn subscribed_at_the_end(records: &[Record], process: &str, room: Option<RoomId>) -> bool {
    let ends = |it: &&Event| it.process == process && (it.room == room || it.room.is_none());
    let last =
        records.iter().filter_map(event).filter(ends).rfind(|it| matches!(it.op, Op::Sub | Op::Resume | Op::Close));
    last.is_some_and(|it| it.op != Op::Close)
}

pub fn tail_loss(records: &mut History, pick: usize) -> bool {
    let last = |_: usize, record: &Record| {
        event(record).is_some_and(|it| {
            live(it)
                && it.seq == it.room.map(|room| head(records, room))
                && subscribed_at_the_end(records, &it.process, it.room)
        })
    };
    let at = choose(records, pick, last);
    remove(records, at)
}

pub fn missing_delivery(records: &mut History, pick: usize) -> bool {
    let ended = |it: &Event| {
        let of = |row: &Row| {
            matches!(row.kind, Kind::SystemKick | Kind::SystemLeave) && row.members.contains(&user(&it.process))
        };
        records.iter().filter_map(row).any(|row| Some(row.room) == it.room && of(row))
    };
    let early = |_: usize, record: &Record| {
        event(record).is_some_and(|it| {
            live(it)
                && it.seq < it.room.map(|room| head(records, room))
                && subscribed_at_the_end(records, &it.process, it.room)
                && !ended(it)
        })
    };
    let at = choose(records, pick, early);
    remove(records, at)
}

pub fn incomplete_final_read(records: &mut History, pick: usize) -> bool {
    let last =
        |_: usize, record: &Record| event(record).is_some_and(|it| it.via == Some(Via::Final) && it.target.is_none());
    let Some(at) = choose(records, pick, last) else { return false };
    let it = event(&records[at]).expect("an event");
    let same = |other: &&Event| other.via == Some(Via::Final) && (&other.process, other.room) == (&it.process, it.room);
    if records.iter().filter_map(event).filter(same).count() < 2 {
        return false;
    }
    remove(records, Some(at))
}
