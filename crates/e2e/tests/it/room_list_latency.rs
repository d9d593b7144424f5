//! How long room lists take: from the cache, with nothing in it, and from PostgreSQL alone.

use std::time::{Duration, Instant};

use chat_client::rest::RestClient;
use chat_e2e::System;
use chat_protocol::{ClientMessageId, EntryType, MessageId, RoomId};
use chat_redis::{Outdated, RedisConfig, RedisPool, RoomListCache};
use chat_service::Secret;
use chat_store::{NewMessage, Store};
use chat_testkit::{TcpProxy, TestEnv};

const CALLS: usize = 30;

/// The time of a call that half of all calls are faster than, and one that nine in ten are.
async fn measure(rest: &RestClient, rooms: usize, mut before: impl AsyncFnMut()) -> (Duration, Duration) {
    let mut times = Vec::new();
    for _ in 0..CALLS {
        before().await;
        let start = Instant::now();
        assert_eq!(rest.rooms().await.unwrap().len(), rooms);
        times.push(start.elapsed());
    }
    times.sort_unstable();
    (times[CALLS / 2], times[CALLS * 9 / 10])
}

#[tokio::test]
#[ignore = "a measurement: prints a table"]
async fn room_list_latency() {
    let redis = TestEnv::from_env().redis_url.trim_start_matches("redis://").to_owned();
    let proxy = TcpProxy::start(redis).await;
    let through_proxy = format!("redis://{}", proxy.addr());
    let system = System::with_gateways(&[&[], &[("CHAT__REDIS__URL", &through_proxy)]]).await;
    let isolation = &system.isolation;
    let store = Store::new(&isolation.postgres()).unwrap();
    let config =
        RedisConfig { url: Secret::new(isolation.redis_url()), key_prefix: isolation.redis_prefix(), pool_size: 1 };
    let cache = RoomListCache::new(RedisPool::new(&config).unwrap());
    let alice = system.person("alice").await;
    proxy.cut();
    println!("rooms  cached p50/p90  nothing cached p50/p90  PostgreSQL alone p50/p90");
    for rooms in [10, 100, 500] {
        let bob = system.person("bob").await;
        let mut ids: Vec<RoomId> = Vec::new();
        for _ in 0..rooms {
            let room = system.group_by_hand(&[&alice, &bob]).await;
            let own_ids: Vec<ClientMessageId> = (0..20).map(|_| ClientMessageId::generate()).collect();
            let messages: Vec<NewMessage<'_>> = own_ids
                .iter()
                .map(|id| NewMessage {
                    room_id: room,
                    sender_id: alice.id,
                    client_message_id: id,
                    message_id: MessageId::generate(),
                    entry_type: EntryType::Text,
                    content: "a message of about the length that messages have",
                    reply_to: None,
                    digest: MessageId::generate().0,
                })
                .collect();
            store.append_messages(&messages).await.unwrap();
            ids.push(room);
        }
        let (near, alone) = (system.rest(0, &bob), system.rest(1, &bob));
        let mut everything = Outdated::default();
        everything.add_rooms(ids);
        everything.add_users([bob.id]);
        let nothing_cached = measure(&near, rooms, async || cache.drop_outdated(&everything).await.unwrap()).await;
        let cached = measure(&near, rooms, async || ()).await;
        let database = measure(&alone, rooms, async || ()).await;
        let ms = |(half, most): (Duration, Duration)| {
            format!("{:.1}/{:.1} ms", half.as_secs_f64() * 1e3, most.as_secs_f64() * 1e3)
        };
        println!("{rooms}  {}  {}  {}", ms(cached), ms(nothing_cached), ms(database));
    }
    for (gateway, result) in [(0, "hit"), (0, "miss"), (0, "fallback"), (1, "fallback")] {
        let lists = system.gateway(gateway).counter("chat_gateway_room_lists_total", result);
        println!("gateway {gateway}: {result} {lists}");
    }
}
