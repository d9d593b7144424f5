//! Unread counts are derived and never counted up or down: after every step of a random history, the room lists of all members say what a
//! recount of the timeline says. And the same recount with one rule left out, which must not agree.

use chat_protocol::{ClientMessageId, EntryType, MessageId, RoomId, UserId};
use chat_store::{Applied, Mark, TimelineItem};
use jiff::Timestamp;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use tokio::runtime::Runtime;

use crate::{DELETE, Db, edit, message, react, room_command, take_back};

const PEOPLE: usize = 4;

#[derive(Debug, Clone)]
enum Step {
    Say {
        by: usize,
    },
    /// The same message once more, as after a lost answer.
    SayAgain {
        nth: usize,
    },
    Edit {
        by: usize,
        nth: usize,
    },
    Delete {
        by: usize,
        nth: usize,
    },
    React {
        by: usize,
        nth: usize,
        back: bool,
    },
    Invite {
        by: usize,
        whom: usize,
    },
    Join {
        who: usize,
    },
    Leave {
        who: usize,
    },
    Kick {
        by: usize,
        whom: usize,
    },
    /// Marks in one batch, those of strangers too.
    Read {
        marks: Vec<(usize, Place)>,
    },
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// So many entries before the head; 0 is the head.
    Before(i64),
    /// Of a client that makes things up.
    Beyond(i64),
    /// Late, repeated, or nowhere.
    At(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (who, nth) = (0..PEOPLE, 0..8_usize);
    let place = prop_oneof![
        4 => (0..4_i64).prop_map(Place::Before),
        1 => (1..5_i64).prop_map(Place::Beyond),
        3 => (-1..12_i64).prop_map(Place::At),
    ];
    let step = prop_oneof![
        8 => who.clone().prop_map(|by| Step::Say { by }),
        1 => nth.clone().prop_map(|nth| Step::SayAgain { nth }),
        2 => (who.clone(), nth.clone()).prop_map(|(by, nth)| Step::Edit { by, nth }),
        3 => (who.clone(), nth.clone()).prop_map(|(by, nth)| Step::Delete { by, nth }),
        2 => (who.clone(), nth, any::<bool>()).prop_map(|(by, nth, back)| Step::React { by, nth, back }),
        2 => (who.clone(), who.clone()).prop_map(|(by, whom)| Step::Invite { by, whom }),
        2 => who.clone().prop_map(|who| Step::Join { who }),
        1 => who.clone().prop_map(|who| Step::Leave { who }),
        1 => (who.clone(), who.clone()).prop_map(|(by, whom)| Step::Kick { by, whom }),
        6 => prop::collection::vec((who, place), 1..4).prop_map(|marks| Step::Read { marks }),
    ];
    prop::collection::vec(step, 1..32)
}

/// A rule of the definition that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slip {
    SystemEntriesCount,
    ChangesCount,
    DeletedMessagesDoNotCount,
    OwnMessagesAreUnread,
    HistoryBeforeJoiningCounts,
    LateMarksMoveBack,
    MarksReachBeyondTheHead,
    MarksSurviveLeaving,
}

/// What is known of a person without asking for unread counts.
#[derive(Debug, Clone, Copy, Default)]
struct Reader {
    member: bool,
    mark: i64,
}

struct History<'a> {
    db: &'a Db,
    slip: Option<Slip>,
    room: RoomId,
    people: Vec<UserId>,
    readers: Vec<Reader>,
    sent: Vec<(usize, ClientMessageId, MessageId)>,
    step: usize,
}

impl<'a> History<'a> {
    /// An open group of the first two.
    async fn begin(db: &'a Db, slip: Option<Slip>) -> Self {
        let mut people = Vec::new();
        for number in 0..PEOPLE {
            people.push(db.user(&format!("person {number}")).await);
        }
        let (room, id) = (RoomId::generate(), ClientMessageId::generate());
        let command = room_command(room, people[0], &id);
        db.store.create_group_room(&command, "team", &people[1..2], true).await.unwrap();
        let mut readers = vec![Reader::default(); PEOPLE];
        readers[..2].fill(Reader { member: true, mark: 1 });
        Self { db, slip, room, people, readers, sent: Vec::new(), step: 0 }
    }

