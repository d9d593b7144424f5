//! Defects that can be planted into any sound history in which they make sense.

use chat_checker::{
    Invariant, Record,
    history::{BodyHash, Event, Kind, Op, Outcome, Row, Via},
};
use chat_protocol::{ClientMessageId, RoomId};

use crate::story::{room, user};

/// Plants a defect at one of the places that offer themselves, `pick` says which; false: there is none.
type Plant = fn(&mut Vec<Record>, usize) -> bool;

pub struct Defect {
    pub name: &'static str,
    pub invariant: Invariant,
    pub clause: &'static str,
    pub plant: Plant,
}

macro_rules! defects {
    ($($invariant:ident $clause:literal $plant:ident;)*) => {
        pub const ALL: &[Defect] = &[$(Defect {
            name: stringify!($plant), invariant: Invariant::$invariant, clause: $clause, plant: $plant,
        },)*];
    };
}

defects! {
    I1 "lost" lost_row;
    I1 "stored_twice" second_row;
    I1 "dead_letter_unseen" dead_letter_without_rejection;
    I2 "aborted_read" aborted_read;
    I2 "stored_after_rejection" rejected_is_stored;
    I3 "phantom_row" phantom_row;
    I3 "phantom_row" system_entry_that_nobody_asked_for;
    I3 "phantom" phantom_delivery;
    I3 "corrupted" corrupted_delivery;
    I3 "corrupted_row" corrupted_row;
    I3 "phantom" wrong_room;
    I4 "duplicate_key" second_row;
    I4 "duplicate_seq" same_place_twice;
    I4 "gap" gap_in_the_rows;
    I4 "number_wrong" wrong_number;
    I5 "disagreement" swapped_rows;
    I5 "told_otherwise" told_another_place;
    I6 "duplicate" duplicate_delivery;
    I6 "skip" skipped_delivery;
    I6 "step_back" step_back;
    I6 "skip" swapped_deliveries;
    I6 "moved_start" moved_start;
    I6 "resumed_too_late" resumed_too_late;
    I5 "not_stored" head_is_not_stored;
    I7 "tail_lost" tail_loss;
    I7 "missing" missing_delivery;
    I7 "final_read_incomplete" incomplete_final_read;
    I8 "overtaken" swapped_rows_in_time;
    I9 "reordered" swapped_rows_of_a_connection;
    I10 "after_leaving" delivery_after_leaving;
    I10 "before_joining" delivery_before_joining;
    I10 "written_by_stranger" row_of_a_stranger;
    I10 "membership_disagrees" other_membership;
    I11 "went_back" lower_mark;
    I11 "above_head" mark_above_head;
    I11 "above_head" receipt_above_head;
    I11 "acknowledged_mark_lost" lost_mark;
    I11 "unread_wrong" wrong_unread;
    I12 "committed_too_early" premature_commit;
    I13 "payload_changed" changed_payload;
    I13 "dead_letter_twice" dead_letter_twice;
    I13 "headers_missing" missing_header;
    I13 "poison_lost" poison_without_dead_letter;
    I1 "dead_letter_twice" second_dead_letter_of_a_send;
    I1 "lost" poison_without_dead_letter;
    I13 "good_record" dead_letter_without_rejection;
    I15 "slow_recovery" slow_recovery;
    I15 "unbounded" gauge_above_limit;
}

fn event(record: &Record) -> Option<&Event> {
    if let Record::Event(event) = record { Some(event) } else { None }
}

fn row(record: &Record) -> Option<&Row> {
    if let Record::Row(row) = record { Some(row) } else { None }
}

/// One of the records that fit.
fn choose(records: &[Record], pick: usize, fits: impl Fn(usize, &Record) -> bool) -> Option<usize> {
    let fitting: Vec<_> =
        records.iter().enumerate().filter(|(index, record)| fits(*index, record)).map(|(index, _)| index).collect();
    (!fitting.is_empty()).then(|| fitting[pick % fitting.len()])
}

fn edit(records: &mut [Record], index: usize, change: impl FnOnce(&mut Event)) {
    if let Record::Event(event) = &mut records[index] {
        change(event);
    }
}

fn edit_row(records: &mut [Record], index: usize, change: impl FnOnce(&mut Row)) {
    if let Record::Row(row) = &mut records[index] {
        change(row);
    }
}

