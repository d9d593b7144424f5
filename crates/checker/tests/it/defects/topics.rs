//! Defects of offsets, dead letters and recovery.

use chat_checker::{
    Record,
    history::{BodyHash, Op, Outcome, Row},
};

use super::{History, choose, event, insert, is_text_row, recount, remove, row};

pub fn dead_letter_without_rejection(records: &mut History, pick: usize) -> bool {
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

/// A row below the committed offset is not there: it was committed before it was stored.
pub fn premature_commit(records: &mut History, pick: usize) -> bool {
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

/// A room's head at the kill is lower than what was committed says.
pub fn stored_after_the_commit(records: &mut History, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| {
        matches!(record, Record::Stored(stored) if stored.user.is_none()
            && records.iter().any(|it| matches!(it, Record::Topic(it)
                if it.topic == "chat-messages" && it.key.as_ref().is_some_and(|key| key.room == stored.room))))
    });
    let Some(Record::Stored(stored)) = at.map(|at| &mut records[at]) else { return false };
    stored.seq = 0;
    true
}

fn letter(records: &[Record], pick: usize) -> Option<usize> {
    choose(records, pick, |_, record| matches!(record, Record::DeadLetter(_)))
}

pub fn changed_payload(records: &mut History, pick: usize) -> bool {
    let at = letter(records, pick);
    let Some(Record::DeadLetter(letter)) = at.map(|at| &mut records[at]) else { return false };
    letter.hash = BodyHash::of("another payload");
    true
}

pub fn dead_letter_twice(records: &mut History, pick: usize) -> bool {
    let Some(at) = letter(records, pick) else { return false };
    let again = records[at].clone();
    insert(records, at, again)
}

pub fn second_dead_letter_of_a_send(records: &mut History, pick: usize) -> bool {
    let Some(at) = letter(records, pick) else { return false };
    let mut again = records[at].clone();
    if let Record::DeadLetter(letter) = &mut again {
        letter.original_offset += 1000;
    }
    insert(records, at, again)
}

pub fn missing_header(records: &mut History, pick: usize) -> bool {
    let at = letter(records, pick);
    let Some(Record::DeadLetter(letter)) = at.map(|at| &mut records[at]) else { return false };
    letter.headers.pop();
    true
}

pub fn poison_without_dead_letter(records: &mut History, pick: usize) -> bool {
    let at = letter(records, pick);
    remove(records, at)
}

/// Everything after the fault happens a minute later.
pub fn slow_recovery(records: &mut History, pick: usize) -> bool {
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
    for record in records.iter_mut() {
        match record {
            Record::Event(event) if Some(event.mono_ns) > fault.end_ns => event.mono_ns += 60_000_000_000,
            Record::Phase(phase) => phase.end_ns = phase.end_ns.map(|end| end + 60_000_000_000),
            _ => {}
        }
    }
    true
}

pub fn gauge_above_limit(records: &mut History, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| matches!(record, Record::Gauge(_)));
    let Some(Record::Gauge(gauge)) = at.map(|at| &mut records[at]) else { return false };
    gauge.value = gauge.limit * 2.0;
    true
}