    async fn take(&mut self, step: &Step) {
        self.step += 1;
        let (store, room, id) = (&self.db.store, self.room, ClientMessageId::generate());
        let command = |by: usize| room_command(room, self.people[by], &id);
        match *step {
            Step::Say { by } => {
                let said = store.append_messages(&[message(room, self.people[by], &id, "hi")]).await.unwrap();
                if let Applied::Committed { entry, .. } = &said[0] {
                    self.sent.push((by, id, entry.message_id));
                    if self.slip != Some(Slip::OwnMessagesAreUnread) {
                        self.readers[by].mark = entry.seq;
                    }
                }
            }
            Step::SayAgain { nth } => {
                if let Some((by, id, _)) = self.nth(nth) {
                    store.append_messages(&[message(room, self.people[by], &id, "hi")]).await.unwrap();
                }
            }
            Step::Edit { by, nth } => self.change(by, nth, edit(&format!("edit {}", self.step))).await,
            Step::Delete { by, nth } => self.change(by, nth, DELETE).await,
            Step::React { by, nth, back } => {
                self.change(by, nth, if back { take_back("👍") } else { react("👍") }).await;
            }
            Step::Invite { by, whom } => {
                let invited = store.invite_members(&command(by), &[self.people[whom]]).await.unwrap();
                self.came(whom, &invited);
            }
            Step::Join { who } => {
                let joined = store.join_room(&command(who)).await.unwrap();
                self.came(who, &joined);
            }
            Step::Leave { who } => {
                let left = store.leave_room(&command(who)).await.unwrap();
                self.went(who, &left);
            }
            Step::Kick { by, whom } => {
                let kicked = store.kick_member(&command(by), self.people[whom]).await.unwrap();
                self.went(whom, &kicked);
            }
            Step::Read { ref marks } => self.read(marks).await,
        }
    }

    fn nth(&self, nth: usize) -> Option<(usize, ClientMessageId, MessageId)> {
        self.sent.get(nth % self.sent.len().max(1)).cloned()
    }

    async fn change(&self, by: usize, nth: usize, change: chat_store::MessageChange<'_>) {
        if let Some((_, _, target)) = self.nth(nth) {
            self.db.change(self.room, self.people[by], target, change).await;
        }
    }

    fn came(&mut self, who: usize, applied: &Applied) {
        if let Applied::Committed { entry, .. } = applied {
            let reader = &mut self.readers[who];
            reader.member = true;
            match self.slip {
                Some(Slip::HistoryBeforeJoiningCounts) => reader.mark = 0,
                Some(Slip::MarksSurviveLeaving) if reader.mark > 0 => {}
                _ => reader.mark = entry.seq,
            }
        }
    }

    fn went(&mut self, who: usize, applied: &Applied) {
        if matches!(applied, Applied::Committed { .. }) {
            self.readers[who].member = false;
        }
    }

    /// At most one mark of each in a batch, as callers promise.
    async fn read(&mut self, marks: &[(usize, Place)]) {
        let head = self.db.store.heads(&[self.room]).await.unwrap()[0].1;
        let mut batch: Vec<Mark> = Vec::new();
        for (who, place) in marks {
            let (user_id, at) = (self.people[*who], Timestamp::now());
            let seq = match place {
                Place::Before(entries) => head - entries,
                Place::Beyond(entries) => head + entries,
                Place::At(seq) => *seq,
            };
            if batch.iter().any(|mark| mark.user_id == user_id) {
                continue;
            }
            batch.push(Mark { room_id: self.room, user_id, seq, at });
            let (reader, clamps) = (&mut self.readers[*who], self.slip != Some(Slip::MarksReachBeyondTheHead));
            let seq = if clamps { seq.min(head) } else { seq };
            let moves = seq > reader.mark || (seq > 0 && self.slip == Some(Slip::LateMarksMoveBack));
            if reader.member && moves {
                reader.mark = seq;
            }
        }
        self.db.store.apply_read_marks(&batch).await.unwrap();
    }

