//! What one event costs each of 1,000 receivers: each look of it built once and shared, as the hub does, beside building it for every
//! receiver. `render` is the frame alone; `render_and_queue` also puts it into the receiver's queue.
//!
//! The cost of one receiver is the time divided by 1,000.

use std::hint::black_box;

use chat_protocol::RoomId;
use chat_stomp::Version;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use futures_util::FutureExt;
use ws_gateway::fan_out::{Outbox, Rendered, Sink, TimelineEvent};

// As in the service.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RECEIVERS: u32 = 1_000;
/// STOMP clients name their subscriptions themselves, but one library always alike.
const SUBSCRIPTION_IDS: u32 = 3;

/// A message of 100 characters.
fn event(room_id: RoomId) -> TimelineEvent {
    let content = "x".repeat(100);
    let json = format!(
        r#"{{"messageId":"0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d11","roomId":"{room_id}","seq":4711,"number":4700,"senderId":"0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d12","senderNickname":"alice","clientMessageId":"0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d13","type":"TEXT","content":"{content}","sentAt":"2026-01-01T00:00:00.123456Z"}}"#
    );
    TimelineEvent {
        seq: 4_711,
        kind: chat_protocol::TimelineKind::Message,
        shows: 4_711,
        removed: Vec::new(),
        json: json.into(),
    }
}

fn stomp_sinks(room_id: RoomId) -> Vec<Sink> {
    let sink = |nth: u32| Sink::Stomp {
        version: Version::V1_2,
        id: Some(format!("sub-{}", nth % SUBSCRIPTION_IDS).into()),
        destination: format!("/sub/chat/room/{room_id}").into(),
    };
    (0..RECEIVERS).map(sink).collect()
}

/// The hub's way and the naive one, for one set of receivers.
struct Case {
    name: &'static str,
    room_id: RoomId,
    event: TimelineEvent,
    sinks: Vec<Sink>,
    outboxes: Vec<Outbox>,
}

impl Case {
    fn new(name: &'static str, sinks: impl Fn(RoomId) -> Vec<Sink>) -> Self {
        let room_id = RoomId::generate();
        let outboxes = (0..RECEIVERS).map(|_| Outbox::new(1 << 20)).collect();
        Self { name, room_id, event: event(room_id), sinks: sinks(room_id), outboxes }
    }

    fn render(&self, group: &mut BenchmarkGroup<'_, WallTime>) {
        group.bench_function(format!("{}, once per look", self.name), |bencher| {
            bencher.iter(|| {
                let mut rendered = Rendered::timeline(self.room_id, black_box(&self.event));
                for sink in &self.sinks {
                    black_box(rendered.frame(sink));
                }
            });
        });
        group.bench_function(format!("{}, for each receiver", self.name), |bencher| {
            bencher.iter(|| {
                for sink in &self.sinks {
                    black_box(Rendered::timeline(self.room_id, black_box(&self.event)).frame(sink));
                }
            });
        });
    }

    fn render_and_queue(&self, group: &mut BenchmarkGroup<'_, WallTime>) {
        let name = format!("{}, once per look", self.name);
        self.queue(group, name, || {
            let mut rendered = Rendered::timeline(self.room_id, black_box(&self.event));
            for (sink, outbox) in self.sinks.iter().zip(&self.outboxes) {
                assert!(outbox.try_push(rendered.frame(sink)));
            }
        });
        let name = format!("{}, for each receiver", self.name);
        self.queue(group, name, || {
            for (sink, outbox) in self.sinks.iter().zip(&self.outboxes) {
                assert!(outbox.try_push(Rendered::timeline(self.room_id, black_box(&self.event)).frame(sink)));
            }
        });
    }

    /// Measures `deliver` with queues that are emptied in between.
    fn queue(&self, group: &mut BenchmarkGroup<'_, WallTime>, name: String, deliver: impl Fn()) {
        let mut items = Vec::new();
        group.bench_function(name, |bencher| {
            let empty = || {
                for outbox in &self.outboxes {
                    outbox.take(&mut items).now_or_never();
                    for item in items.drain(..) {
                        outbox.written(ws_gateway::fan_out::size(&item));
                    }
                }
            };
            bencher.iter_batched(empty, |()| deliver(), BatchSize::PerIteration);
        });
    }
}

fn fan_out(criterion: &mut Criterion) {
    let cases =
        [Case::new("stomp with 3 ids", stomp_sinks), Case::new("native", |_| vec![Sink::Native; RECEIVERS as usize])];
    let mut group = criterion.benchmark_group("render");
    group.throughput(Throughput::Elements(u64::from(RECEIVERS)));
    for case in &cases {
        case.render(&mut group);
    }
    group.finish();
    let mut group = criterion.benchmark_group("render_and_queue");
    group.throughput(Throughput::Elements(u64::from(RECEIVERS)));
    for case in &cases {
        case.render_and_queue(&mut group);
    }
    group.finish();
}

criterion_group!(benches, fan_out);
criterion_main!(benches);
