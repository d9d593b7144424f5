//! Many readers of one room.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use chat_client::Connection;
use chat_e2e::{PATIENCE, StompClient, System, Talk, deadline};
use chat_protocol::{ReadSummary, UserId, frame::ServerPush};
use chat_testkit::assert_eventually;
use futures_util::{StreamExt, future::join_all, stream};

use super::{group_with_messages, mark, people};

/// What one observer has been told.
#[derive(Default)]
struct Told {
    marks: HashMap<UserId, i64>,
    beside: BTreeMap<i64, u32>,
    reads: usize,
    summaries: usize,
}

impl Told {
    fn mark(&mut self, user: UserId, seq: i64) {
        let before = self.marks.insert(user, seq).unwrap_or(0);
        assert!(seq >= before, "the mark of {user} went from {before} to {seq}");
    }

    /// The numbers beside the messages only ever fall.
    fn summary(&mut self, summary: &ReadSummary, head: i64) {
        for seq in 1..=head {
            let (now, before) = (summary.unread_by(seq), self.beside.get(&seq).copied().unwrap_or(u32::MAX));
            assert!(now <= before, "beside {seq} stood {before}, then {now}");
            self.beside.insert(seq, now);
        }
    }

    fn push(&mut self, push: ServerPush, head: i64) {
        match push {
            ServerPush::Read(receipt) => {
                self.reads += 1;
                // By itself; the next summary has it, too.
                let before = self.marks.insert(receipt.user_id, receipt.last_read_seq).unwrap_or(0);
                assert!(receipt.last_read_seq > before, "{receipt:?} after {before}");
            }
            ServerPush::ReadSummary(summary) => {
                self.summaries += 1;
                self.summary(&summary, head);
            }
            _ => {}
        }
    }
}

fn all_have_read(summary: &ReadSummary, head: i64, readers: u32) -> bool {
    summary.positions.first().is_some_and(|first| first.seq == head && first.members == readers)
}

