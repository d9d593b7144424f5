use std::collections::HashSet;

use chat_protocol::{GatewayId, RoomId, UserId};
use chat_redis::{RedisPool, Viewers};
use redis::AsyncCommands as _;

use crate::{config, url};

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