/// Dumps say how many records they have: one more, or one less.
fn recount(records: &mut [Record]) {
    let counts = records.iter().fold([0_u64; 8], |mut counts, record| {
        let section = match record {
            Record::Row(_) => 0,
            Record::Membership(_) => 1,
            Record::Mark(_) => 2,
            Record::RedisMark(_) => 3,
            Record::Topic(_) => 4,
            Record::DeadLetter(_) => 5,
            Record::Offset(_) => 6,
            Record::Gauge(_) => 7,
            _ => return counts,
        };
        counts[section] += 1;
        counts
    });
    for record in records {
        if let Record::Dump(dump) = record {
            dump.count = counts[dump.section as usize];
        }
    }
}

fn insert(records: &mut Vec<Record>, index: usize, record: Record) -> bool {
    records.insert(index, record);
    recount(records);
    true
}

fn remove(records: &mut Vec<Record>, index: Option<usize>) -> bool {
    let Some(index) = index else { return false };
    records.remove(index);
    recount(records);
    true
}

fn head(records: &[Record], room: RoomId) -> i64 {
    records.iter().filter_map(row).filter(|row| row.room == room).map(|row| row.seq).max().unwrap_or(0)
}

fn numbered(records: &[Record], room: RoomId) -> i64 {
    records.iter().filter_map(row).filter(|row| row.room == room).map(|row| row.number).max().unwrap_or(0)
}

fn live(event: &Event) -> bool {
    event.op == Op::Recv && event.via.is_none()
}

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

fn is_text_row(record: &Record) -> bool {
    row(record).is_some_and(|row| row.kind == Kind::Text)
}

fn lost_row(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| is_text_row(record));
    remove(records, at)
}

fn second_row(records: &mut Vec<Record>, pick: usize) -> bool {
    let Some(at) = choose(records, pick, |_, record| is_text_row(record)) else { return false };
    let mut again = row(&records[at]).expect("a row").clone();
    (again.seq, again.number) = (head(records, again.room) + 1, numbered(records, again.room) + 1);
    insert(records, at, Record::Row(again))
}

fn dead_letter_without_rejection(records: &mut Vec<Record>, pick: usize) -> bool {
    let Some(letter) =
        records.iter().find_map(|it| if let Record::DeadLetter(it) = it { Some(it.clone()) } else { None })
    else {
        return false;
    };
    let Some(at) = choose(records, pick, |_, record| is_text_row(record)) else { return false };
    let stored = row(&records[at]).expect("a row").clone();
    let of = |it: &Record| matches!(it, Record::Topic(it) if it.key.as_ref().is_some_and(|key| key.client_message_id == stored.client_message_id));
    let Some(Record::Topic(source)) = records.iter().find(|record| of(record)).cloned() else { return false };
    let mut letter = letter;
    (letter.key, letter.hash, letter.original_offset) = (source.key, source.hash, source.offset);
    records[at] = Record::DeadLetter(letter);
    recount(records);
    true
}

fn aborted_read(records: &mut Vec<Record>, pick: usize) -> bool {
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

fn rejected_is_stored(records: &mut Vec<Record>, pick: usize) -> bool {
    let rejected =
        |_: usize, record: &Record| event(record).is_some_and(|it| it.op == Op::Send && it.outcome == Outcome::Fail);
    let Some(at) = choose(records, pick, rejected) else { return false };
    let refused = event(&records[at]).expect("an event").clone();
    let Some(stored) = choose(records, pick, |_, record| is_text_row(record)) else { return false };
    edit_row(records, stored, |row| {
        (row.room, row.sender) = (refused.room.expect("a room"), refused.sender.expect("a sender"));
        row.client_message_id = refused.client_message_id.expect("an id");
    });
    true
}

fn phantom_row(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| row(record).is_some_and(|row| !matches!(row.kind, Kind::SystemCreate)));
    at.map(|at| {
        edit_row(records, at, |row| {
            row.client_message_id = ClientMessageId::parse("phantom").expect("an id");
            row.kind = Kind::Text;
        })
    })
    .is_some()
}

fn system_entry_that_nobody_asked_for(records: &mut Vec<Record>, pick: usize) -> bool {
    let asked = |_: usize, record: &Record| {
        event(record)
            .is_some_and(|it| matches!(it.op, Op::Join | Op::Leave | Op::Kick) && it.outcome == Outcome::Invoke)
    };
    let at = choose(records, pick, asked);
    remove(records, at)
}

fn phantom_delivery(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| event(record).is_some_and(|it| it.op == Op::Recv));
    at.map(|at| edit(records, at, |it| it.client_message_id = ClientMessageId::parse("phantom").ok())).is_some()
}

fn corrupted_delivery(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| event(record).is_some_and(|it| it.op == Op::Recv && it.hash.is_some()));
    at.map(|at| edit(records, at, |it| it.hash = Some(BodyHash::of("garbled")))).is_some()
}

