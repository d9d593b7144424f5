//! What a rate costs each message: a look-up among many users.

use std::hint::black_box;

use chat_protocol::UserId;
use criterion::{Criterion, criterion_group, criterion_main};
use ws_gateway::rates::Rate;

const USERS: usize = 10_000;

fn counting(criterion: &mut Criterion) {
    let users: Vec<UserId> = (0..USERS).map(|_| UserId::generate()).collect();
    let rate = Rate::per_second(1_000_000, 1_000_000);
    let mut next = (0..USERS).cycle();
    criterion.bench_function("count a message of one of 10,000 users", |bencher| {
        bencher.iter(|| next.next().map(|user| black_box(rate.count(&users[user]))));
    });
}

criterion_group!(benches, counting);
criterion_main!(benches);
