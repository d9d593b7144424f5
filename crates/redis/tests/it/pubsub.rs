use std::time::Duration;

use bytes::Bytes;
use chat_protocol::{GatewayId, RoomId, UserId, redis_key::Channel};
use chat_redis::{RedisConfig, RedisError, RedisPool, SubscriberEvent};
use chat_service::Secret;

use crate::{DEADLINE, Subscribed, config, proxy::Proxy, url};

fn message(channel: Channel, payload: &'static str) -> SubscriberEvent {
    SubscriberEvent::Message { channel, payload: Bytes::from_static(payload.as_bytes()) }
}

fn room() -> Channel {
    Channel::Room(RoomId::generate())
}

#[tokio::test]
async fn messages_of_subscribed_channels_arrive_in_order() {
    let mut subscribed = Subscribed::start(&config(&url()), 100);
    let (room, gateway, user) = (room(), Channel::Gateway(GatewayId::generate()), Channel::User(UserId::generate()));
    assert_eq!(subscribed.event().await, SubscriberEvent::Connected);
    subscribed.handle.subscribe(vec![room, gateway]).await.unwrap();
    let publishes = [(room, "1".into()), (user, "unheard".into()), (gateway, "2".into()), (room, "3".into())];
    subscribed.pool.publish_all(&publishes).await.unwrap();
    assert_eq!(subscribed.event().await, message(room, "1"));
    assert_eq!(subscribed.event().await, message(gateway, "2"));
    assert_eq!(subscribed.event().await, message(room, "3"));

    subscribed.handle.unsubscribe(vec![room]).await;
    // Confirmed in the order of the requests.
    subscribed.handle.subscribe(vec![user]).await.unwrap();
    subscribed.handle.subscribe(vec![]).await.unwrap();
    subscribed.pool.publish_all(&[(room, "unheard".into()), (user, "4".into())]).await.unwrap();
    assert_eq!(subscribed.event().await, message(user, "4"));
}

#[tokio::test]
async fn a_batch_of_many_megabytes_is_published_in_order() {
    let mut subscribed = Subscribed::start(&config(&url()), 100);
    let room = room();
    assert_eq!(subscribed.event().await, SubscriberEvent::Connected);
    subscribed.handle.subscribe(vec![room]).await.unwrap();
    let publishes: Vec<(Channel, Bytes)> = (0..20).map(|n| (room, Bytes::from(vec![n; 300_000]))).collect();
    subscribed.pool.publish_all(&publishes).await.unwrap();
    for (channel, payload) in publishes {
        assert_eq!(subscribed.event().await, SubscriberEvent::Message { channel, payload });
    }
}

#[tokio::test]
async fn whoever_asks_for_it_gets_a_new_connection_with_all_subscriptions() {
    let mut subscribed = Subscribed::start(&config(&url()), 100);
    let room = room();
    assert_eq!(subscribed.event().await, SubscriberEvent::Connected);
    subscribed.handle.subscribe(vec![room]).await.unwrap();
    subscribed.handle.reconnect().await;
    assert_eq!(subscribed.event().await, SubscriberEvent::Disconnected);
    assert_eq!(subscribed.event().await, SubscriberEvent::Connected);
    subscribed.pool.publish_all(&[(room, "again".into())]).await.unwrap();
    assert_eq!(subscribed.event().await, message(room, "again"));
}

