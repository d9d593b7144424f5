//! Defects of what is stored.

use chat_checker::{
    Record,
    history::{BodyHash, Event, Kind, Op, Outcome, Row},
};
use chat_protocol::ClientMessageId;

use super::{History, choose, edit, edit_row, event, head, insert, is_text_row, numbered, remove, row};

pub fn lost_row(records: &mut History, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| is_text_row(record));
    remove(records, at)
}

pub fn second_row(records: &mut History, pick: usize) -> bool {
    let Some(at) = choose(records, pick, |_, record| is_text_row(record)) else { return false };
    let mut again = row(&records[at]).expect("a row").clone();
    (again.seq, again.number) = (head(records, again.room) + 1, numbered(records, again.room) + 1);
    insert(records, at, Record::Row(again))
}

pub fn rejected_is_stored(records: &mut History, pick: usize) -> bool {
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

pub fn phantom_row(records: &mut History, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| row(record).is_some_and(|row| !matches!(row.kind, Kind::SystemCreate)));
    at.map(|at| {
        edit_row(records, at, |row| {
            row.client_message_id = ClientMessageId::parse("phantom").expect("an id");
            row.kind = Kind::Text;
        });
    })
    .is_some()
}

pub fn system_entry_that_nobody_asked_for(records: &mut History, pick: usize) -> bool {
    let asked = |_: usize, record: &Record| {
        event(record)
            .is_some_and(|it| matches!(it.op, Op::Join | Op::Leave | Op::Kick) && it.outcome == Outcome::Invoke)
    };
    let at = choose(records, pick, asked);
    remove(records, at)
}

pub fn corrupted_row(records: &mut History, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| is_text_row(record));
    at.map(|at| edit_row(records, at, |row| row.hash = Some(BodyHash::of("garbled")))).is_some()
}

pub fn same_place_twice(records: &mut History, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| row(record).is_some_and(|row| row.seq > 1));
    at.map(|at| edit_row(records, at, |row| row.seq -= 1)).is_some()
}

pub fn gap_in_the_rows(records: &mut History, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| row(record).is_some_and(|row| row.seq < head(records, row.room)));
    remove(records, at)
}

pub fn wrong_number(records: &mut History, pick: usize) -> bool {
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

pub fn swapped_rows(records: &mut History, pick: usize) -> bool {
    swap(records, pick, |_, _| true)
}

fn said<'a>(records: &'a [Record], row: &Row, op: Op, outcome: Outcome) -> Vec<&'a Event> {
    let of = |it: &&Event| {
        (it.op, it.outcome, it.room) == (op, outcome, Some(row.room))
            && (it.sender, it.client_message_id.as_ref()) == (Some(row.sender), Some(&row.client_message_id))
    };
    records.iter().filter_map(event).filter(of).collect()
}

pub fn swapped_rows_in_time(records: &mut History, pick: usize) -> bool {
    let all = records.clone();
    swap(records, pick, |low, high| {
        let ok = said(&all, low, Op::Send, Outcome::Ok).first().map(|it| it.mono_ns);
        let sent = said(&all, high, Op::Send, Outcome::Invoke).first().map(|it| it.mono_ns);
        ok.zip(sent).is_some_and(|(ok, sent)| ok < sent)
    })
}

pub fn swapped_rows_of_a_connection(records: &mut History, pick: usize) -> bool {
    let all = records.clone();
    swap(records, pick, |low, high| {
        let (low, high) = (said(&all, low, Op::Send, Outcome::Invoke), said(&all, high, Op::Send, Outcome::Invoke));
        low.len() == 1 && high.len() == 1 && low[0].connection == high[0].connection
    })
}

pub fn told_another_place(records: &mut History, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| event(record).is_some_and(|it| it.op == Op::Status && it.seq.is_some()));
    at.map(|at| edit(records, at, |it| it.seq = it.seq.map(|seq| seq + 1))).is_some()
}

pub fn head_is_not_stored(records: &mut History, pick: usize) -> bool {
    let last = |_: usize, record: &Record| row(record).is_some_and(|row| row.seq == head(records, row.room));
    let at = choose(records, pick, last);
    remove(records, at)
}
