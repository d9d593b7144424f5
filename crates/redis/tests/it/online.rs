use std::collections::HashSet;

use chat_protocol::{
    GatewayId, UserId,
    push::PresenceHint,
    redis_key::{Channel, ONLINE_TTL},
};
use chat_redis::{OnlineUsers, RedisConfig, RedisPool, SubscriberEvent};
use redis::AsyncCommands as _;

use crate::{DEADLINE, Subscribed, config, url};

struct Fixture {
    config: RedisConfig,
    online: OnlineUsers,
    connection: redis::aio::MultiplexedConnection,
}

impl Fixture {
    async fn new() -> Self {
        let config = config(&url());
        let online = OnlineUsers::new(RedisPool::new(&config).unwrap());
        let connection = redis::Client::open(url()).unwrap().get_multiplexed_async_connection().await.unwrap();
        Self { config, online, connection }
    }

    async fn gateways(&mut self) -> HashSet<String> {
        self.connection.smembers(self.config.keys().gateways()).await.unwrap()
    }
}

#[tokio::test]
async fn a_user_is_online_while_any_gateway_has_a_session_of_theirs() {
    let fixture = Fixture::new().await;
    let online = &fixture.online;
    let (one, two) = (GatewayId::generate(), GatewayId::generate());
    let [ann, bob, cem] = std::array::from_fn(|_| UserId::generate());
    assert_eq!(online.online(&[ann, bob]).await.unwrap(), None, "or Redis has lost them");
    online.update(one, &[ann, bob], &[]).await.unwrap();
    online.update(two, &[ann], &[]).await.unwrap();
    assert_eq!(online.online(&[ann, bob, cem]).await.unwrap(), Some(HashSet::from([ann, bob])));
    online.update(one, &[], &[ann, bob]).await.unwrap();
    assert_eq!(online.online(&[ann, bob, cem]).await.unwrap(), Some(HashSet::from([ann])));
    online.remove_gateway(two, &[ann]).await.unwrap();
    assert_eq!(online.online(&[ann]).await.unwrap(), None);
    assert_eq!(online.online(&[]).await.unwrap(), Some(HashSet::new()));
}

#[tokio::test]
async fn the_users_of_a_gateway_that_says_nothing_more_are_gone_with_its_lease() {
    let mut fixture = Fixture::new().await;
    let (living, dead) = (GatewayId::generate(), GatewayId::generate());
    let [ann, bob] = std::array::from_fn(|_| UserId::generate());
    fixture.online.update(living, &[ann], &[]).await.unwrap();
    fixture.online.update(dead, &[ann, bob], &[]).await.unwrap();
    assert_eq!(fixture.gateways().await, HashSet::from([living.to_string(), dead.to_string()]));
    let keys = fixture.config.keys();
    for gateway in [living, dead] {
        let lease: u64 = fixture.connection.ttl(keys.online_users(gateway)).await.unwrap();
        assert!((1..=ONLINE_TTL.as_secs()).contains(&lease), "{lease}");
    }
    let shortened: bool = fixture.connection.expire(keys.online_users(living), 10).await.unwrap();
    assert!(shortened);
    assert_eq!(fixture.online.renew(living).await.unwrap(), 1);
    let lease: u64 = fixture.connection.ttl(keys.online_users(living)).await.unwrap();
    assert!(lease > 10, "{lease}");
    let shortened: bool = fixture.connection.pexpire(keys.online_users(dead), 300).await.unwrap();
    assert!(shortened);
    let expired = async {
        while fixture.online.online(&[ann, bob]).await.unwrap().unwrap().contains(&bob) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, expired).await.expect("the lease ends");
    assert_eq!(fixture.online.online(&[ann, bob]).await.unwrap(), Some(HashSet::from([ann])));
    assert_eq!(fixture.gateways().await, HashSet::from([living.to_string()]), "the dead gateway is forgotten");
}

#[tokio::test]
async fn a_gateway_notices_that_redis_lost_its_users_and_says_them_anew() {
    let mut fixture = Fixture::new().await;
    let gateway = GatewayId::generate();
    let users: Vec<UserId> = (0..2_500).map(|_| UserId::generate()).collect();
    fixture.online.update(gateway, &users, &[]).await.unwrap();
    assert_eq!(fixture.online.renew(gateway).await.unwrap(), users.len());
    let keys = fixture.config.keys();
    let lost: usize = fixture.connection.del(&[keys.online_users(gateway), keys.gateways()]).await.unwrap();
    assert_eq!(lost, 2);
    assert_eq!(fixture.online.renew(gateway).await.unwrap(), 0);
    fixture.online.replace(gateway, &users).await.unwrap();
    assert_eq!(fixture.online.online(&users).await.unwrap().unwrap().len(), users.len());
    fixture.online.replace(gateway, &users[..1]).await.unwrap();
    assert_eq!(fixture.online.online(&users).await.unwrap(), Some(HashSet::from([users[0]])), "nothing else is left");
}

#[tokio::test]
async fn whoever_comes_or_goes_is_hinted_at_after_the_fact() {
    let fixture = Fixture::new().await;
    let mut subscribed = Subscribed::start(&fixture.config, 100);
    assert_eq!(subscribed.event().await, SubscriberEvent::Connected);
    subscribed.handle.subscribe(vec![Channel::Presence]).await.unwrap();
    let gateway = GatewayId::generate();
    let [ann, bob] = std::array::from_fn(|_| UserId::generate());
    fixture.online.update(gateway, &[ann, bob], &[]).await.unwrap();
    fixture.online.update(gateway, &[], &[bob]).await.unwrap();
    fixture.online.remove_gateway(gateway, &[ann]).await.unwrap();
    for users in [vec![ann, bob], vec![bob], vec![ann]] {
        let SubscriberEvent::Message { channel: Channel::Presence, payload } = subscribed.event().await else {
            panic!("no hint")
        };
        assert_eq!(serde_json::from_slice::<PresenceHint>(&payload).unwrap().user_ids, users);
    }
}
