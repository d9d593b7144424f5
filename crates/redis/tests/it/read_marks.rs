use std::collections::BTreeMap;

use chat_protocol::{MessageId, PlacedMark, RoomId, UserId, redis_key::READ_MARKS_TTL};
use chat_redis::{Outdated, Raise, Raised, ReadMarks, RedisConfig, RedisError, RedisPool};
use chat_service::Secret;
use jiff::Timestamp;
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use redis::AsyncCommands as _;

use crate::{config, proxy::Proxy, url};

struct Fixture {
    config: RedisConfig,
    marks: ReadMarks,
    connection: redis::aio::MultiplexedConnection,
}

impl Fixture {
    async fn new() -> Self {
        let config = config(&url());
        let marks = ReadMarks::new(RedisPool::new(&config).unwrap());
        let connection = redis::Client::open(url()).unwrap().get_multiplexed_async_connection().await.unwrap();
        Self { config, marks, connection }
    }

    /// What a Redis that was flushed has of a room.
    async fn lose(&self, room: RoomId) {
        let () = self.connection.clone().unlink(self.config.keys().room_marks(room)).await.unwrap();
    }
}

fn mark(room_id: RoomId, user_id: UserId, seq: i64) -> PlacedMark {
    let at = Timestamp::from_millisecond(1_700_000_000_000 + seq).unwrap();
    PlacedMark { room_id, user_id, seq, number: seq - 1, at, message_id: None }
}

