//! The real binaries: nothing is lost, doubled or out of order, whoever is killed.

#[path = "processes/presence.rs"]
mod presence;

use std::time::Duration;

use chat_client::{Connection, RestClient};
use chat_e2e::{Balancer, Crowd, PATIENCE, Processes, RawSocket, Talk, Witness, create_person, deadline};
use chat_protocol::frame::RoomCursor;
use chat_testkit::{TcpProxy, TestEnv, assert_eventually};
use tokio::io::AsyncWriteExt;

const ROOMS: usize = 20;
const MEMBERS: usize = 10;
/// Messages of each member: 2,000 in a round.
const EACH: usize = 10;
const ROUND: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_sees_everything_once_and_in_order_whoever_is_killed() {
    let mut processes = Processes::start_all().await;
    let (first, second) = (processes.url("ws-gateway-1"), processes.url("ws-gateway-2"));
    let balancers =
        [Balancer::start(vec![first.clone(), second.clone()]).await, Balancer::start(vec![second, first]).await];
    let addresses = [balancers[0].url(), balancers[1].url()];
    let mut crowd = Crowd::gather(&processes.store, &addresses, ROOMS, MEMBERS).await;

    crowd.talk("all well", EACH, ROUND, async {}).await;
    for name in ["persister", "broadcaster", "ws-gateway-2"] {
        let witness = Witness::start(&processes.store, &addresses[1]).await;
        let kill = async {
            processes.kill(name);
            processes.start_again(name);
            processes.await_ready(name).await;
        };
        crowd.talk(&format!("{name} killed"), EACH, ROUND, kill).await;
        assert!(witness.ask().await > 0);
    }
}

#[tokio::test]
async fn every_service_leaves_with_exit_code_0() {
    let mut processes = Processes::start_all().await;
    let addresses = [processes.url("ws-gateway-1"), processes.url("ws-gateway-2")];
    let mut crowd = Crowd::gather(&processes.store, &addresses, 1, 4).await;
    crowd.talk("before the end", 2, ROUND, async {}).await;
    for name in processes.names() {
        let exit = processes.terminate(&name, Duration::from_secs(20)).await;
        assert_eq!(exit.code(), Some(0), "{name}: {}", processes.log(&name));
    }
}

#[tokio::test]
async fn a_frame_that_declares_a_terabyte_costs_no_memory() {
    let mut processes = Processes::new().await;
    processes.start("ws-gateway", "ws-gateway", &[]);
    // Nobody answers its canary.
    processes.await_missing_only("ws-gateway", &["delivery"]).await;
    let addr = processes.url("ws-gateway").trim_start_matches("http://").parse().unwrap();
    // The first connection pays for what every connection shares.
    drop(RawSocket::open(addr, "chat.v1").await);
    let before = processes.resident_bytes("ws-gateway");

    let mut socket = RawSocket::open(addr, "chat.v1").await;
    socket.declare(0x82, 1 << 40).await.unwrap();
    for _ in 0..20 {
        // Refused as soon as the connection is closed.
        if socket.stream.write_all(&vec![0; 1 << 20]).await.is_err() {
            break;
        }
    }
    let code = deadline("closed", PATIENCE, socket.close_code()).await;
    // What was sent after the header may reset the connection before the close frame is read.
    assert!(matches!(code, Some(1009) | None), "{code:?}");
    let grown = processes.resident_bytes("ws-gateway").saturating_sub(before);
    assert!(grown < 6 << 20, "{grown} bytes more");
}

#[tokio::test]
async fn services_started_before_their_dependencies_say_so_and_come_up_when_those_do() {
    let env = TestEnv::from_env();
    let (postgres, postgres_url) = TcpProxy::before(&env.postgres_url).await;
    let (redis, redis_url) = TcpProxy::before(&env.redis_url).await;
    // Only the first contact goes there: the broker then tells its own address.
    let kafka = TcpProxy::start(env.kafka_brokers.clone()).await;
    let brokers = kafka.addr().to_string();
    for proxy in [&postgres, &redis, &kafka] {
        proxy.cut();
    }

    let mut processes = Processes::new().await;
    let settings = [
        ("CHAT__POSTGRES__URL", postgres_url.as_str()),
        ("CHAT__REDIS__URL", redis_url.as_str()),
        ("CHAT__KAFKA__BROKERS", brokers.as_str()),
    ];
    let expected: [(&str, &'static str, &[usize], &str); 5] = [
        ("ws-gateway-1", "ws-gateway", &[0, 1, 2], "postgres"),
        ("persister", "persister", &[0, 2], "postgres"),
        ("broadcaster", "broadcaster", &[1, 2], "redis"),
        ("notifier", "notifier", &[0, 1, 2], "postgres"),
        ("read-receipt", "read-receipt", &[0, 1, 2], "postgres"),
    ];
    for (name, service, used, _) in expected {
        let settings: Vec<_> = used.iter().map(|index| settings[*index]).collect();
        processes.start(name, service, &settings);
    }
    for (name, _, _, dependency) in expected {
        let told = format!("\"dependency\":\"{dependency}\"");
        let says_so = || processes.log(name).lines().filter(|line| line.contains(&told)).count();
        assert_eventually!(says_so() >= 3, within = PATIENCE, "{name} names {dependency}: {}", processes.log(name));
        assert!(says_so() < 40, "{name} says it too often: {}", processes.log(name));
        assert!(!processes.is_ready(name).await, "{name} is ready without {dependency}");
    }
    for proxy in [&postgres, &redis, &kafka] {
        proxy.heal();
    }
    for name in processes.names() {
        processes.await_ready(&name).await;
    }
    let alice = create_person(&processes.store, "alice").await;
    let url = processes.url("ws-gateway-1");
    let rest = RestClient::new(&url).unwrap().with_token(&alice.token);
    let first_command = async {
        loop {
            if let Ok(room) = rest.create_group_room("after the start", &[]).await {
                return room;
            }
        }
    };
    let room = deadline("the first command", ROUND, first_command).await;
    let rooms = vec![RoomCursor { room_id: room, after: Some(0), presence: false }];
    let (mut connection, _) = Connection::connect(&chat_client::ws_url(&url), &alice.token, rooms).await.unwrap();
    connection.say(room, "hello").await;
    connection.entries(room, 2).await;
}
