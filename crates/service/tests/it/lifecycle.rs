use std::time::Duration;

use chat_service::Lifecycle;
use chat_service::lifecycle::ShutdownError;

#[tokio::test]
async fn the_first_trigger_is_soft_and_the_second_is_hard() {
    let lifecycle = Lifecycle::for_test();
    lifecycle.trigger();
    assert!(lifecycle.soft().is_cancelled() && !lifecycle.hard().is_cancelled());
    lifecycle.trigger();
    assert!(lifecycle.hard().is_cancelled());
}

#[tokio::test]
async fn the_first_signal_after_a_crash_does_not_cut_the_drain_short() {
    let lifecycle = Lifecycle::for_test();
    lifecycle.crash("loop", &"broken");
    lifecycle.trigger();
    assert!(lifecycle.is_draining() && !lifecycle.hard().is_cancelled());
}

#[tokio::test]
async fn shutdown_waits_for_every_kind_of_task() {
    let lifecycle = Lifecycle::for_test();
    let soft = lifecycle.soft();
    lifecycle.spawn("long", async move {
        soft.cancelled().await;
        Ok::<_, std::io::Error>(())
    });
    let (short, tracked) = (tokio::sync::oneshot::channel::<()>(), tokio::sync::oneshot::channel::<()>());
    lifecycle.spawn_detached("short", async move { drop(short.1.await) });
    tokio::spawn(lifecycle.track(tracked.1));
    lifecycle.trigger();
    let mut complete = Box::pin(lifecycle.shutdown_complete());
    assert!(futures_util::poll!(&mut complete).is_pending());
    drop(short.0);
    drop(tracked.0);
    complete.await.unwrap();
}

#[tokio::test]
async fn a_task_that_ends_early_stops_the_process() {
    let lifecycle = Lifecycle::for_test();
    lifecycle.spawn("loop", async {});
    lifecycle.soft().cancelled().await;
    assert!(matches!(lifecycle.shutdown_complete().await, Err(ShutdownError::Failed)));
}

#[tokio::test]
async fn a_task_that_fails_stops_the_process() {
    let lifecycle = Lifecycle::for_test();
    lifecycle.spawn("loop", async { Err("broken") });
    lifecycle.soft().cancelled().await;
    assert!(lifecycle.failed());
}

#[tokio::test]
async fn a_panic_is_a_crash_also_in_a_short_task() {
    for detached in [false, true] {
        let lifecycle = Lifecycle::for_test();
        let task = async { "not a number".parse::<u8>().map(drop).unwrap() };
        if detached {
            lifecycle.spawn_detached("task", task);
        } else {
            lifecycle.spawn("task", task);
        }
        lifecycle.soft().cancelled().await;
        assert!(lifecycle.failed());
    }
}

#[tokio::test]
async fn a_short_task_may_end_and_may_fail() {
    let lifecycle = Lifecycle::for_test();
    lifecycle.spawn_detached("short", async {});
    lifecycle.spawn_detached("short", async { Err("refused") });
    lifecycle.trigger();
    lifecycle.shutdown_complete().await.unwrap();
}

#[tokio::test]
async fn an_error_while_draining_makes_the_shutdown_fail() {
    let lifecycle = Lifecycle::for_test();
    let soft = lifecycle.soft();
    lifecycle.spawn("flush", async move {
        soft.cancelled().await;
        Err("not flushed")
    });
    lifecycle.trigger();
    assert!(matches!(lifecycle.shutdown_complete().await, Err(ShutdownError::Failed)));
}

#[tokio::test]
async fn the_deadline_abandons_tasks_and_names_them() {
    let lifecycle = Lifecycle::new(Duration::from_millis(50));
    lifecycle.spawn("stuck", std::future::pending::<()>());
    lifecycle.trigger();
    let error = lifecycle.shutdown_complete().await.unwrap_err();
    assert_eq!(error.to_string(), "tasks still running: stuck");
}

#[tokio::test]
async fn a_task_that_heeds_the_hard_token_is_not_abandoned() {
    let lifecycle = Lifecycle::new(Duration::from_millis(50));
    let hard = lifecycle.hard();
    lifecycle.spawn("slow", async move {
        hard.cancelled().await;
    });
    lifecycle.trigger();
    lifecycle.shutdown_complete().await.unwrap();
}

#[test]
fn tasks_run_on_the_runtime_of_the_lifecycle_whatever_thread_spawns_them() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("home").build().unwrap();
    let lifecycle = runtime.block_on(async { Lifecycle::for_test() });
    let (name, ran_on) = std::sync::mpsc::sync_channel(1);
    lifecycle.spawn_detached("short", async move {
        name.send(std::thread::current().name().map(str::to_owned)).unwrap();
    });
    assert_eq!(ran_on.recv_timeout(Duration::from_secs(10)).unwrap().as_deref(), Some("home"));
}
