//! A member that was thrown out of its group and does not know yet.

use std::time::Duration;

use chat_kafka::group_lag;
use tokio::time::timeout;

use crate::{DEADLINE, Setup, numbers, take};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_commit_is_refused_drops_what_it_holds_and_goes_on() {
    let mut setup = Setup::new(1).await;
    setup.consumer.session_timeout_ms = 6_000;
    setup.consumer.max_poll_interval_ms = 6_000;
    setup.consumer.batch_records = 2;
    setup.produce("room", numbers(0..10)).await;
    let mut zombie = setup.consumer();
    let held = timeout(DEADLINE, zombie.next_batch()).await.unwrap().unwrap().unwrap();
    assert!(held.records.len() <= 2);

    // It polls no more, so it loses its place; the work is done by another one.
    let mut heir = setup.consumer();
    let done: Vec<String> = take(&mut heir, 10).await;
    assert_eq!(done, numbers(0..10), "what was held is done again");
    let lag = async || group_lag(&setup.kafka, "group", &[setup.topic()]).await.unwrap();
    let heir_idles = async {
        // It stays a member and commits; nothing comes for it.
        loop {
            let idle = timeout(Duration::from_millis(500), heir.next_batch()).await;
            assert!(idle.is_err(), "nothing comes twice to the heir");
            if lag().await == 0 {
                break;
            }
        }
    };
    timeout(DEADLINE, heir_idles).await.expect("committed");

    // Awake again: its commit, of an older place, must not count.
    zombie.done(&held);
    let (woken, ()) = tokio::join!(timeout(Duration::from_secs(3), zombie.next_batch()), async {
        let idle = timeout(Duration::from_secs(3), heir.next_batch()).await;
        assert!(idle.is_err(), "nothing comes twice to the heir");
    });
    assert!(woken.is_err(), "what the zombie had buffered is the heir's: {woken:?}");
    assert_eq!(lag().await, 0, "the heir's commit stands");

    heir.close().await;
    setup.produce("room", numbers(10..20)).await;
    assert_eq!(take(&mut zombie, 10).await, numbers(10..20), "it goes on");
    zombie.close().await;
    assert_eq!(lag().await, 0);
}
