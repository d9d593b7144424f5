use bytes::Bytes;
use chat_protocol::{
    RoomId, UserId,
    redis_key::{Channel, ROOM_LIST_LEASE, ROOM_LIST_TTL},
};
use chat_redis::{Lease, Outdated, Part, RedisConfig, RedisPool, RoomListCache, SubscriberEvent};
use proptest::{prelude::*, test_runner::TestRunner};
use redis::AsyncCommands as _;

use crate::{Subscribed, config, proxy::Proxy, url};

struct Fixture {
    config: RedisConfig,
    cache: RoomListCache,
    connection: redis::aio::MultiplexedConnection,
}

impl Fixture {
    async fn new() -> Self {
        let config = config(&url());
        let cache = RoomListCache::new(RedisPool::new(&config).unwrap());
        let connection = redis::Client::open(url()).unwrap().get_multiplexed_async_connection().await.unwrap();
        Self { config, cache, connection }
    }

    async fn keep(&self, lease: &Lease, part: Part, value: &str) -> usize {
        self.cache.keep(lease, [(part, value.as_bytes().to_vec())]).await.unwrap()
    }

    async fn read(&self, part: Part) -> Option<String> {
        let read = self.cache.read(&[part]).await.unwrap().remove(0);
        read.map(|value| String::from_utf8(value.to_vec()).unwrap())
    }
}

fn line() -> (RoomId, Part) {
    let room = RoomId::generate();
    (room, Part::Line(room))
}

fn outdated(part: Part) -> Outdated {
    let mut outdated = Outdated::default();
    match part {
        Part::Line(room) => outdated.add_rooms([room]),
        Part::Rooms(user) => outdated.add_users([user]),
    }
    outdated
}

#[tokio::test]
async fn what_was_read_is_kept_unless_it_was_dropped_since_the_lease() {
    let fixture = Fixture::new().await;
    let user = Part::Rooms(UserId::generate());
    for part in [line().1, user] {
        assert_eq!(fixture.read(part).await, None);
        let lease = fixture.cache.lease(&[part]).await.unwrap();
        assert_eq!(fixture.read(part).await, None, "a lease is no part");
        assert_eq!(fixture.keep(&lease, part, "1").await, 1);
        assert_eq!(fixture.read(part).await.as_deref(), Some("1"));
        assert_eq!(fixture.keep(&lease, part, "2").await, 0, "a lease is for one write");

        fixture.cache.drop_outdated(&outdated(part)).await.unwrap();
        assert_eq!(fixture.read(part).await, None);
        let late = fixture.cache.lease(&[part]).await.unwrap();
        fixture.cache.drop_outdated(&outdated(part)).await.unwrap();
        assert_eq!(fixture.keep(&late, part, "3").await, 0, "read before the drop");
        let next = fixture.cache.lease(&[part]).await.unwrap();
        assert_eq!(fixture.keep(&late, part, "3").await, 0, "not even under the lease of another");
        assert_eq!(fixture.keep(&next, part, "4").await, 1);
        assert_eq!(fixture.read(part).await.as_deref(), Some("4"));
    }
}

#[tokio::test]
async fn one_has_the_lease_and_the_others_keep_nothing() {
    let fixture = Fixture::new().await;
    let parts: Vec<Part> = (0..250).map(|_| line().1).collect();
    let first = fixture.cache.lease(&parts[..100]).await.unwrap();
    let second = fixture.cache.lease(&parts).await.unwrap();
    let values = |value: &'static str| parts.iter().map(move |part| (*part, value.as_bytes().to_vec()));
    assert_eq!(fixture.cache.keep(&second, values("second")).await.unwrap(), 150);
    assert_eq!(fixture.cache.keep(&first, values("first")).await.unwrap(), 100);
    let read = fixture.cache.read(&parts).await.unwrap();
    assert!(read[..100].iter().all(|value| value.as_deref() == Some(&b"first"[..])));
    assert!(read[100..].iter().all(|value| value.as_deref() == Some(&b"second"[..])));
    assert_eq!(fixture.cache.read(&[]).await.unwrap(), Vec::<Option<Bytes>>::new());
    assert_eq!(fixture.cache.keep(&fixture.cache.lease(&[]).await.unwrap(), values("none")).await.unwrap(), 0);
}

#[tokio::test]
async fn lease_and_part_end_by_themselves() {
    let mut fixture = Fixture::new().await;
    let (room, part) = line();
    let key = fixture.config.keys().room_line(room);
    let lease = fixture.cache.lease(&[part]).await.unwrap();
    let left: u64 = fixture.connection.pttl(&key).await.unwrap();
    let (lease_ms, part_ms) = (ROOM_LIST_LEASE.as_secs() * 1_000, ROOM_LIST_TTL.as_secs() * 1_000);
    assert!((1..=lease_ms).contains(&left), "{left}");
    fixture.keep(&lease, part, "1").await;
    let left: u64 = fixture.connection.pttl(&key).await.unwrap();
    assert!((lease_ms..=part_ms).contains(&left), "{left}");
}

