//! Kafka, Redis or PostgreSQL is killed while people talk: what was accepted is stored and on every screen, nobody reconnects by hand.

use std::time::Duration;

use chat_e2e::{Crowd, Processes, Witness, stack};

const ROUND: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_store_delays_messages_and_loses_none() {
    let mut processes = Processes::start_all().await;
    let addresses = [processes.url("ws-gateway-1"), processes.url("ws-gateway-2")];
    let mut crowd = Crowd::gather(&processes.store, &addresses, 4, 6).await;
    crowd.talk("all well", 5, ROUND, async {}).await;
    for names in [&["redis"][..], &["postgres"], &["kafka"], &["redis", "kafka"]] {
        let witness = Witness::start(&processes.store, &addresses[0]).await;
        let kill = async {
            for name in names {
                stack(&["kill", name]).await;
            }
            for name in names {
                stack(&["start", name]).await;
            }
        };
        crowd.talk(&format!("{names:?} killed"), 15, ROUND, kill).await;
        assert!(witness.ask().await > 0);
        for service in processes.names() {
            processes.await_ready(&service).await;
        }
        crowd.talk(&format!("after {names:?}"), 2, ROUND, async {}).await;
    }
}
