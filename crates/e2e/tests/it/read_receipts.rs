//! Read receipts among many readers and on several devices: nothing goes back, nobody is flooded, and the end is exact.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use chat_client::Connection;
use chat_e2e::{OwnRedis, PATIENCE, Person, StompClient, System, Talk, deadline};
use chat_protocol::{
    ReadSummary, RoomId, UserId,
    frame::{ClientCommand, ServerPush},
};
use chat_testkit::assert_eventually;
use futures_util::{StreamExt, future::join_all, stream};
use reqwest::Method;

async fn people(system: &System, count: usize) -> Vec<Person> {
    stream::iter(0..count).map(|_| system.person("reader")).buffer_unordered(8).collect().await
}

/// A group of all of them, the first one its owner, with so many messages of the owner: the last one's seq is one more.
async fn group_with_messages(system: &System, members: &[Person], messages: i64) -> RoomId {
    let room = system.group(&members.iter().collect::<Vec<_>>()).await;
    let mut owner = system.connect(0, &members[0], &[(room, Some(1))]).await;
    for number in 0..messages {
        owner.say(room, &number.to_string()).await;
    }
    owner.entries(room, messages + 1).await;
    room
}

async fn mark(system: &System, gateway: usize, person: &Person, room: RoomId, seq: i64) {
    let url = format!("{}/api/v1/chat/rooms/{room}/read", system.gateway(gateway).url());
    let put = reqwest::Client::new().request(Method::PUT, url).bearer_auth(&person.token);
    let status = put.json(&serde_json::json!({ "seq": seq })).send().await.unwrap().status();
    assert_eq!(status, 202);
}

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

    fn all_have_read(&self, summary: &ReadSummary, head: i64, readers: u32) -> bool {
        summary.positions.first().is_some_and(|first| first.seq == head && first.members == readers)
    }
}