    /// By definition: the messages after the member's mark, those that were deleted since included.
    async fn recount(&self, mark: i64) -> i64 {
        let items = self.db.store.items_after(self.room, mark, 10_000).await.unwrap();
        let unread = |item: &&TimelineItem| match item {
            TimelineItem::Entry(entry) if entry.entry_type.is_message() => {
                entry.deleted_at.is_none() || self.slip != Some(Slip::DeletedMessagesDoNotCount)
            }
            TimelineItem::Entry(entry) => {
                assert_ne!(entry.entry_type, EntryType::Text);
                self.slip == Some(Slip::SystemEntriesCount)
            }
            TimelineItem::Change(..) => self.slip == Some(Slip::ChangesCount),
        };
        i64::try_from(items.iter().filter(unread).count()).unwrap()
    }

    /// What a room list says, read in one query and put together from its two parts, is the recount.
    async fn check(&self, after: &Step) -> Result<(), TestCaseError> {
        let store = &self.db.store;
        let line = store.room_lines(&[self.room]).await.unwrap().remove(0);
        for (reader, user) in self.readers.iter().zip(&self.people) {
            let listed = store.room(*user, self.room).await.unwrap();
            prop_assert_eq!(listed.is_some(), reader.member, "after {:?}", after);
            let Some(listed) = listed else { continue };
            let recount = (reader.mark, self.recount(reader.mark).await);
            prop_assert_eq!((listed.read_seq, listed.unread_count), recount, "{:?} after {:?}", reader, after);
            let own = store.own_rooms(*user).await.unwrap().remove(0);
            let put_together = line.clone().seen_by(*user, &own).unwrap();
            prop_assert_eq!((put_together.read_seq, put_together.unread_count), recount, "cached, after {:?}", after);
        }
        Ok(())
    }
}

/// Histories until one disagrees with the definition, at most `cases`.
fn compare(slip: Option<Slip>, cases: u32, rng: Option<TestRng>) -> Result<(), TestError<Vec<Step>>> {
    let runtime = Runtime::new().unwrap();
    let db = runtime.block_on(Db::new());
    let max_shrink_iters = if slip.is_some() { 0 } else { 300 };
    let config = Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() };
    let mut runner = match rng {
        Some(rng) => TestRunner::new_with_rng(config, rng),
        None => TestRunner::new(config),
    };
    let compared = runner.run(&steps(), |steps| {
        runtime.block_on(async {
            let mut history = History::begin(&db, slip).await;
            for step in &steps {
                history.take(step).await;
                history.check(step).await?;
            }
            Ok(())
        })
    });
    runtime.block_on(db.drop());
    compared
}

#[test]
fn unread_counts_are_what_a_recount_of_the_timeline_says_after_every_step() {
    if let Err(error) = compare(None, 40, None) {
        panic!("{error}");
    }
}

#[test]
fn a_recount_with_a_rule_left_out_does_not_agree() {
    for slip in [
        Slip::SystemEntriesCount,
        Slip::ChangesCount,
        Slip::DeletedMessagesDoNotCount,
        Slip::OwnMessagesAreUnread,
        Slip::HistoryBeforeJoiningCounts,
        Slip::LateMarksMoveBack,
        Slip::MarksReachBeyondTheHead,
        Slip::MarksSurviveLeaving,
    ] {
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let compared = compare(Some(slip), 60, Some(rng));
        assert!(matches!(compared, Err(TestError::Fail(..))), "{slip:?} was not noticed: {compared:?}");
    }
}
