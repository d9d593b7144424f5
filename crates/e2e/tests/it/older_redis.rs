//! A Redis that comes back as it was before: who left since is neither online nor looking.

use std::collections::HashSet;

use chat_e2e::{OwnRedis, PATIENCE, Person, System};
use chat_protocol::UserId;
use chat_redis::{OnlineUsers, RedisConfig, RedisPool, Viewers};
use chat_service::Secret;
use chat_testkit::assert_eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_left_is_no_ghost_in_a_redis_that_comes_back_as_it_was_before() {
    let mut redis = OwnRedis::start().await;
    let system = System::on_redis(&redis.url()).await;
    let people = [system.person("alice").await, system.person("bob").await, system.person("carol").await];
    let [alice, bob, carol] = &people;
    let room = system.group(&[alice, bob, carol]).await;
    let everybody = people.each_ref().map(|person| person.id);

    let config =
        RedisConfig { url: Secret::new(redis.url()), key_prefix: system.isolation.redis_prefix(), pool_size: 1 };
    let pool = RedisPool::new(&config).unwrap();
    let (online, viewers) = (OnlineUsers::new(pool.clone()), Viewers::new(pool));
    // Nothing, while Redis is away.
    let online = async || online.online(&everybody).await.ok().flatten().unwrap_or_default();
    let looking = async || viewers.viewers(&[room]).await.unwrap_or_default().remove(&room).unwrap_or_default();
    let these = |people: &[&Person]| people.iter().map(|person| person.id).collect::<HashSet<UserId>>();

    let _at_alice = system.connect(0, alice, &[(room, None)]).await;
    let at_bob = system.connect(1, bob, &[(room, None)]).await;
    let before = these(&[alice, bob]);
    assert_eventually!(online().await == before && looking().await == before, within = PATIENCE, "alice and bob");
    redis.save().await;

    // As many as before: the number says nothing.
    at_bob.close().await;
    let _at_carol = system.connect(1, carol, &[(room, None)]).await;
    let after = these(&[alice, carol]);
    assert_eventually!(online().await == after && looking().await == after, within = PATIENCE, "alice and carol");
    redis.come_back_older().await;
    let right = async || online().await == after && looking().await == after;
    assert_eventually!(right().await, within = PATIENCE * 4, "{:?} {:?}", online().await, looking().await);
}