/// Listens until the summary says that so many have read everything.
async fn listen(connection: &mut Connection, head: i64, readers: u32) -> Told {
    let mut told = Told::default();
    let all = async {
        loop {
            let push = connection.next_push().await.expect("an open connection");
            let last = matches!(&push, ServerPush::ReadSummary(summary) if told.all_have_read(summary, head, readers));
            told.push(push, head);
            if last {
                return;
            }
        }
    };
    deadline("the last summary", PATIENCE * 4, all).await;
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
    let (heard, answers, (), ()) = tokio::join!(join_all(hear), join_all(asked), own, read);
    assert!(heard.iter().all(|told| told.summaries > 0));
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
    let at_once = matches!(&first, ServerPush::ReadSummary(summary) if told.all_have_read(summary, 2, everybody));
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

/// The next mark heard, and how much is unread with it.
async fn next_mark(connection: &mut Connection) -> (i64, Option<i64>) {
    let receipt = |push| match push {
        ServerPush::Read(receipt) => Some((receipt.last_read_seq, receipt.last_read_number)),
        _ => None,
    };
    connection.hear("a mark", receipt).await
}

#[tokio::test]
async fn what_is_read_on_one_device_is_told_once_to_each_of_the_others_and_their_lists_have_it() {
    let system = System::shared().await;
    let (alice, bob) = (system.person("alice").await, system.person("bob").await);
    let room = group_with_messages(&system, &[alice.clone(), bob.clone()], 4).await;
    let mut devices = vec![
        system.connect(0, &bob, &[(room, None)]).await,
        system.connect(0, &bob, &[]).await,
        system.connect(1, &bob, &[]).await,
    ];
    let mut queue = StompClient::connect(system.gateway(1).addr, &bob).await;
    queue.subscribe("read", "/user/queue/read", None).await;
    let mut opened = StompClient::connect(system.gateway(0).addr, &bob).await;
    opened.subscribe("read", "/user/queue/read", None).await;
    opened.subscribe("room", &format!("/sub/chat/room/{room}/read"), None).await;
    let mut at_alice = system.connect(1, &alice, &[(room, None)]).await;
    let unread = async || [0, 1].map(|gateway| system.rest(gateway, &bob));
    for rest in unread().await {
        assert_eq!(rest.rooms().await.unwrap()[0].unread_count, 4);
    }
    for (turn, (seq, left)) in [(3, 2), (5, 0)].into_iter().enumerate() {
        let reader = if turn == 0 { 0 } else { 2 };
        devices[reader].call(ClientCommand::Read { room_id: room, seq }).await.unwrap();
        for device in &mut devices {
            // Nothing else in between: the second mark is the next one that each hears.
            assert_eq!(next_mark(device).await, (seq, Some(seq - 1)));
        }
        for rest in unread().await {
            let listed = rest.rooms().await.unwrap().remove(0);
            assert_eq!((listed.read_seq, listed.unread_count), (seq, left));
            let shown = rest.room(room).await.unwrap();
            assert_eq!((shown.read_seq, shown.unread_count), (seq, left));
        }
        assert_eq!(queue.next_of("read").await.1["lastReadSeq"], seq);
        assert_eq!(opened.next_of("room").await.1["lastReadSeq"], seq, "as the room's, not as its own");
        assert_eq!(next_mark(&mut at_alice).await.0, seq);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_redis_was_killed_and_lost_everything_marks_and_counts_are_right_again() {
    const HEAD: i64 = 7;
    let mut redis = OwnRedis::start().await;
    let system = System::on_redis(&redis.url()).await;
    let members = people(&system, 12).await;
    let room = group_with_messages(&system, &members, HEAD - 1).await;
    let mut at_owner = system.connect(1, &members[0], &[(room, None)]).await;
    let read = async |readers: &[Person], seq: i64| {
        join_all(readers.iter().map(|reader| mark(&system, 0, reader, room, seq))).await;
    };
    read(&members[1..], 3).await;
    for _ in &members[1..] {
        next_mark(&mut at_owner).await;
    }
    // These are told, perhaps stored, perhaps not, when Redis goes; the others come when it is away or new.
    read(&members[1..6], 5).await;
    let (later, ()) = tokio::join!(read(&members[6..9], HEAD), redis.lose_everything());
    let () = later;
    read(&members[9..], 6).await;

    let expected = |index: usize| match index {
        0 | 6..9 => HEAD,
        1..6 => 5,
        _ => 6,
    };
    let owner = system.rest(0, &members[0]);
    let exact = async || {
        let marks = owner.read_marks(room).await.unwrap();
        let of = |person: &Person| marks.iter().find(|mark| mark.user_id == person.id).unwrap().last_read_seq;
        members.iter().enumerate().all(|(index, person)| of(person) == expected(index))
    };
    assert_eventually!(exact().await, within = PATIENCE * 4, "marks are right again");
    for (index, person) in members.iter().enumerate() {
        for gateway in [0, 1] {
            let rest = system.rest(gateway, person);
            let listed = rest.rooms().await.unwrap().remove(0);
            assert_eq!((listed.read_seq, listed.unread_count), (expected(index), HEAD - expected(index)), "{index}");
        }
    }
    let summary = system.rest(1, &members[0]).read_summary(room).await.unwrap();
    let positions: Vec<(i64, u32)> =
        summary.positions.iter().map(|position| (position.seq, position.members)).collect();
    assert_eq!(positions, [(7, 4), (6, 3), (5, 5)]);

    // And it goes on: a mark behind is told to nobody, the next one is.
    mark(&system, 1, &members[1], room, 4).await;
    mark(&system, 1, &members[1], room, 6).await;
    let told = at_owner.hear("the next mark", |push| match push {
        ServerPush::Read(receipt) if receipt.user_id == members[1].id && receipt.last_read_seq != 5 => {
            Some(receipt.last_read_seq)
        }
        _ => None,
    });
    assert_eq!(deadline("told again", PATIENCE * 4, told).await, 6);
}

#[tokio::test]
async fn who_has_read_a_message_is_asked_page_by_page_and_by_members_only() {
    let system = System::shared().await;
    let mut members = people(&system, 6).await;
    let (late, stranger) = (members.pop().unwrap(), system.person("stranger").await);
    let room = group_with_messages(&system, &members, 2).await;
    let owner = system.rest(0, &members[0]);
    let page = owner.messages(room, chat_client::rest::PageQuery::default()).await.unwrap().messages;
    let (second, first) = (page[0].message_id, page[1].message_id);
    owner.invite(room, &[late.id]).await.unwrap();
    for (reader, seq) in [(1, 3), (2, 2), (3, 3)] {
        mark(&system, 1, &members[reader], room, seq).await;
    }
    let all = async |message| owner.readers(room, message, None, 200).await.unwrap();
    assert_eventually!(all(first).await.read_by == 3, within = PATIENCE, "the marks are there");
    let (of_first, of_second) = (all(first).await, all(second).await);
    assert_eq!((of_first.seq, of_first.read_by, of_first.unread_by, of_first.more), (2, 3, 1, false));
    assert_eq!((of_second.seq, of_second.read_by, of_second.unread_by), (3, 2, 2));
    let mut expected: Vec<UserId> = [1, 2, 3].map(|index| members[index].id).to_vec();
    expected.sort_unstable();
    assert_eq!(of_first.readers.iter().map(|reader| reader.user_id).collect::<Vec<_>>(), expected);

    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = owner.readers(room, first, after, 1).await.unwrap();
        assert_eq!((page.readers.len(), page.read_by, page.unread_by), (1, 3, 1));
        assert_eq!(page.more, page.next.is_some());
        paged.extend(page.readers.into_iter().map(|reader| reader.user_id));
        after = page.next;
        if !page.more {
            break;
        }
    }
    assert_eq!(paged, expected);

    let call = async |person: &Person, path: String| {
        let url = format!("{}/api/v1/chat/rooms/{path}", system.gateway(0).url());
        let answer = reqwest::Client::new().get(url).bearer_auth(&person.token).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: serde_json::Value = answer.json().await.unwrap();
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    let readers = |query: &str| format!("{room}/messages/{first}/readers{query}");
    let (elsewhere, nobody) = (chat_protocol::MessageId::generate(), UserId::generate());
    for (person, path, status, code) in [
        (&members[1], readers("?limit=0"), 200, ""),
        (&members[1], readers("?limit=4294967295"), 200, ""),
        (&members[1], readers(&format!("?after={nobody}")), 200, ""),
        (&members[1], readers("?limit=-1"), 400, "bad_request"),
        (&members[1], readers("?limit=many"), 400, "bad_request"),
        (&members[1], readers("?after=me"), 400, "bad_request"),
        (&members[1], format!("{room}/messages/first/readers"), 400, "bad_request"),
        (&members[1], format!("lobby/messages/{first}/readers"), 400, "bad_request"),
        (&members[1], format!("{room}/messages/{elsewhere}/readers"), 404, "message_not_found"),
        (&late, readers(""), 404, "message_not_found"),
        (&stranger, readers(""), 404, "room_not_found"),
        (&members[1], format!("{}/messages/{first}/readers", RoomId::generate()), 404, "room_not_found"),
        (&late, format!("{room}/read/summary"), 200, ""),
        (&stranger, format!("{room}/read/summary"), 404, "room_not_found"),
        (&stranger, format!("{room}/read"), 404, "room_not_found"),
        (&members[1], "lobby/read/summary".to_owned(), 400, "bad_request"),
    ] {
        assert_eq!(call(person, path.clone()).await, (status, code.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn own_messages_a_join_and_a_deletion_keep_what_is_unread_exact() {
    let system = System::shared().await;
    let [alice, bob, carol] = [system.person("alice").await, system.person("bob").await, system.person("carol").await];
    let room = group_with_messages(&system, &[alice.clone(), bob.clone()], 3).await;
    let mut at_alice = system.connect(0, &alice, &[(room, None)]).await;
    let listed = async |person: &Person| {
        let [first, second] = [0, 1].map(|gateway| system.rest(gateway, person));
        let (first, second) = (first.rooms().await.unwrap().remove(0), second.rooms().await.unwrap().remove(0));
        assert_eq!(first, second, "both gateways");
        (first.read_seq, first.unread_count)
    };
    assert_eq!((listed(&alice).await, listed(&bob).await), ((4, 0), (1, 3)));
    // Two of three are read, on a mark that the database need not have yet.
    let mut at_bob = system.connect(1, &bob, &[(room, None)]).await;
    at_bob.call(ClientCommand::Read { room_id: room, seq: 3 }).await.unwrap();
    assert_eq!(next_mark(&mut at_bob).await, (3, Some(2)));
    assert_eq!(listed(&bob).await, (3, 1));
    // What is from before one's joining is not unread.
    system.rest(0, &alice).invite(room, &[carol.id]).await.unwrap();
    assert_eq!((listed(&carol).await, listed(&bob).await), ((5, 0), (3, 1)));
    let sent = at_alice.say(room, "to be deleted").await;
    assert_eq!(at_alice.persisted(&sent).await, (6, false));
    assert_eq!((listed(&carol).await, listed(&bob).await, listed(&alice).await), ((5, 1), (3, 2), (6, 0)));
    // A deleted message keeps its number: it was there to be read. Its deletion is none.
    let rest = system.rest(0, &alice);
    let message = rest.messages(room, chat_client::rest::PageQuery::default()).await.unwrap().messages[0].message_id;
    let id = chat_protocol::ClientMessageId::generate();
    let delete = ClientCommand::Delete { room_id: room, message_id: message, client_message_id: id.clone() };
    at_alice.call(delete).await.unwrap();
    assert_eq!(at_alice.persisted(&id).await, (7, false));
    assert_eq!((listed(&carol).await, listed(&bob).await), ((5, 1), (3, 2)));
    at_bob.call(ClientCommand::Read { room_id: room, seq: 7 }).await.unwrap();
    assert_eq!(next_mark(&mut at_bob).await, (7, Some(4)), "a mark at a change");
    assert_eq!(listed(&bob).await, (7, 0));
    // Whoever writes has read.
    let sent = at_bob.say(room, "mine").await;
    assert_eq!(at_bob.persisted(&sent).await, (8, false));
    assert_eq!((listed(&carol).await, listed(&bob).await, listed(&alice).await), ((5, 2), (8, 0), (6, 1)));
    let mut at_carol = system.connect(0, &carol, &[]).await;
    at_carol.call(ClientCommand::Read { room_id: room, seq: i64::MAX }).await.unwrap();
    assert_eq!(next_mark(&mut at_carol).await, (8, Some(5)), "clamped");
    assert_eq!(listed(&carol).await, (8, 0));
}