async fn raise(marks: &ReadMarks, mark: PlacedMark, floor: Option<PlacedMark>) -> Raised {
    marks.raise(&[Raise { mark, floor }]).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_mark_only_moves_forward_and_its_room_and_its_user_have_it() {
    let fixture = Fixture::new().await;
    let (room, user) = (RoomId::generate(), UserId::generate());
    let at = |seq| mark(room, user, seq);
    let third = PlacedMark { message_id: Some(MessageId::generate()), ..at(3) };
    assert_eq!(raise(&fixture.marks, third, Some(at(1))).await, Raised::Moved);
    assert_eq!(raise(&fixture.marks, at(2), None).await, Raised::Behind(third));
    assert_eq!(raise(&fixture.marks, at(3), None).await, Raised::Behind(third), "what is as far is not ahead");
    assert_eq!(fixture.marks.of_room(room).await.unwrap(), [third]);
    assert_eq!(fixture.marks.of_user(user).await.unwrap(), [third]);
    assert_eq!(raise(&fixture.marks, at(10), None).await, Raised::Moved, "by number, not by letters");
    assert_eq!(fixture.marks.of_room(room).await.unwrap(), [at(10)]);
    assert_eq!(fixture.marks.raise(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn the_mark_of_whoever_left_goes_and_a_further_one_has_nothing_to_be_compared_with() {
    let fixture = Fixture::new().await;
    let (rooms, users) = ([RoomId::generate(), RoomId::generate()], [UserId::generate(), UserId::generate()]);
    for (room, user) in [(0, 0), (0, 1), (1, 0)].map(|(room, user)| (rooms[room], users[user])) {
        assert_eq!(raise(&fixture.marks, mark(room, user, 3), Some(mark(room, user, 1))).await, Raised::Moved);
    }
    let mut outdated = Outdated::default();
    outdated.add_left(rooms[0], [users[0]]);
    let pool = RedisPool::new(&fixture.config).unwrap();
    pool.publish_after(&outdated, &[]).await.unwrap();
    assert_eq!(fixture.marks.of_room(rooms[0]).await.unwrap(), [mark(rooms[0], users[1], 3)]);
    assert_eq!(fixture.marks.of_user(users[0]).await.unwrap(), [mark(rooms[1], users[0], 3)], "of the other room");
    assert_eq!(raise(&fixture.marks, mark(rooms[0], users[0], 4), None).await, Raised::Unknown);
    assert_eq!(raise(&fixture.marks, mark(rooms[0], users[1], 4), None).await, Raised::Moved, "another member's");
}

#[tokio::test]
async fn what_was_stored_elsewhere_is_a_floor() {
    let fixture = Fixture::new().await;
    let (room, user) = (RoomId::generate(), UserId::generate());
    let at = |seq| mark(room, user, seq);
    assert_eq!(raise(&fixture.marks, at(4), None).await, Raised::Unknown);
    assert_eq!(fixture.marks.of_room(room).await.unwrap(), [], "nobody knows yet whether it moved");
    assert_eq!(raise(&fixture.marks, at(4), Some(at(6))).await, Raised::Behind(at(6)));
    assert_eq!(fixture.marks.of_user(user).await.unwrap(), [at(6)], "the floor is where the mark is");

    fixture.lose(room).await;
    assert_eq!(raise(&fixture.marks, at(5), None).await, Raised::Unknown);
    assert_eq!(raise(&fixture.marks, at(5), Some(at(6))).await, Raised::Behind(at(6)));
    assert_eq!(raise(&fixture.marks, at(7), None).await, Raised::Moved);

    fixture.marks.forget();
    assert_eq!(raise(&fixture.marks, at(8), None).await, Raised::Unknown, "it may be farther elsewhere");
    assert_eq!(raise(&fixture.marks, at(8), Some(at(9))).await, Raised::Behind(at(9)));
}

#[tokio::test]
async fn another_connection_may_lead_to_a_redis_of_before() {
    let mut fixture = Fixture::new().await;
    let (_, address) = url().split_once("://").map(|(scheme, rest)| (scheme.to_owned(), rest.to_owned())).unwrap();
    let proxy = Proxy::start(address).await;
    let through = RedisConfig {
        url: Secret::new(format!("redis://{}", proxy.address)),
        pool_size: 1,
        key_prefix: fixture.config.key_prefix.clone(),
    };
    let marks = ReadMarks::new(RedisPool::new(&through).unwrap());
    let (room, user) = (RoomId::generate(), UserId::generate());
    let at = |seq| mark(room, user, seq);
    assert_eq!(raise(&marks, at(9), Some(at(1))).await, Raised::Moved);
    proxy.cut(true);
    assert!(marks.raise(&[Raise { mark: at(10), floor: None }]).await.is_err());
    // Restored from a while ago.
    let key = fixture.config.keys().room_marks(room);
    let () = fixture.connection.hset(key, user.to_string(), "5 4 1700000000005").await.unwrap();
    proxy.cut(false);
    assert_eq!(raise(&marks, at(7), None).await, Raised::Unknown, "it would have moved back for everybody");
    assert_eq!(raise(&marks, at(7), Some(at(9))).await, Raised::Behind(at(9)));
    assert_eq!(fixture.marks.of_room(room).await.unwrap(), [at(9)]);
}

#[tokio::test]
async fn a_redis_without_the_script_gets_it() {
    let mut fixture = Fixture::new().await;
    let (rooms, user): (Vec<RoomId>, _) = ((0..20).map(|_| RoomId::generate()).collect(), UserId::generate());
    for round in 1..=10 {
        let () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut fixture.connection).await.unwrap();
        let raises: Vec<Raise> = rooms
            .iter()
            .map(|&room| Raise { mark: mark(room, user, round), floor: (round == 1).then(|| mark(room, user, 0)) })
            .collect();
        assert_eq!(fixture.marks.raise(&raises).await.unwrap(), vec![Raised::Moved; rooms.len()]);
    }
    assert_eq!(fixture.marks.of_user(user).await.unwrap().len(), rooms.len());
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_questions() {
    let fixture = Fixture::new().await;
    let rooms = [RoomId::generate(), RoomId::generate(), RoomId::generate()];
    let users: Vec<UserId> = (0..1_500).map(|_| UserId::generate()).collect();
    let first: Vec<Raise> = users
        .iter()
        .enumerate()
        .map(|(at, &user)| Raise { mark: mark(rooms[at % 3], user, 5), floor: Some(mark(rooms[at % 3], user, 1)) })
        .collect();
    assert!(fixture.marks.raise(&first).await.unwrap().iter().all(|raised| *raised == Raised::Moved));
    let mut expected = Vec::new();
    let mut second = Vec::new();
    for (at, raise) in first.iter().enumerate() {
        let PlacedMark { room_id, user_id, .. } = raise.mark;
        let (seq, became) = if at % 7 == 0 { (4, Raised::Behind(raise.mark)) } else { (6, Raised::Moved) };
        second.push(Raise { mark: mark(room_id, user_id, seq), floor: None });
        expected.push(became);
    }
    assert_eq!(fixture.marks.raise(&second).await.unwrap(), expected);
    assert_eq!(fixture.marks.of_room(rooms[1]).await.unwrap().len(), 500);
}

#[tokio::test]
async fn of_many_who_raise_the_same_mark_one_moves_it() {
    let fixture = Fixture::new().await;
    let (room, user) = (RoomId::generate(), UserId::generate());
    let raisers = (0..16).map(|_| {
        let marks = ReadMarks::new(RedisPool::new(&fixture.config).unwrap());
        tokio::spawn(async move {
            let mut moved = Vec::new();
            for seq in 1..=50 {
                if raise(&marks, mark(room, user, seq), Some(mark(room, user, 0))).await == Raised::Moved {
                    moved.push(seq);
                }
            }
            moved
        })
    });
    let mut moved = Vec::new();
    for raiser in raisers.collect::<Vec<_>>() {
        moved.extend(raiser.await.unwrap());
    }
    let told = moved.len();
    moved.sort_unstable();
    moved.dedup();
    assert_eq!(moved.len(), told, "a step was told twice");
    assert_eq!(moved.last(), Some(&50));
    assert_eq!(fixture.marks.of_room(room).await.unwrap(), [mark(room, user, 50)]);
}

#[tokio::test]
async fn marks_go_by_themselves_and_what_is_no_mark_counts_as_none() {
    let mut fixture = Fixture::new().await;
    let (room, user) = (RoomId::generate(), UserId::generate());
    let keys = fixture.config.keys();
    let (of_room, of_user) = (keys.room_marks(room), keys.user_marks(user));
    let () = fixture.connection.hset(&of_room, user.to_string(), "nonsense").await.unwrap();
    let () = fixture.connection.hset(&of_room, "nobody", "5 5 5").await.unwrap();
    assert_eq!(fixture.marks.of_room(room).await.unwrap(), []);
    assert_eq!(raise(&fixture.marks, mark(room, user, 2), Some(mark(room, user, 1))).await, Raised::Moved);
    assert_eq!(fixture.marks.of_room(room).await.unwrap(), [mark(room, user, 2)]);
    for key in [of_room, of_user] {
        let left: i64 = fixture.connection.pttl(&key).await.unwrap();
        let most = i64::try_from(READ_MARKS_TTL.as_millis()).unwrap();
        assert!((most - 60_000..=most).contains(&left), "{key} lives {left} ms");
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// One of three processes raises the mark of a user.
    Raise { process: usize, user: usize, seq: i64 },
    /// Redis loses everything.
    Flush,
    /// A process loses its connection, and starts with another.
    Reconnect { process: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_usize, 0..2_usize, 1..40_i64).prop_map(|(process, user, seq)| Step::Raise { process, user, seq }),
        1 => Just(Step::Flush),
        1 => (0..3_usize).prop_map(|process| Step::Reconnect { process }),
    ]
}

/// Whatever is lost in between, a mark moves if and only if it is ahead of everything that was told, provided that the floor is that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_moves_when_it_is_ahead_of_all_before() {
    let fixture = Fixture::new().await;
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut runner = TestRunner::new(ProptestConfig { cases: 60, ..ProptestConfig::default() });
        runner.run(&vec(step(), 1..40), |steps| runtime.block_on(replay(&fixture, &steps))).unwrap();
    })
    .await
    .unwrap();
}

/// On a busy machine a call may end without an answer: it may have moved the mark, and the case says nothing.
#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err asks for")]
fn slow(error: RedisError) -> TestCaseError {
    TestCaseError::reject(error.to_string())
}

async fn replay(fixture: &Fixture, steps: &[Step]) -> Result<(), TestCaseError> {
    let (room, users) = (RoomId::generate(), [UserId::generate(), UserId::generate()]);
    let fresh = |fixture: &Fixture| ReadMarks::new(RedisPool::new(&fixture.config).unwrap());
    let mut processes = [fresh(fixture), fresh(fixture), fresh(fixture)];
    let mut told: BTreeMap<UserId, i64> = BTreeMap::new();
    for step in steps {
        match *step {
            Step::Flush => fixture.lose(room).await,
            Step::Reconnect { process } => processes[process] = fresh(fixture),
            Step::Raise { process, user, seq } => {
                let (marks, user) = (&processes[process], users[user]);
                let known = told.get(&user).copied().unwrap_or(0);
                let mark_at = |seq| mark(room, user, seq);
                let mut raise = Raise { mark: mark_at(seq), floor: None };
                let mut raised = marks.raise(&[raise]).await.map_err(slow)?;
                if raised == [Raised::Unknown] {
                    raise.floor = Some(mark_at(known));
                    raised = marks.raise(&[raise]).await.map_err(slow)?;
                }
                let expected = if seq > known { Raised::Moved } else { Raised::Behind(mark(room, user, known)) };
                prop_assert_eq!(raised, [expected]);
                told.insert(user, known.max(seq));
            }
        }
    }
    Ok(())
}