/// Listens until so many are known to have read everything: by a summary, or, on a machine that is too slow for one, each by themselves. The
/// one who wrote last is among them, and is told of by the message.
async fn listen(connection: &mut Connection, head: i64, readers: u32) -> Told {
    let mut told = Told::default();
    let all = async {
        loop {
            let push = connection.next_push().await.expect("an open connection");
            let last = matches!(&push, ServerPush::ReadSummary(summary) if all_have_read(summary, head, readers));
            told.push(push, head);
            let one_by_one = told.marks.values().filter(|seq| **seq == head).count();
            if last || told.summaries == 0 && one_by_one + 1 == usize::try_from(readers).unwrap() {
                return;
            }
        }
    };
    deadline("that all have read", PATIENCE * 4, all).await;
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_256_concurrent_readers_no_mark_goes_down_for_any_observer_and_the_end_is_exact() {
    const READERS: usize = 256;
    const HEAD: i64 = 9;
    let system = System::shared().await;
    let members = people(&system, READERS + 4).await;
    let room = group_with_messages(&system, &members, HEAD - 1).await;
    let (readers, observers) = members[1..].split_at(READERS);
    let over = Arc::new(AtomicBool::new(false));
    let mut listening = Vec::new();
    for (index, observer) in observers.iter().enumerate() {
        listening.push(system.connect(index % 2, observer, &[(room, None)]).await);
    }
    let readers_and_owner = u32::try_from(READERS).unwrap() + 1;
    let hear = listening.iter_mut().map(|connection| listen(connection, HEAD, readers_and_owner));
    let asked = [0, 1].map(|gateway| {
        let (rest, over) = (system.rest(gateway, &observers[0]), Arc::clone(&over));
        async move {
            let (mut told, mut answers) = (Told::default(), 0);
            while !over.load(Ordering::SeqCst) {
                let (marks, summary) = (rest.read_marks(room).await.unwrap(), rest.read_summary(room).await.unwrap());
                for mark in &marks {
                    told.mark(mark.user_id, mark.last_read_seq);
                }
                told.summary(&summary, HEAD);
                answers += 1;
            }
            answers
        }
    });
    let own = {
        let (rest, over) = (system.rest(1, &readers[0]), Arc::clone(&over));
        async move {
            let mut before = 0;
            while !over.load(Ordering::SeqCst) {
                let listed = rest.rooms().await.unwrap().remove(0);
                assert!(listed.read_seq >= before, "{} after {before}", listed.read_seq);
                assert_eq!(listed.unread_count, HEAD - listed.read_seq, "beside {}", listed.read_seq);
                before = listed.read_seq;
            }
        }
    };
    let read = async {
        let all = readers.iter().enumerate().map(|(index, reader)| {
            let system = &system;
            async move {
                // Forwards, back, beyond the end: on both gateways at once.
                let seqs = [3, HEAD - 2, 2, HEAD + 5, 5];
                let marks =
                    seqs.iter().enumerate().map(|(nth, seq)| mark(system, (index + nth) % 2, reader, room, *seq));
                join_all(marks).await;
            }
        });
        stream::iter(all).buffer_unordered(64).collect::<Vec<()>>().await;
        // What was told last stays so long that all who ask have it.
        let rest = system.rest(0, &observers[0]);
        assert_eventually!(
            rest.read_summary(room).await.unwrap().positions[0].members == readers_and_owner,
            within = PATIENCE * 4,
            "all have read"
        );
        over.store(true, Ordering::SeqCst);
    };
    let (_, answers, (), ()) = tokio::join!(join_all(hear), join_all(asked), own, read);
    assert!(answers.iter().all(|answers| *answers > 1), "{answers:?}");
    for gateway in [0, 1] {
        let rest = system.rest(gateway, &observers[0]);
        let marks = rest.read_marks(room).await.unwrap();
        let mut ends: Vec<i64> = marks.iter().map(|mark| mark.last_read_seq).collect();
        ends.sort_unstable();
        assert_eq!((ends[..3].to_vec(), ends[3..].to_vec()), (vec![1; 3], vec![HEAD; READERS + 1]));
        let summary = rest.read_summary(room).await.unwrap();
        assert_eq!((summary.member_count, summary.positions.len()), (readers_and_owner + 3, 2));
        assert_eq!((summary.unread_by(HEAD), summary.unread_by(1)), (3, 0));
        for reader in readers.iter().step_by(50) {
            let listed = system.rest(gateway, reader).rooms().await.unwrap().remove(0);
            assert_eq!((listed.read_seq, listed.unread_count), (HEAD, 0));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_readers_at_once_are_few_pushes_and_the_last_summary_is_exact() {
    const READERS: usize = 300;
    let system = System::start().await;
    let members = people(&system, READERS + 3).await;
    let room = group_with_messages(&system, &members, 1).await;
    let (readers, observers) = members[1..].split_at(READERS);
    let mut by_stomp = StompClient::connect(system.gateway(0).addr, &observers[1]).await;
    by_stomp.subscribe("marks", &format!("/sub/chat/room/{room}/read"), None).await;
    let mut at_observer = system.connect(1, &observers[0], &[(room, None)]).await;
    // All marks are there when the first is told.
    system.stop_worker("read-receipt").await;
    let marks = readers.iter().enumerate().map(|(index, reader)| mark(&system, index % 2, reader, room, 2));
    stream::iter(marks).buffer_unordered(32).collect::<Vec<()>>().await;
    system.start_worker("read-receipt");

    let everybody = u32::try_from(READERS).unwrap() + 1;
    let first = at_observer.hear("a mark", |push| match push {
        ServerPush::Read(_) | ServerPush::ReadSummary(_) => Some(push),
        _ => None,
    });
    let first = first.await;
    let began = Instant::now();
    let mut told = Told::default();
    let at_once = matches!(&first, ServerPush::ReadSummary(summary) if all_have_read(summary, 2, everybody));
    told.push(first, 2);
    if !at_once {
        let rest = listen(&mut at_observer, 2, everybody).await;
        (told.reads, told.summaries) = (told.reads + rest.reads, told.summaries + rest.summaries);
    }
    // 50 one by one and one summary a second, on each side of a turn of the second.
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 2;
    assert!(told.reads <= 50 * seconds, "{} marks one by one in {seconds} s", told.reads);
    assert!(told.summaries <= seconds, "{} summaries in {seconds} s", told.summaries);
    assert!(told.reads + told.summaries < READERS / 2, "{} and {}", told.reads, told.summaries);
    let summary = system.rest(0, &observers[0]).read_summary(room).await.unwrap();
    assert_eq!((summary.unread_by(2), summary.unread_by(1)), (2, 0), "{summary:?}");

    let last = async {
        loop {
            let (frame, body) = by_stomp.next_of("marks").await;
            if frame.header("event") == Some("readSummary") {
                let told: ReadSummary = serde_json::from_value(body).unwrap();
                if told == summary {
                    return;
                }
            }
        }
    };
    deadline("the same summary by STOMP", PATIENCE, last).await;
}
