//! How long room lists take: from the cache, with nothing in it, and from PostgreSQL alone. Needs a test stack (see docs/TESTING.md).
//! `cargo run --release -p chat-e2e --example room_list_latency [CALLS [ROOMS…]]`

use std::{
    env,
    error::Error,
    time::{Duration, Instant},
};

use chat_client::{RestClient, RestError};
use chat_e2e::{Person, System};
use chat_protocol::{ClientMessageId, EntryType, MessageId, RoomId};
use chat_redis::{Outdated, RedisConfig, RedisPool, RoomListCache};
use chat_service::Secret;
use chat_store::{NewMessage, Store, StoreError};
use chat_testkit::{TcpProxy, TestEnv};

const MESSAGES_PER_ROOM: usize = 20;

/// The time of a call that half of all calls are faster than, and one that nine in ten are.
struct Latency {
    half: Duration,
    most: Duration,
}

impl std::fmt::Display for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} ms ({:.1})", self.half.as_secs_f64() * 1e3, self.most.as_secs_f64() * 1e3)
    }
}

async fn measure(rest: &RestClient, calls: usize, mut before: impl AsyncFnMut()) -> Result<Latency, RestError> {
    let mut times = Vec::new();
    for _ in 0..calls {
        before().await;
        let start = Instant::now();
        rest.rooms().await?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(Latency { half: times[calls / 2], most: times[calls * 9 / 10] })
}

async fn fill(store: &Store, room_id: RoomId, sender: &Person) -> Result<(), StoreError> {
    let own_ids: Vec<ClientMessageId> = (0..MESSAGES_PER_ROOM).map(|_| ClientMessageId::generate()).collect();
    let message = |client_message_id| NewMessage {
        room_id,
        sender_id: sender.id,
        client_message_id,
        message_id: MessageId::generate(),
        entry_type: EntryType::Text,
        content: "a message of about the length that messages have",
        reply_to: None,
        digest: MessageId::generate().0,
    };
    store.append_messages(&own_ids.iter().map(message).collect::<Vec<_>>()).await.map(drop)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut sizes = env::args().skip(1).map(|size| size.parse::<usize>()).collect::<Result<Vec<_>, _>>()?;
    let calls = if sizes.is_empty() { 40 } else { sizes.remove(0).max(1) };
    if sizes.is_empty() {
        sizes = vec![10, 100, 500];
    }

    let (proxy, nowhere) = TcpProxy::before(&TestEnv::from_env().redis_url).await;
    let system = System::with_gateways(&[&[], &[("CHAT__REDIS__URL", &nowhere)]]).await;
    let isolation = &system.isolation;
    let store = Store::new(&isolation.postgres())?;
    let redis = Secret::new(isolation.redis_url().to_owned());
    let redis = RedisConfig { url: redis, key_prefix: isolation.redis_prefix(), pool_size: 1 };
    let cache = RoomListCache::new(RedisPool::new(&redis)?);
    let alice = system.person("alice").await;
    proxy.cut();

    println!("| rooms | from the cache | nothing cached | PostgreSQL alone |\n| --- | --- | --- | --- |");
    for rooms in sizes {
        let bob = system.person("bob").await;
        let mut everything = Outdated::default();
        everything.add_users([bob.id]);
        for _ in 0..rooms {
            let room = system.group_by_hand(&[&alice, &bob]).await;
            fill(&store, room, &alice).await?;
            everything.add_rooms([room]);
        }
        let (near, alone) = (system.rest(0, &bob), system.rest(1, &bob));
        assert_eq!((near.rooms().await?.len(), alone.rooms().await?.len()), (rooms, rooms));
        let forget = async || cache.drop_outdated(&everything).await.expect("Redis of the test stack");
        let nothing_cached = measure(&near, calls, forget).await?;
        let cached = measure(&near, calls, async || ()).await?;
        let database = measure(&alone, calls, async || ()).await?;
        println!("| {rooms} | {cached} | {nothing_cached} | {database} |");
    }
    for (gateway, result) in [(0, "hit"), (0, "miss"), (0, "fallback"), (1, "fallback")] {
        let lists = system.gateway(gateway).counter("chat_gateway_room_lists_total", result);
        println!("gateway {gateway}: {result} {lists}");
    }
    Ok(())
}
