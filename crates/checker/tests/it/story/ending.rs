//! How every story ends: silence, the last reads, the dumps.

use chat_checker::{
    Record,
    history::{Dump, Exercised, Gauge, Mark, Membership, Phase, PhaseName, RedisMark, Row, Section, Via},
};

use super::{MS, Story, count, index, room, user};

impl Story {
    /// The silence, the last reads, and the dumps.
    pub fn ends(mut self) -> Vec<Record> {
        let start_ns = self.now;
        self.time_passes(10_000);
        let end_ns = Some(self.now);
        self.records.push(Record::Phase(Phase { phase: PhaseName::SilentTail, start_ns, end_ns }));
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for name in rooms {
            for (who, (start, left)) in self.rooms[name].members.clone() {
                if left.is_none() {
                    let rows = self.rooms[name].rows[index(start)..].to_vec();
                    for row in &rows {
                        self.receives(who, name, row, Via::Final);
                    }
                }
            }
        }
        let phase = Phase { phase: PhaseName::FinalReads, start_ns: self.now, end_ns: Some(self.now + MS) };
        self.records.push(Record::Phase(phase));
        self.records.push(Record::Exercised(Exercised { gap_fills: 3, rebalances: 2 }));
        self.dumps();
        self.records.insert(0, Record::Plan(self.plan));
        self.records
    }

    fn dumps(&mut self) {
        let (mut rows, mut memberships, mut marks, mut redis) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (name, world) in &self.rooms {
            rows.extend(world.rows.iter().cloned().map(Record::Row));
            for (who, (joined_seq, left_seq)) in &world.members {
                let (room, user, seq) = (room(name), user(who), world.marks[who]);
                memberships.push(Record::Membership(Membership {
                    room,
                    user,
                    joined_seq: *joined_seq,
                    left_seq: *left_seq,
                    muted: false,
                }));
                let unread = |row: &&Row| row.seq > seq && row.kind.is_message() && row.sender != user;
                let unread = left_seq.is_none().then(|| count(world.rows.iter().filter(unread).count()));
                marks.push(Record::Mark(Mark { room, user, seq, unread }));
                redis.push(Record::RedisMark(RedisMark { room, user, seq }));
            }
        }
        let gauge =
            Gauge { mono_ns: self.now, target: "ws-gateway".into(), name: "rss".into(), value: 40e6, limit: 5e8 };
        let topics = self.topics.drain(..).map(Record::Topic).collect();
        let letters = self.letters.drain(..).map(Record::DeadLetter).collect();
        let offsets = self.offsets.drain(..).map(Record::Offset).collect();
        let stored = self.stored.drain(..).map(Record::Stored).collect();
        let sections: [Vec<Record>; 9] =
            [rows, memberships, marks, redis, topics, letters, offsets, stored, vec![Record::Gauge(gauge)]];
        for (section, records) in Section::ALL.into_iter().zip(sections) {
            let count = records.len() as u64;
            self.records.extend(records);
            self.records.push(Record::Dump(Dump { section, count }));
        }
    }
}
