//! **I12** Committed offsets are safe: at every kill, each record below the committed offset is settled (stored, refused, or a dead letter),
//! because nobody will read it again. What was stored by then is known from the heads of the rooms and the read marks at the kill; a record that
//! was stored later was not settled. Refusals and dead letters are looked up at the end.
//!
//! **I13** The dead letters are exactly the poison that was injected: each once, bytes untouched, with all headers.

use std::collections::{HashMap, HashSet};

use chat_protocol::{RoomId, UserId};

use crate::{
    findings::{Findings, Found, Invariant},
    history::{BodyHash, Key, Offset, REQUIRED_HEADERS, TopicRecord},
    run::{At, Room, Run},
};

type Origin<'a> = (&'a str, i32, i64);

pub(super) fn check(findings: &mut Findings) {
    commits(findings);
    dead_letters(findings);
}

/// What settles records.
struct Settled<'a> {
    letters: HashSet<Origin<'a>>,
    /// Refused, or executed without a change: answered, and there is no row.
    without_row: HashSet<&'a Key>,
    marks: HashMap<(RoomId, UserId), i64>,
}

fn commits(findings: &mut Findings) {
    let run = findings.run;
    let settled = Settled {
        letters: run
            .dead_letters
            .iter()
            .map(|(_, it)| (&*it.original_topic, it.original_partition, it.original_offset))
            .collect(),
        without_row: run
            .topics
            .iter()
            .filter(|(_, it)| it.refused || it.unchanged)
            .filter_map(|(_, it)| it.key.as_ref())
            .collect(),
        marks: run.marks.iter().map(|(_, mark)| ((mark.room, mark.user), mark.seq)).collect(),
    };
    // The lowest committed offset above a record is that of the first kill by which the record had to be settled.
    let mut committed: HashMap<(&str, i32), Vec<(&Offset, At)>> = HashMap::new();
    for (at, offset) in &run.offsets {
        committed.entry((&offset.topic, offset.partition)).or_default().push((offset, *at));
    }
    for offsets in committed.values_mut() {
        offsets.sort_by_key(|(offset, _)| offset.offset);
    }
    for (_, record) in &run.topics {
        let Some(offsets) = committed.get(&(&*record.topic, record.partition)) else { continue };
        let first = offsets.partition_point(|(offset, _)| offset.offset <= record.offset);
        let Some((offset, at)) = offsets.get(first) else { continue };
        findings.case(Invariant::I12);
        let why = match settled.when(run, record, &offset.fault) {
            When::Before => continue,
            When::Later => "was stored only after it",
            When::Never => "is neither stored nor a dead letter",
        };
        let mut found = Found::new("committed_too_early", *at);
        if let Some(key) = &record.key {
            found = found.key(key);
        }
        found.room = found.room.or(record.room);
        found.seq = record.seq;
        findings.found(Invariant::I12, found, || {
            let TopicRecord { topic, partition, offset: place, .. } = record;
            let Offset { group, fault, offset, .. } = offset;
            format!("{group} had committed {offset} at {fault}; {topic}/{partition} offset {place} {why}")
        });
    }
}

/// When a record was settled, seen from a kill.
enum When {
    Before,
    Later,
    Never,
}

impl When {
    /// Of something that holds at the end: whether it did at the kill.
    fn of(before: bool) -> Self {
        if before { Self::Before } else { Self::Later }
    }
}

impl Settled<'_> {
    fn when(&self, run: &Run, record: &TopicRecord, fault: &str) -> When {
        if self.letters.contains(&(&*record.topic, record.partition, record.offset)) {
            return When::Before;
        }
        let stored = |room, user| run.stored.get(fault).and_then(|all| all.get(&(room, user))).copied().unwrap_or(0);
        if record.topic.ends_with("chat-read-events") {
            let (Some(id), Some(user), Some(seq)) = (record.room, record.user, record.seq) else { return When::Never };
            let room = run.rooms.find(id);
            let head = room.map_or(0, Room::head);
            if self.marks.get(&(id, user)).is_none_or(|mark| *mark < seq.min(head)) {
                return When::Never;
            }
            // Who was no member for a while has marks that counted for nothing.
            let always = room
                .and_then(|room| room.intervals.get(&user))
                .is_some_and(|all| all.len() == 1 && all.iter().all(|interval| interval.end == i64::MAX));
            return When::of(!always || stored(id, Some(user)) >= seq.min(stored(id, None)));
        }
        if record.topic.ends_with("chat-events") {
            // They tell of what is stored already.
            let room = record.room.and_then(|room| run.rooms.find(room));
            let known = record.refused
                || record.unchanged
                || room.zip(record.seq).is_some_and(|(room, seq)| room.row(seq).is_some());
            return if known { When::Before } else { When::Never };
        }
        let Some(key) = &record.key else { return When::Never };
        let id = run.commands.find(key);
        let row = id.and_then(|id| run.rooms.find(key.room)?.row_of(id));
        if let Some(row) = row {
            return When::of(row.seq <= stored(key.room, None));
        }
        let answered = self.without_row.contains(key) || id.is_some_and(|id| run.command(id).refused.is_some());
        if answered { When::Before } else { When::Never }
    }
}

fn dead_letters(findings: &mut Findings) {
    let run = findings.run;
    let poison: HashMap<Origin, (At, BodyHash)> =
        run.poison.iter().map(|(at, it)| ((&*it.topic, it.partition, it.offset), (*at, it.hash))).collect();
    let mut seen: HashSet<Origin> = HashSet::new();
    for (at, letter) in &run.dead_letters {
        findings.case(Invariant::I13);
        let origin = (&*letter.original_topic, letter.original_partition, letter.original_offset);
        let name = format!("{}/{} offset {}", origin.0, origin.1, origin.2);
        let found = |clause| {
            let found = Found::new(clause, *at);
            if let Some(key) = &letter.key { found.key(key) } else { found }
        };
        if !seen.insert(origin) {
            findings.found(Invariant::I13, found("dead_letter_twice"), || format!("{name} is a dead letter twice"));
        }
        match poison.get(&origin) {
            None => {
                findings.found(Invariant::I13, found("good_record"), || {
                    format!("{name} is a dead letter, but was no poison")
                });
            }
            Some((_, hash)) if *hash != letter.hash => {
                findings.found(Invariant::I13, found("payload_changed"), || {
                    format!("the dead letter of {name} has another payload")
                });
            }
            Some(_) => {}
        }
        let missing: Vec<_> =
            REQUIRED_HEADERS.into_iter().filter(|name| !letter.headers.iter().any(|header| header == name)).collect();
        if !missing.is_empty() {
            findings.found(Invariant::I13, found("headers_missing"), || {
                format!("the dead letter of {name} lacks {}", missing.join(", "))
            });
        }
    }
    for (origin, (at, _)) in poison.iter().filter(|(origin, _)| !seen.contains(*origin)) {
        findings.case(Invariant::I13);
        findings.found(Invariant::I13, Found::new("poison_lost", *at), || {
            format!("the poison at {}/{} offset {} is no dead letter", origin.0, origin.1, origin.2)
        });
    }
}
