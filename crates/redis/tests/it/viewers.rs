use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use chat_protocol::{GatewayId, RoomId, UserId};
use chat_redis::{RedisPool, Viewers};
use redis::AsyncCommands as _;

use crate::{config, proxy::Proxy, url};

#[tokio::test]
async fn viewers_of_all_living_gateways_are_seen_and_those_of_dead_ones_are_not() {
    let config = config(&url());
    let viewers = Viewers::new(RedisPool::new(&config).unwrap());
    let (living, dead) = (GatewayId::generate(), GatewayId::generate());
    let (room, other, empty) = (RoomId::generate(), RoomId::generate(), RoomId::generate());
    let (ann, bob, cem) = (UserId::generate(), UserId::generate(), UserId::generate());
    viewers.renew_lease(living).await.unwrap();
    viewers.renew_lease(dead).await.unwrap();
    viewers.add(living, &[(room, ann), (other, ann)]).await.unwrap();
    viewers.add(dead, &[(room, ann), (room, bob)]).await.unwrap();
    viewers.add(living, &[(room, cem)]).await.unwrap();
    let seen = viewers.viewers(&[room, other, empty]).await.unwrap();
    assert_eq!(seen[&room], HashSet::from([ann, bob, cem]));
    assert_eq!(seen[&other], HashSet::from([ann]));
    assert_eq!(seen[&empty], HashSet::new());

    viewers.drop_lease(dead).await.unwrap();
    viewers.remove(living, &[(room, cem)]).await.unwrap();
    let seen = viewers.viewers(&[room]).await.unwrap();
    assert_eq!(seen[&room], HashSet::from([ann]));

    let mut connection = redis::Client::open(url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let left: usize = connection.scard(config.keys().room_viewers(room)).await.unwrap();
    assert_eq!(left, 1, "what the dead gateway left is removed");
    let lease: i64 = connection.ttl(config.keys().gateway_lease(living)).await.unwrap();
    assert!((1..=15).contains(&lease), "{lease}");
    assert!(viewers.viewers(&[]).await.unwrap().is_empty());
    viewers.add(living, &[]).await.unwrap();
}

#[tokio::test]
async fn all_viewers_of_a_large_gateway_are_told_although_that_takes_longer_than_redis_may_take_to_answer() {
    let (_, address) = url().split_once("://").map(|(scheme, rest)| (scheme.to_owned(), rest.to_owned())).unwrap();
    let proxy = Proxy::start_slow(address, Duration::from_millis(1)).await;
    let config = config(&format!("redis://{}", proxy.address));
    let viewers = Viewers::new(RedisPool::new(&config).unwrap());
    let (gateway, room) = (GatewayId::generate(), RoomId::generate());
    let pairs: Vec<(RoomId, UserId)> = (0..20_000).map(|_| (room, UserId::generate())).collect();
    let mut connection = redis::Client::open(url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    // The pool's wait for an answer.
    let wait = Duration::from_millis(500);
    let begun = Instant::now();
    viewers.add(gateway, &pairs).await.unwrap();
    assert!(begun.elapsed() > wait, "{:?}", begun.elapsed());
    let there: usize = connection.scard(config.keys().room_viewers(room)).await.unwrap();
    assert_eq!(there, pairs.len());
    let begun = Instant::now();
    viewers.remove(gateway, &pairs).await.unwrap();
    assert!(begun.elapsed() > wait, "{:?}", begun.elapsed());
    let left: usize = connection.scard(config.keys().room_viewers(room)).await.unwrap();
    assert_eq!(left, 0);
}
