//! Defects that can be planted into any sound history in which they make sense.

mod deliveries;
mod members;
mod rows;
mod topics;

use std::ops::{Deref, DerefMut};

use chat_checker::{
    Invariant, Record,
    history::{Event, Kind, Op, Row},
};
use chat_protocol::RoomId;

/// Plants a defect at one of the places that offer themselves, `pick` says which; false: there is none.
type Plant = fn(&mut History, usize) -> bool;

pub struct Defect {
    pub name: &'static str,
    pub invariant: Invariant,
    pub clause: &'static str,
    pub plant: Plant,
}

macro_rules! defects {
    ($($invariant:ident $clause:literal $file:ident::$plant:ident;)*) => {
        pub const ALL: &[Defect] = &[$(Defect {
            name: stringify!($plant), invariant: Invariant::$invariant, clause: $clause, plant: $file::$plant,
        },)*];
    };
}

defects! {
    I1 "lost" rows::lost_row;
    I1 "stored_twice" rows::second_row;
    I1 "dead_letter_unseen" topics::dead_letter_without_rejection;
    I2 "aborted_read" deliveries::aborted_read;
    I2 "stored_after_rejection" rows::rejected_is_stored;
    I3 "phantom_row" rows::phantom_row;
    I3 "phantom_row" rows::system_entry_that_nobody_asked_for;
    I3 "phantom" deliveries::phantom_delivery;
    I3 "corrupted" deliveries::corrupted_delivery;
    I3 "corrupted_row" rows::corrupted_row;
    I3 "phantom" deliveries::wrong_room;
    I4 "duplicate_key" rows::second_row;
    I4 "duplicate_seq" rows::same_place_twice;
    I4 "gap" rows::gap_in_the_rows;
    I4 "number_wrong" rows::wrong_number;
    I5 "disagreement" rows::swapped_rows;
    I5 "told_otherwise" rows::told_another_place;
    I6 "duplicate" deliveries::duplicate_delivery;
    I6 "skip" deliveries::skipped_delivery;
    I6 "step_back" deliveries::step_back;
    I6 "skip" deliveries::swapped_deliveries;
    I6 "moved_start" deliveries::moved_start;
    I6 "resumed_too_late" deliveries::resumed_too_late;
    I5 "not_stored" rows::head_is_not_stored;
    I7 "tail_lost" deliveries::tail_loss;
    I7 "missing" deliveries::missing_delivery;
    I7 "final_read_incomplete" deliveries::incomplete_final_read;
    I8 "overtaken" rows::swapped_rows_in_time;
    I9 "reordered" rows::swapped_rows_of_a_connection;
    I10 "after_leaving" members::delivery_after_leaving;
    I10 "before_joining" members::delivery_before_joining;
    I10 "shown_from_before" members::text_from_before_joining;
    I10 "written_by_stranger" members::row_of_a_stranger;
    I10 "membership_disagrees" members::other_membership;
    I11 "went_back" members::lower_mark;
    I11 "above_head" members::mark_above_head;
    I11 "above_head" members::receipt_above_head;
    I11 "acknowledged_mark_lost" members::lost_mark;
    I11 "told_mark_lost" members::told_and_never_stored;
    I11 "went_back" members::lower_mark_after_a_reconnect;
    I11 "unread_wrong" members::wrong_unread;
    I12 "committed_too_early" topics::premature_commit;
    I12 "committed_too_early" topics::stored_after_the_commit;
    I13 "payload_changed" topics::changed_payload;
    I13 "dead_letter_twice" topics::dead_letter_twice;
    I13 "headers_missing" topics::missing_header;
    I13 "poison_lost" topics::poison_without_dead_letter;
    I1 "dead_letter_twice" topics::second_dead_letter_of_a_send;
    I1 "lost" topics::poison_without_dead_letter;
    I13 "good_record" topics::dead_letter_without_rejection;
    I15 "slow_recovery" topics::slow_recovery;
    I15 "unbounded" topics::gauge_above_limit;
}

/// A history that a defect is planted into.
pub struct History(pub Vec<Record>);

impl Deref for History {
    type Target = Vec<Record>;

    fn deref(&self) -> &Vec<Record> {
        &self.0
    }
}

impl DerefMut for History {
    fn deref_mut(&mut self) -> &mut Vec<Record> {
        &mut self.0
    }
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
    let counts = records.iter().fold([0_u64; 9], |mut counts, record| {
        let section = match record {
            Record::Row(_) => 0,
            Record::Membership(_) => 1,
            Record::Mark(_) => 2,
            Record::RedisMark(_) => 3,
            Record::Topic(_) => 4,
            Record::DeadLetter(_) => 5,
            Record::Offset(_) => 6,
            Record::Stored(_) => 7,
            Record::Gauge(_) => 8,
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

fn insert(records: &mut History, index: usize, record: Record) -> bool {
    records.insert(index, record);
    recount(records);
    true
}

fn remove(records: &mut History, index: Option<usize>) -> bool {
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

fn is_text_row(record: &Record) -> bool {
    row(record).is_some_and(|row| row.kind == Kind::Text)
}
