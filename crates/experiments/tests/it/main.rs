//! Against a real PostgreSQL and Redis (`CHAT_TEST_POSTGRES_URL`, `CHAT_TEST_REDIS_URL`): the counting counts, and what is protected loses
//! nothing.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    env,
    time::{Duration, Instant},
};

use chat_experiments::read_receipts::{Case, Line, Place, Settings, Strategy, faults, run};

const CELL: Duration = Duration::from_millis(150);
const PATIENCE: Duration = Duration::from_mins(1);

async fn compare(cases: &[Case], strategies: &[Strategy]) -> Vec<Line> {
    let settings = Settings {
        place: Place {
            postgres: env::var("CHAT_TEST_POSTGRES_URL").expect("CHAT_TEST_POSTGRES_URL is not set: run `make test`"),
            redis: env::var("CHAT_TEST_REDIS_URL").expect("CHAT_TEST_REDIS_URL is not set: run `make test`"),
            connections: 8,
            people: 16,
            long: 5_000,
            short: 200,
        },
        stack: None,
        readers: vec![16],
        cases: cases.to_vec(),
        strategies: strategies.to_vec(),
        rounds: 1,
        cell: CELL,
    };
    run(&settings, |_| {}).await.unwrap()
}

#[tokio::test]
async fn readers_of_one_mark_without_protection_lose_some_of_it() {
    let started = Instant::now();
    // By chance none may be lost, in so short a time.
    loop {
        let lines = compare(&[Case::OneMark], &[Strategy::Control]).await;
        let cell = &lines[0].cells[0];
        assert!(cell.times.count() > 0);
        if cell.taken_back > 0 && cell.seen_going_down > 0 {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "nothing was lost: {cell:?}");
    }
}

#[tokio::test]
async fn no_protected_strategy_loses_a_mark_wherever_readers_meet() {
    let protected =
        Strategy::ALL.map(|strategy| strategy).into_iter().filter(|strategy| *strategy != Strategy::Control);
    let lines = compare(&Case::ALL, &protected.collect::<Vec<_>>()).await;
    assert_eq!(lines.len(), 18);
    assert_eq!(faults(&lines), Vec::<String>::new());
    for line in &lines {
        assert!(line.cells[0].times.count() >= 16, "{line:?}");
    }
}