fn corrupted_row(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| is_text_row(record));
    at.map(|at| edit_row(records, at, |row| row.hash = Some(BodyHash::of("garbled")))).is_some()
}

fn wrong_room(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| event(record).is_some_and(|it| live(it) && it.kind == Some(Kind::Text)));
    at.map(|at| {
        edit(records, at, |it| {
            let other = if it.room == Some(room("lobby")) { "garden" } else { "lobby" };
            it.room = Some(room(other));
        });
    })
    .is_some()
}

fn same_place_twice(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| row(record).is_some_and(|row| row.seq > 1));
    at.map(|at| edit_row(records, at, |row| row.seq -= 1)).is_some()
}

fn gap_in_the_rows(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| row(record).is_some_and(|row| row.seq < head(records, row.room)));
    remove(records, at)
}

fn wrong_number(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| row(record).is_some());
    at.map(|at| edit_row(records, at, |row| row.number += 1)).is_some()
}

/// Two rows of a room change places.
fn swap(records: &mut [Record], pick: usize, fits: impl Fn(&Row, &Row) -> bool) -> bool {
    let texts: Vec<_> =
        records.iter().enumerate().filter(|(_, record)| is_text_row(record)).map(|(index, _)| index).collect();
    let pairs: Vec<_> = texts
        .iter()
        .flat_map(|a| texts.iter().map(move |b| (*a, *b)))
        .filter(|(a, b)| {
            let (a, b) = (row(&records[*a]).expect("a row"), row(&records[*b]).expect("a row"));
            a.room == b.room && a.seq < b.seq && fits(a, b)
        })
        .collect();
    if pairs.is_empty() {
        return false;
    }
    let (a, b) = pairs[pick % pairs.len()];
    let (low, high) = (row(&records[a]).expect("a row").clone(), row(&records[b]).expect("a row").clone());
    edit_row(records, a, |row| (row.seq, row.number) = (high.seq, high.number));
    edit_row(records, b, |row| (row.seq, row.number) = (low.seq, low.number));
    true
}

fn swapped_rows(records: &mut Vec<Record>, pick: usize) -> bool {
    swap(records, pick, |_, _| true)
}

fn said<'a>(records: &'a [Record], row: &Row, op: Op, outcome: Outcome) -> Vec<&'a Event> {
    let of = |it: &&Event| {
        (it.op, it.outcome, it.room) == (op, outcome, Some(row.room))
            && (it.sender, it.client_message_id.as_ref()) == (Some(row.sender), Some(&row.client_message_id))
    };
    records.iter().filter_map(event).filter(of).collect()
}

fn swapped_rows_in_time(records: &mut Vec<Record>, pick: usize) -> bool {
    let all = records.clone();
    swap(records, pick, |low, high| {
        let ok = said(&all, low, Op::Send, Outcome::Ok).first().map(|it| it.mono_ns);
        let sent = said(&all, high, Op::Send, Outcome::Invoke).first().map(|it| it.mono_ns);
        ok.zip(sent).is_some_and(|(ok, sent)| ok < sent)
    })
}

fn swapped_rows_of_a_connection(records: &mut Vec<Record>, pick: usize) -> bool {
    let all = records.clone();
    swap(records, pick, |low, high| {
        let (low, high) = (said(&all, low, Op::Send, Outcome::Invoke), said(&all, high, Op::Send, Outcome::Invoke));
        low.len() == 1 && high.len() == 1 && low[0].connection == high[0].connection
    })
}

fn told_another_place(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| event(record).is_some_and(|it| it.op == Op::Status && it.seq.is_some()));
    at.map(|at| edit(records, at, |it| it.seq = it.seq.map(|seq| seq + 1))).is_some()
}

fn duplicate_delivery(records: &mut Vec<Record>, pick: usize) -> bool {
    let Some(at) = choose(records, pick, |_, record| event(record).is_some_and(live)) else { return false };
    let again = records[at].clone();
    insert(records, at + 1, again)
}

fn skipped_delivery(records: &mut Vec<Record>, pick: usize) -> bool {
    let followed = |index: usize, record: &Record| {
        event(record).is_some_and(live) && next_on_subscription(records, index).is_some()
    };
    let at = choose(records, pick, followed);
    remove(records, at)
}

