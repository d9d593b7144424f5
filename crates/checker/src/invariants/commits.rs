//! **I12** Committed offsets are safe: at every kill, each record below the committed offset is settled (stored, refused, or a dead letter),
//! because nobody will read it again.
//!
//! **I13** The dead letters are exactly the poison that was injected: each once, bytes untouched, with all headers.

use std::collections::{HashMap, HashSet};

use chat_protocol::{RoomId, UserId};

use crate::{
    findings::{Findings, Found, Invariant},
    history::{BodyHash, Key, Offset, REQUIRED_HEADERS, TopicRecord},
    run::{At, Run},
};

type Origin<'a> = (&'a str, i32, i64);

pub(super) fn check(findings: &mut Findings) {
    commits(findings);
    dead_letters(findings);
}

/// What settles records.
struct Settled<'a> {
    letters: HashSet<Origin<'a>>,
    refused: HashSet<&'a Key>,
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
        refused: run.topics.iter().filter(|(_, it)| it.refused).filter_map(|(_, it)| it.key.as_ref()).collect(),
        marks: run.marks.iter().map(|(_, mark)| ((mark.room, mark.user), mark.seq)).collect(),
    };
    // What is not settled at the end was not at the kill either; the highest committed offset covers the lower ones.
    let mut committed: HashMap<(&str, i32), (&Offset, At)> = HashMap::new();
    for (at, offset) in &run.offsets {
        let highest = committed.entry((&offset.topic, offset.partition)).or_insert((offset, *at));
        if offset.offset > highest.0.offset {
            *highest = (offset, *at);
        }
    }
    for (_, record) in &run.topics {
        let Some((offset, at)) = committed.get(&(&*record.topic, record.partition)) else { continue };
        if record.offset >= offset.offset {
            continue;
        }
        findings.case(Invariant::I12);
        if settled.holds(run, record) {
            continue;
        }
        let mut found = Found::new("committed_too_early", *at);
        if let Some(key) = &record.key {
            found = found.key(key);
        }
        found.room = found.room.or(record.room);
        found.seq = record.seq;
        findings.found(Invariant::I12, found, || {
            let TopicRecord { topic, partition, offset: place, .. } = record;
            let Offset { group, fault, offset, .. } = offset;
            format!("{group} had committed {offset} at {fault}; {topic}/{partition} offset {place} is neither stored nor a dead letter")
        });
    }
}

impl Settled<'_> {
    fn holds(&self, run: &Run, record: &TopicRecord) -> bool {
        if self.letters.contains(&(&*record.topic, record.partition, record.offset)) {
            return true;
        }
        if record.topic.ends_with("chat-read-events") {
            let (Some(room), Some(user), Some(seq)) = (record.room, record.user, record.seq) else { return false };
            let head = run.rooms.find(room).map_or(0, crate::run::Room::head);
            return self.marks.get(&(room, user)).is_some_and(|mark| *mark >= seq.min(head));
        }
        if record.topic.ends_with("chat-events") {
            let room = record.room.and_then(|room| run.rooms.find(room));
            return record.refused || room.zip(record.seq).is_some_and(|(room, seq)| room.row(seq).is_some());
        }
        let Some(key) = &record.key else { return false };
        let id = run.commands.find(key);
        let stored = id.is_some_and(|id| run.rooms.find(key.room).is_some_and(|room| room.row_of(id).is_some()));
        stored || self.refused.contains(key) || id.is_some_and(|id| run.command(id).refused.is_some())
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
