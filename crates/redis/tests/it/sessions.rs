use std::{collections::HashSet, time::Duration};

use chat_protocol::{GatewayId, SessionId, UserId, redis_key::Channel};
use chat_redis::{RedisPool, RegisteredSession, SessionRegistry, SubscriberEvent};
use futures_util::future::join_all;
use redis::AsyncCommands as _;

use crate::{Subscribed, config, url};

fn registry() -> (SessionRegistry, chat_redis::RedisConfig) {
    let config = config(&url());
    (SessionRegistry::new(RedisPool::new(&config).unwrap()), config)
}

#[tokio::test]
async fn of_many_that_come_at_once_exactly_as_many_as_may_are_admitted() {
    let (registry, _) = registry();
    let (gateways, user) = ([GatewayId::generate(), GatewayId::generate()], UserId::generate());
    for gateway in gateways {
        registry.renew(gateway).await.unwrap();
    }
    let admit = |number: usize| registry.admit(gateways[number % 2], user, SessionId::generate(), 5, false);
    let admitted: Vec<_> = join_all((0..40).map(admit)).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(admitted.len(), 5);
    assert_eq!(registry.of_user(user).await.unwrap().len(), 5);
}

#[tokio::test]
async fn sessions_of_a_dead_gateway_do_not_count_and_are_removed() {
    let (registry, config) = registry();
    let (living, dead, user) = (GatewayId::generate(), GatewayId::generate(), UserId::generate());
    registry.renew(dead).await.unwrap();
    assert!(registry.admit(dead, user, SessionId::generate(), 1, false).await.unwrap().is_some());
    assert!(registry.admit(living, user, SessionId::generate(), 1, false).await.unwrap().is_none());
    let mut connection = redis::Client::open(url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let lease: i64 = connection.ttl(config.keys().sessions_lease(dead)).await.unwrap();
    assert!((1..=60).contains(&lease), "a killed gateway's sessions end by themselves: {lease} s");
    registry.drop_gateway(dead).await.unwrap();
    assert!(registry.admit(living, user, SessionId::generate(), 1, false).await.unwrap().is_some());
    let members: usize = connection.zcard(config.keys().user_sessions(user)).await.unwrap();
    assert_eq!(members, 1);
}

#[tokio::test]
async fn the_oldest_make_room_and_their_gateway_is_told_twice() {
    let config = config(&url());
    let mut subscribed = Subscribed::start(&config, 16);
    let registry = SessionRegistry::new(subscribed.pool.clone());
    let (here, there, user) = (GatewayId::generate(), GatewayId::generate(), UserId::generate());
    subscribed.handle.subscribe(vec![Channel::Gateway(there)]).await.unwrap();
    registry.renew(there).await.unwrap();
    let sessions: Vec<_> = (0..3).map(|_| SessionId::generate()).collect();
    for session in &sessions[..2] {
        assert!(registry.admit(there, user, *session, 2, true).await.unwrap().is_some());
    }
    registry.renew(here).await.unwrap();
    assert!(registry.admit(here, user, sessions[2], 2, true).await.unwrap().is_some());
    let told = loop {
        if let SubscriberEvent::Message { payload, .. } = subscribed.event().await {
            break String::from_utf8(payload.to_vec()).unwrap();
        }
    };
    assert!(told.contains("closeSession") && told.contains(&sessions[0].to_string()), "{told}");
    assert_eq!(registry.renew(there).await.unwrap().closed, [sessions[0]]);
    assert!(registry.renew(there).await.unwrap().closed.is_empty());
    let left: HashSet<_> = registry.of_user(user).await.unwrap().into_iter().collect();
    assert_eq!(left, HashSet::from([(there, sessions[1]), (here, sessions[2])]));
}

#[tokio::test]
async fn what_redis_has_lost_is_noticed_with_the_next_renewal_and_can_be_told_anew() {
    let (registry, config) = registry();
    let (gateway, user, session) = (GatewayId::generate(), UserId::generate(), SessionId::generate());
    assert!(registry.renew(gateway).await.unwrap().lost, "a new gateway");
    let admitted_at = registry.admit(gateway, user, session, 1, false).await.unwrap().unwrap();
    assert!(!registry.renew(gateway).await.unwrap().lost);
    let mut connection = redis::Client::open(url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let keys = config.keys();
    let _: () = connection.del(&[keys.user_sessions(user), keys.sessions_lease(gateway)]).await.unwrap();
    assert!(registry.renew(gateway).await.unwrap().lost);
    registry.add(gateway, &[RegisteredSession { user_id: user, session_id: session, admitted_at }]).await.unwrap();
    assert!(registry.admit(gateway, user, SessionId::generate(), 1, false).await.unwrap().is_none());
    assert!(registry.admit(gateway, user, session, 1, false).await.unwrap().is_some(), "asking twice takes one place");
    registry.remove(gateway, &[(user, session)]).await.unwrap();
    assert!(registry.of_user(user).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_shared_rate_admits_its_burst_on_all_gateways_together_and_tells_how_long_to_wait() {
    use std::num::NonZeroU32;

    use chat_redis::{SharedRate, SharedRates};
    let config = config(&url());
    let gateways = [(); 2].map(|()| SharedRates::new(RedisPool::new(&config).unwrap()));
    let rate = SharedRate { events: NonZeroU32::new(6).unwrap(), per: Duration::from_mins(1) };
    let take = |number: usize| gateways[number % 2].take("log-ins", "alice", rate);
    let waits: Vec<_> = join_all((0..20).map(take)).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(waits.iter().filter(|wait| wait.is_none()).count(), 6);
    let (shortest, longest) = (waits.iter().flatten().min().unwrap(), waits.iter().flatten().max().unwrap());
    assert!(*shortest > Duration::from_secs(5) && *longest <= Duration::from_secs(10), "{shortest:?} to {longest:?}");
    assert!(gateways[0].take("log-ins", "bob", rate).await.unwrap().is_none(), "others have their own");
    assert!(gateways[0].take("sign-ups", "alice", rate).await.unwrap().is_none(), "and other limits");
}