#[tokio::test]
async fn a_killed_connection_is_rebuilt_with_its_subscriptions() {
    let mut subscribed = Subscribed::start(&config(&url()), 100);
    assert_eq!(subscribed.event().await, SubscriberEvent::Connected);
    // A number of channels that no other test has makes the connection known; the probe's channel is one more.
    let rooms: Vec<Channel> = (0..137).map(|_| room()).collect();
    subscribed.handle.subscribe(rooms.clone()).await.unwrap();

    let mut admin = redis::Client::open(url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let clients: String = redis::cmd("CLIENT").arg(&["LIST", "TYPE", "pubsub"]).query_async(&mut admin).await.unwrap();
    let ours = clients.lines().find(|line| line.contains(" sub=138 ")).expect("our connection");
    let id = ours.strip_prefix("id=").unwrap().split(' ').next().unwrap();
    let killed: i64 = redis::cmd("CLIENT").arg(&["KILL", "ID", id]).query_async(&mut admin).await.unwrap();
    assert_eq!(killed, 1);

    assert_eq!(subscribed.event().await, SubscriberEvent::Disconnected);
    assert_eq!(subscribed.event().await, SubscriberEvent::Connected);
    assert!(subscribed.handle.connected());
    subscribed.pool.publish_all(&[(rooms[136], "after".into())]).await.unwrap();
    assert_eq!(subscribed.event().await, message(rooms[136], "after"));
}

#[tokio::test]
async fn a_silent_connection_is_found_by_the_probe_and_comes_back_without_any_command() {
    let url = url();
    let target = redis::Client::open(url.as_str()).unwrap().get_connection_info().addr().to_string();
    let proxy = Proxy::start(target).await;
    let through_proxy = format!("redis://{}", proxy.address);
    let config = config(&through_proxy);
    let mut subscribed = Subscribed::start(&config, 100);
    assert_eq!(subscribed.event().await, SubscriberEvent::Connected);
    let (early, late) = (room(), room());
    subscribed.handle.subscribe(vec![early]).await.unwrap();

    proxy.cut(true);
    assert_eq!(subscribed.event().await, SubscriberEvent::Disconnected);
    assert!(!subscribed.handle.connected());
    let refused = subscribed.handle.subscribe(vec![late]).await;
    assert!(matches!(refused, Err(RedisError::NotConfirmed)), "{refused:?}");
    let started = std::time::Instant::now();
    assert!(subscribed.pool.publish_all(&[(early, "lost".into())]).await.is_err());
    assert!(started.elapsed() < Duration::from_secs(3), "commands do not wait for a dead Redis");

    proxy.cut(false);
    assert_eq!(subscribed.event().await, SubscriberEvent::Connected);
    // Both the earlier and the unconfirmed subscription are there.
    let published =
        async { while subscribed.pool.publish_all(&[(early, "a".into()), (late, "b".into())]).await.is_err() {} };
    tokio::time::timeout(DEADLINE, published).await.unwrap();
    assert_eq!(subscribed.event().await, message(early, "a"));
    assert_eq!(subscribed.event().await, message(late, "b"));
}

/// A client library's own loop gives up after six attempts.
const MORE_ATTEMPTS_THAN_A_LIBRARY_MAKES: usize = 8;

#[tokio::test]
async fn a_half_open_subscription_is_found_while_commands_work_and_reconnected_for_ever() {
    let direct = config(&url());
    let target = redis::Client::open(url()).unwrap().get_connection_info().addr().to_string();
    let proxy = Proxy::start(target).await;
    let through_proxy = RedisConfig { url: Secret::new(format!("redis://{}", proxy.address)), ..direct.clone() };
    // Only the subscription goes through the proxy: commands would never notice.
    let mut subscribed = Subscribed::start_with(&through_proxy, RedisPool::new(&direct).unwrap(), 100);
    assert_eq!(subscribed.event().await, SubscriberEvent::Connected);
    let room = room();
    subscribed.handle.subscribe(vec![room]).await.unwrap();

    proxy.cut(true);
    proxy.refuse(true);
    let before = proxy.attempts();
    assert_eq!(subscribed.event().await, SubscriberEvent::Disconnected);
    subscribed.pool.publish_all(&[(room, "lost".into())]).await.expect("commands work");
    let persistent = async {
        while proxy.attempts() < before + MORE_ATTEMPTS_THAN_A_LIBRARY_MAKES {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, persistent).await.expect("it does not give up");
    proxy.refuse(false);
    proxy.cut(false);
    assert_eq!(subscribed.event().await, SubscriberEvent::Connected);
    subscribed.pool.publish_all(&[(room, "heard".into())]).await.unwrap();
    assert_eq!(subscribed.event().await, message(room, "heard"));
}

#[tokio::test]
async fn a_slow_receiver_is_told_that_messages_were_dropped() {
    let config = config(&url());
    let mut subscribed = Subscribed::start(&config, 4);
    let room = room();
    assert_eq!(subscribed.event().await, SubscriberEvent::Connected);
    subscribed.handle.subscribe(vec![room]).await.unwrap();
    let publishes: Vec<(Channel, Bytes)> = (0..50).map(|_| (room, Bytes::from_static(b"m"))).collect();
    subscribed.pool.publish_all(&publishes).await.unwrap();
    // Everything published so far has passed once this answer came over the same connection.
    subscribed.handle.subscribe(vec![room]).await.unwrap();
    for _ in 0..4 {
        assert_eq!(subscribed.event().await, message(room, "m"));
    }
    assert_eq!(subscribed.event().await, SubscriberEvent::Overflow);
    subscribed.pool.publish_all(&[(room, "next".into())]).await.unwrap();
    assert_eq!(subscribed.event().await, message(room, "next"));
}

#[tokio::test]
async fn a_subscriber_without_receiver_ends() {
    let config = config(&url());
    let mut subscribed = Subscribed::start(&config, 4);
    assert_eq!(subscribed.event().await, SubscriberEvent::Connected);
    let mut admin = redis::Client::open(url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let Subscribed { events, _stop, .. } = subscribed;
    drop(events);
    let gone = async {
        let pattern = format!("{}chat:probe:*", config.key_prefix);
        loop {
            let left: Vec<String> =
                redis::cmd("PUBSUB").arg(&["CHANNELS", &pattern]).query_async(&mut admin).await.unwrap();
            if left.is_empty() {
                break;
            }
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.expect("the connection is closed");
}
