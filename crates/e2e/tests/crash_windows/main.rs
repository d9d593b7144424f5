//! A service dies, or sleeps while another takes over and then wakes, at every step between taking a batch and committing it: nothing is
//! lost, nothing is doubled on a screen, and the same news keeps its place.

#![expect(clippy::unwrap_used, reason = "tests")]

mod stage;
mod wire;

use stage::Stage;

/// What happens to the process in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// SIGKILL: no drain, no goodbye, no commit.
    Dies,
    /// SIGSTOP until another instance has its partitions and is done with them: a zombie.
    Sleeps,
}

/// A step of a service's loop, and what shows that the step is where its name says.
#[derive(Debug, Clone, Copy)]
struct Window {
    service: &'static str,
    /// As in docs/TESTING.md.
    point: &'static str,
    /// How often the news of the batch is told in the end, when the process dies there, and when it wakes there too late.
    told: [usize; 2],
}

const fn window(service: &'static str, point: &'static str, told: [usize; 2]) -> Window {
    Window { service, point, told }
}

const WINDOWS: [Window; 10] = [
    // Records of the first message on chat-events. Every execution tells its place, whoever stored it.
    window("persister", "persister.before-database", [1, 2]),
    window("persister", "persister.stored", [1, 2]),
    window("persister", "persister.produced", [2, 2]),
    // Publishes of the first message on the room's channel.
    window("broadcaster", "broadcaster.before-publish", [1, 2]),
    window("broadcaster", "broadcaster.published", [2, 2]),
    // Notifications of the first message to a member who is elsewhere.
    window("notifier", "notifier.before-publish", [1, 2]),
    window("notifier", "notifier.published", [2, 2]),
    // Publishes of the mark on the room's channel. Who finds a mark told and stores it cannot know that it was, and tells it again.
    window("read-receipt", "read-receipt.told", [2, 2]),
    window("read-receipt", "read-receipt.before-flush", [2, 2]),
    window("read-receipt", "read-receipt.flushed", [1, 1]),
];

/// All windows of a service at once, each on a system of its own: most of the time passes until Kafka gives a dead member up.
async fn every_window_of(service: &str) {
    let windows = WINDOWS.into_iter().filter(|window| window.service == service);
    let cells = windows.flat_map(|window| [(window, Ending::Dies), (window, Ending::Sleeps)]);
    // Tasks of their own: a failure names its window, and the others still end.
    let cells = cells.map(|(window, ending)| (window, ending, tokio::spawn(cell(window, ending))));
    let mut failed = Vec::new();
    for (window, ending, cell) in cells.collect::<Vec<_>>() {
        if cell.await.is_err() {
            failed.push(format!("{} {ending:?}", window.point));
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

async fn cell(window: Window, ending: Ending) {
    let mut stage = Stage::set(window, ending).await;
    stage.fill_the_first_batch().await;
    stage.enter_the_window().await;
    stage.let_another_take_over().await;
    if ending == Ending::Sleeps {
        stage.wake_the_sleeper().await;
    }
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persister_may_die_or_sleep_at_every_step() {
    every_window_of("persister").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broadcaster_may_die_or_sleep_at_every_step() {
    every_window_of("broadcaster").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notifier_may_die_or_sleep_at_every_step() {
    every_window_of("notifier").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_receipt_service_may_die_or_sleep_at_every_step() {
    every_window_of("read-receipt").await;
}