fn step_back(records: &mut Vec<Record>, pick: usize) -> bool {
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

fn swapped_deliveries(records: &mut Vec<Record>, pick: usize) -> bool {
    let followed = |index: usize, record: &Record| {
        event(record).is_some_and(live) && next_on_subscription(records, index).is_some()
    };
    let Some(at) = choose(records, pick, followed) else { return false };
    let next = next_on_subscription(records, at).expect("a follower");
    records.swap(at, next);
    true
}

/// A subscription that the server begins one place late.
fn moved_start(records: &mut Vec<Record>, pick: usize) -> bool {
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
fn resumed_too_late(records: &mut Vec<Record>, pick: usize) -> bool {
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

fn tail_loss(records: &mut Vec<Record>, pick: usize) -> bool {
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

fn missing_delivery(records: &mut Vec<Record>, pick: usize) -> bool {
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

fn head_is_not_stored(records: &mut Vec<Record>, pick: usize) -> bool {
    let last = |_: usize, record: &Record| row(record).is_some_and(|row| row.seq == head(records, row.room));
    let at = choose(records, pick, last);
    remove(records, at)
}

fn incomplete_final_read(records: &mut Vec<Record>, pick: usize) -> bool {
    let last = |_: usize, record: &Record| event(record).is_some_and(|it| it.via == Some(Via::Final));
    let Some(at) = choose(records, pick, last) else { return false };
    let it = event(&records[at]).expect("an event");
    let same = |other: &&Event| other.via == Some(Via::Final) && (&other.process, other.room) == (&it.process, it.room);
    if records.iter().filter_map(event).filter(same).count() < 2 {
        return false;
    }
    remove(records, Some(at))
}

/// Somebody who left without coming back: the process, and the place of the end.
fn gone(records: &[Record], pick: usize) -> Option<(RoomId, chat_protocol::UserId, i64)> {
    let at = choose(records, pick, |_, record| matches!(record, Record::Membership(it) if it.left_seq.is_some()))?;
    if let Record::Membership(it) = &records[at] { Some((it.room, it.user, it.left_seq?)) } else { None }
}

fn give(records: &mut Vec<Record>, to: chat_protocol::UserId, what: impl Fn(&Event) -> bool) -> bool {
    let Some(Record::Client(client)) =
        records.iter().find(|it| matches!(it, Record::Client(client) if client.user == to)).cloned()
    else {
        return false;
    };
    let Some(at) = records.iter().position(|record| event(record).is_some_and(|it| live(it) && what(it))) else {
        return false;
    };
    let mut seen = event(&records[at]).expect("an event").clone();
    (seen.process, seen.connection, seen.via) = (client.process, String::new(), Some(Via::History));
    insert(records, at + 1, Record::Event(Box::new(seen)))
}

fn delivery_after_leaving(records: &mut Vec<Record>, pick: usize) -> bool {
    let Some((room, user, end)) = gone(records, pick) else { return false };
    give(records, user, |it| it.room == Some(room) && it.seq > Some(end))
}

fn delivery_before_joining(records: &mut Vec<Record>, pick: usize) -> bool {
    let late = |_: usize, record: &Record| {
        row(record).is_some_and(|invite| {
            let before = |row: &&Row| {
                row.room == invite.room
                    && row.seq < invite.seq
                    && row.members.iter().any(|it| invite.members.contains(it))
            };
            invite.kind == Kind::SystemInvite && !records.iter().filter_map(row).any(|row| before(&row))
        })
    };
    let Some(at) = choose(records, pick, late) else { return false };
    let invite = row(&records[at]).expect("a row").clone();
    give(records, invite.members[0], |it| it.room == Some(invite.room) && it.seq < Some(invite.seq))
}

fn row_of_a_stranger(records: &mut Vec<Record>, pick: usize) -> bool {
    let Some((room, user, end)) = gone(records, pick) else { return false };
    let later = choose(records, pick, |_, record| {
        is_text_row(record) && row(record).is_some_and(|row| row.room == room && row.seq > end)
    });
    later.map(|at| edit_row(records, at, |row| row.sender = user)).is_some()
}

fn other_membership(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| matches!(record, Record::Membership(_)));
    let Some(Record::Membership(membership)) = at.map(|at| &mut records[at]) else { return false };
    membership.left_seq = membership.left_seq.map_or(Some(membership.joined_seq + 1), |_| None);
    true
}

fn lower_mark(records: &mut Vec<Record>, pick: usize) -> bool {
    let Some(at) = choose(records, pick, |_, record| event(record).is_some_and(|it| it.op == Op::Receipt)) else {
        return false;
    };
    let mut lower = event(&records[at]).expect("an event").clone();
    lower.seq = lower.seq.map(|seq| seq - 1);
    insert(records, at + 1, Record::Event(Box::new(lower)))
}

fn mark_above_head(records: &mut Vec<Record>, pick: usize) -> bool {
    let Some(at) = choose(records, pick, |_, record| matches!(record, Record::RedisMark(_))) else { return false };
    let Record::RedisMark(mark) = &records[at] else { return false };
    let above = head(records, mark.room) + 1;
    if let Record::RedisMark(mark) = &mut records[at] {
        mark.seq = above;
    }
    true
}

fn receipt_above_head(records: &mut Vec<Record>, pick: usize) -> bool {
    let Some(at) = choose(records, pick, |_, record| event(record).is_some_and(|it| it.op == Op::Receipt)) else {
        return false;
    };
    let above = event(&records[at]).and_then(|it| it.room).map(|room| head(records, room) + 1);
    edit(records, at, |it| it.seq = above);
    true
}

fn lost_mark(records: &mut Vec<Record>, pick: usize) -> bool {
    let acknowledged =
        |_: usize, record: &Record| event(record).is_some_and(|it| it.op == Op::Mark && it.outcome == Outcome::Ok);
    let Some(at) = choose(records, pick, acknowledged) else { return false };
    let it = event(&records[at]).expect("an event").clone();
    let of = |record: &Record| matches!(record, Record::Mark(mark) if Some(mark.room) == it.room && Some(mark.user) == it.user);
    let at = records.iter().position(of);
    remove(records, at)
}

fn wrong_unread(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| matches!(record, Record::Mark(mark) if mark.unread.is_some()));
    let Some(Record::Mark(mark)) = at.map(|at| &mut records[at]) else { return false };
    mark.unread = mark.unread.map(|unread| unread + 1);
    true
}

/// A row below the committed offset is not there: it was committed before it was stored.
fn premature_commit(records: &mut Vec<Record>, pick: usize) -> bool {
    let committed =
        records.iter().filter_map(|it| if let Record::Offset(it) = it { Some(it.offset) } else { None }).max();
    let Some(committed) = committed else { return false };
    let below = |row: &Row| {
        records.iter().any(|it| {
            matches!(it, Record::Topic(it) if it.offset < committed
            && it.key.as_ref().is_some_and(|key| key.client_message_id == row.client_message_id))
        })
    };
    let at = choose(records, pick, |_, record| is_text_row(record) && row(record).is_some_and(below));
    remove(records, at)
}

fn letter(records: &[Record], pick: usize) -> Option<usize> {
    choose(records, pick, |_, record| matches!(record, Record::DeadLetter(_)))
}

fn changed_payload(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = letter(records, pick);
    let Some(Record::DeadLetter(letter)) = at.map(|at| &mut records[at]) else { return false };
    letter.hash = BodyHash::of("another payload");
    true
}

fn dead_letter_twice(records: &mut Vec<Record>, pick: usize) -> bool {
    let Some(at) = letter(records, pick) else { return false };
    let again = records[at].clone();
    insert(records, at, again)
}

fn second_dead_letter_of_a_send(records: &mut Vec<Record>, pick: usize) -> bool {
    let Some(at) = letter(records, pick) else { return false };
    let mut again = records[at].clone();
    if let Record::DeadLetter(letter) = &mut again {
        letter.original_offset += 1000;
    }
    insert(records, at, again)
}

fn missing_header(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = letter(records, pick);
    let Some(Record::DeadLetter(letter)) = at.map(|at| &mut records[at]) else { return false };
    letter.headers.pop();
    true
}

fn poison_without_dead_letter(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = letter(records, pick);
    remove(records, at)
}

/// Everything after the fault happens a minute later.
fn slow_recovery(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = choose(records, pick, |index, record| {
        let Record::Fault(fault) = record else { return false };
        let more = records.iter().skip(index).any(|it| matches!(it, Record::Fault(other) if other.id != fault.id));
        !more
            && records
                .iter()
                .filter_map(event)
                .any(|it| it.op == Op::Send && it.outcome == Outcome::Invoke && Some(it.mono_ns) > fault.end_ns)
    });
    let Some(Record::Fault(fault)) = at.map(|at| records[at].clone()) else { return false };
    for record in records {
        match record {
            Record::Event(event) if Some(event.mono_ns) > fault.end_ns => event.mono_ns += 60_000_000_000,
            Record::Phase(phase) => phase.end_ns = phase.end_ns.map(|end| end + 60_000_000_000),
            _ => {}
        }
    }
    true
}

fn gauge_above_limit(records: &mut Vec<Record>, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| matches!(record, Record::Gauge(_)));
    let Some(Record::Gauge(gauge)) = at.map(|at| &mut records[at]) else { return false };
    gauge.value = gauge.limit * 2.0;
    true
}