#[tokio::test]
async fn a_redis_that_forgot_the_script_is_given_it_again() {
    let mut fixture = Fixture::new().await;
    let (_, part) = line();
    for turn in ["1", "2"] {
        fixture.cache.drop_outdated(&outdated(part)).await.unwrap();
        let lease = fixture.cache.lease(&[part]).await.unwrap();
        let () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut fixture.connection).await.unwrap();
        assert_eq!(fixture.keep(&lease, part, turn).await, 1);
    }
}

#[tokio::test]
async fn whoever_hears_of_it_finds_nothing_older() {
    let fixture = Fixture::new().await;
    let mut subscribed = Subscribed::start(&fixture.config, 100);
    assert_eq!(subscribed.event().await, SubscriberEvent::Connected);
    let (room, part) = line();
    let channel = Channel::Room(room);
    subscribed.handle.subscribe(vec![channel]).await.unwrap();
    for _ in 0..100 {
        let lease = fixture.cache.lease(&[part]).await.unwrap();
        assert_eq!(fixture.keep(&lease, part, "old").await, 1);
        let telling = async {
            // Both large enough that they are two pipelines, and the parts more than one command.
            let message = (channel, Bytes::from(vec![b'x'; 600_000]));
            let mut outdated = outdated(part);
            outdated.add_users((0..2_000).map(|_| UserId::generate()));
            subscribed.pool.publish_after(&outdated, &[message.clone(), message]).await.unwrap();
        };
        let hearing = async {
            subscribed.events.recv().await.unwrap();
            assert_eq!(fixture.read(part).await, None);
            subscribed.events.recv().await.unwrap();
        };
        tokio::join!(telling, hearing);
    }
}

#[tokio::test]
async fn what_could_not_be_dropped_is_dropped_when_redis_is_back() {
    let fixture = Fixture::new().await;
    let proxy = Proxy::start(url().trim_start_matches("redis://").to_owned()).await;
    let far = RedisConfig {
        url: chat_service::Secret::new(format!("redis://{}", proxy.address)),
        key_prefix: fixture.config.key_prefix.clone(),
        pool_size: 2,
    };
    let cache = RoomListCache::new(RedisPool::new(&far).unwrap());
    cache.settle().await.unwrap();
    let (_, part) = line();
    let lease = fixture.cache.lease(&[part]).await.unwrap();
    fixture.keep(&lease, part, "old").await;
    proxy.cut(true);
    cache.drop_outdated(&outdated(part)).await.unwrap_err();
    cache.owe(outdated(part));
    cache.settle().await.unwrap_err();
    assert_eq!(fixture.read(part).await.as_deref(), Some("old"));
    proxy.cut(false);
    while cache.settle().await.is_err() {}
    assert_eq!(fixture.read(part).await, None);
}

/// What may happen, in any order. The database is a number that grows.
#[derive(Debug, Clone, Copy)]
enum Step {
    Commit,
    /// Somebody tells everything committed so far.
    Tell,
    /// A reader goes on: lease, read, keep.
    Read(usize),
    /// The part, or the lease, ends by itself.
    Expire,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => Just(Step::Commit),
        1 => Just(Step::Tell),
        9 => (0..3_usize).prop_map(Step::Read),
        1 => Just(Step::Expire),
    ];
    prop::collection::vec(step, 40)
}

#[test]
fn whatever_the_order_no_part_is_older_than_what_was_told() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fixture = runtime.block_on(Fixture::new());
    let kept = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() });
    let checked = runner.run(&steps(), |steps| {
        runtime.block_on(async {
            let (_, part) = line();
            let (mut committed, mut told) = (0_u32, 0_u32);
            let mut readers: [Option<(Lease, Option<u32>)>; 3] = Default::default();
            for step in steps {
                match step {
                    Step::Commit => committed += 1,
                    Step::Tell => {
                        fixture.cache.drop_outdated(&outdated(part)).await.unwrap();
                        told = committed;
                    }
                    Step::Read(reader) => {
                        readers[reader] = match readers[reader].take() {
                            None => Some((fixture.cache.lease(&[part]).await.unwrap(), None)),
                            Some((lease, None)) => Some((lease, Some(committed))),
                            Some((lease, Some(read))) => {
                                kept.set(kept.get() + fixture.keep(&lease, part, &read.to_string()).await);
                                None
                            }
                        };
                    }
                    Step::Expire => fixture.cache.drop_outdated(&outdated(part)).await.unwrap(),
                }
                let cached = fixture.read(part).await.map(|value| value.parse::<u32>().unwrap());
                prop_assert!(cached.is_none_or(|cached| cached >= told), "{cached:?} but told {told}");
            }
            Ok(())
        })
    });
    checked.unwrap();
    assert!(kept.get() > 100, "kept only {}", kept.get());
}
