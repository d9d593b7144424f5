//! Defects of memberships and read marks.

use chat_checker::{
    Record,
    history::{BodyHash, Event, Kind, Op, Outcome, Row, Via},
};
use chat_protocol::{RoomId, UserId};

use super::{History, choose, edit, edit_row, event, head, insert, is_text_row, live, remove, row};

/// Somebody who left without coming back: the process, and the place of the end.
fn gone(records: &[Record], pick: usize) -> Option<(RoomId, UserId, i64)> {
    let at = choose(records, pick, |_, record| matches!(record, Record::Membership(it) if it.left_seq.is_some()))?;
    if let Record::Membership(it) = &records[at] { Some((it.room, it.user, it.left_seq?)) } else { None }
}

fn give(records: &mut History, to: UserId, what: impl Fn(&Event) -> bool) -> bool {
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

pub fn delivery_after_leaving(records: &mut History, pick: usize) -> bool {
    let Some((room, user, end)) = gone(records, pick) else { return false };
    give(records, user, |it| it.room == Some(room) && it.seq > Some(end))
}

pub fn delivery_before_joining(records: &mut History, pick: usize) -> bool {
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

pub fn text_from_before_joining(records: &mut History, pick: usize) -> bool {
    let withheld = |it: &Event| it.kind == Some(Kind::Edit) && live(it) && it.hash == Some(BodyHash::of(""));
    let Some(at) = choose(records, pick, |_, record| event(record).is_some_and(withheld)) else { return false };
    edit(records, at, |it| it.hash = Some(BodyHash::of("hello all")));
    true
}

pub fn row_of_a_stranger(records: &mut History, pick: usize) -> bool {
    let Some((room, user, end)) = gone(records, pick) else { return false };
    let later = choose(records, pick, |_, record| {
        is_text_row(record) && row(record).is_some_and(|row| row.room == room && row.seq > end)
    });
    later.map(|at| edit_row(records, at, |row| row.sender = user)).is_some()
}

pub fn other_membership(records: &mut History, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| matches!(record, Record::Membership(_)));
    let Some(Record::Membership(membership)) = at.map(|at| &mut records[at]) else { return false };
    membership.left_seq = membership.left_seq.map_or(Some(membership.joined_seq + 1), |_| None);
    true
}

pub fn lower_mark(records: &mut History, pick: usize) -> bool {
    let Some(at) = choose(records, pick, |_, record| event(record).is_some_and(|it| it.op == Op::Receipt)) else {
        return false;
    };
    let mut lower = event(&records[at]).expect("an event").clone();
    lower.seq = lower.seq.map(|seq| seq - 1);
    insert(records, at + 1, Record::Event(Box::new(lower)))
}

/// Another gateway, or the same one after Redis lost its memory, tells an observer who comes back less than he knew.
pub fn lower_mark_after_a_reconnect(records: &mut History, pick: usize) -> bool {
    let comes_back = |at: usize, record: &Record| {
        let told =
            |name: &str| records[..at].iter().filter_map(event).any(|it| it.op == Op::Receipt && it.process == name);
        event(record).is_some_and(|it| it.op == Op::Resume && it.outcome == Outcome::Ok && told(&it.process))
    };
    let Some(at) = choose(records, pick, comes_back) else { return false };
    let back = event(&records[at]).expect("an event").clone();
    let known = |it: &&Event| it.op == Op::Receipt && it.process == back.process;
    let mut lower = records[..at].iter().filter_map(event).rfind(known).expect("a receipt").clone();
    lower.connection.clone_from(&back.connection);
    (lower.mono_ns, lower.seq) = (back.mono_ns, lower.seq.map(|seq| seq - 1));
    insert(records, at + 1, Record::Event(Box::new(lower)))
}

/// A mark was told before it was stored, and it never was; its reader was promised nothing.
pub fn told_and_never_stored(records: &mut History, pick: usize) -> bool {
    let told = |_: usize, record: &Record| {
        let stays = |it: &Event| {
            records.iter().any(|record| {
                matches!(record, Record::Membership(member)
                    if member.left_seq.is_none() && Some(member.room) == it.room && Some(member.user) == it.user)
            })
        };
        event(record).is_some_and(|it| it.op == Op::Receipt && stays(it))
    };
    let Some(at) = choose(records, pick, told) else { return false };
    let receipt = event(&records[at]).expect("an event").clone();
    for record in records.iter_mut() {
        match record {
            Record::Event(it) if (it.op, it.room, it.user) == (Op::Mark, receipt.room, receipt.user) => {
                it.outcome = Outcome::Info;
            }
            Record::Mark(mark) if (Some(mark.room), Some(mark.user)) == (receipt.room, receipt.user) => {
                (mark.seq, mark.unread) = (receipt.seq.expect("a place") - 1, None);
            }
            _ => {}
        }
    }
    true
}

pub fn mark_above_head(records: &mut History, pick: usize) -> bool {
    let Some(at) = choose(records, pick, |_, record| matches!(record, Record::RedisMark(_))) else { return false };
    let Record::RedisMark(mark) = &records[at] else { return false };
    let above = head(records, mark.room) + 1;
    if let Record::RedisMark(mark) = &mut records[at] {
        mark.seq = above;
    }
    true
}

pub fn receipt_above_head(records: &mut History, pick: usize) -> bool {
    let Some(at) = choose(records, pick, |_, record| event(record).is_some_and(|it| it.op == Op::Receipt)) else {
        return false;
    };
    let above = event(&records[at]).and_then(|it| it.room).map(|room| head(records, room) + 1);
    edit(records, at, |it| it.seq = above);
    true
}

pub fn lost_mark(records: &mut History, pick: usize) -> bool {
    let acknowledged =
        |_: usize, record: &Record| event(record).is_some_and(|it| it.op == Op::Mark && it.outcome == Outcome::Ok);
    let Some(at) = choose(records, pick, acknowledged) else { return false };
    let it = event(&records[at]).expect("an event").clone();
    let of = |record: &Record| matches!(record, Record::Mark(mark) if Some(mark.room) == it.room && Some(mark.user) == it.user);
    let at = records.iter().position(of);
    remove(records, at)
}

pub fn wrong_unread(records: &mut History, pick: usize) -> bool {
    let at = choose(records, pick, |_, record| matches!(record, Record::Mark(mark) if mark.unread.is_some()));
    let Some(Record::Mark(mark)) = at.map(|at| &mut records[at]) else { return false };
    mark.unread = mark.unread.map(|unread| unread + 1);
    true
}
