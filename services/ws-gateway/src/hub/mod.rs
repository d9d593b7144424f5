//! The hub: all sessions and rooms of this gateway. One task owns the state ([`core`]), takes inputs from sessions and from Redis, and
//! hands what must be read or changed outside to the [`executor`].

mod core;
mod effect;
mod executor;
mod input;
mod pending;
mod presence;
mod presence_io;
mod receipts;
mod room;
mod sink;
mod viewers_io;
mod watched;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chat_protocol::{SessionId, UserId};
use chat_redis::SubscriberEvent;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::{core::Hub, effect::Effect};
pub use self::{
    core::{RingBounds, Tally, Timing},
    executor::{Executor, Parts},
    input::Input,
    pending::Pending,
    room::RingLimits,
    sink::{Feed, Rendered, Sink, SubscriptionKey, TimelineEvent},
};
use crate::{metrics::Metrics, ws::outbox::Outbox};

/// Most inputs that wait for the hub; sessions wait when it is full.
const INPUTS: usize = 8_192;
/// How often the hub looks after what time brings.
const TICK: Duration = Duration::from_millis(50);
/// A turn comes with every tick; after so long without one the process was suspended.
const ASLEEP: Duration = Duration::from_secs(3);
/// Most inputs taken in one turn.
const TURN: usize = 256;

/// What the hub knows of a session.
#[derive(Debug)]
pub struct SessionHandle {
    /// Its id.
    pub id: SessionId,
    /// Its user.
    pub user_id: UserId,
    /// Its queue.
    pub outbox: Outbox,
}

/// A way to tell the hub.
#[derive(Debug, Clone)]
pub struct HubHandle {
    inputs: mpsc::Sender<Input>,
}

impl HubHandle {
    /// The channel; its receiver goes to [`run`].
    pub fn new() -> (Self, mpsc::Receiver<Input>) {
        let (inputs, receiver) = mpsc::channel(INPUTS);
        (Self { inputs }, receiver)
    }

    /// Tells the hub. After it has ended, nothing is told: the process is going down.
    pub async fn tell(&self, input: Input) {
        if self.inputs.send(input).await.is_err() {
            tracing::debug!("hub has ended");
        }
    }
}

/// Runs until `stop`: inputs and Redis events → decisions → effects.
pub async fn run(
    timing: Timing,
    rings: RingBounds,
    mut inputs: mpsc::Receiver<Input>,
    mut redis: mpsc::Receiver<SubscriberEvent>,
    executor: Arc<Executor>,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let mut hub = Hub::new(timing, rings, Instant::now());
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut turn = Vec::with_capacity(TURN);
    let mut wanted = Vec::new();
    let mut turned = Instant::now();
    loop {
        let wake = tokio::select! {
            () = stop.cancelled() => return,
            taken = inputs.recv_many(&mut turn, TURN) => if taken == 0 { return } else { Wake::Inputs },
            Some(event) = redis.recv() => Wake::Redis(event),
            _ = tick.tick() => Wake::Tick,
        };
        let now = Instant::now();
        if now.duration_since(turned) > ASLEEP {
            tracing::warn!(slept = ?now.duration_since(turned), "process was suspended, what redis sent meanwhile is old");
            hub.slept(&mut wanted);
        }
        turned = now;
        match wake {
            Wake::Inputs => {
                for input in turn.drain(..) {
                    hub.handle(input, now, &mut wanted);
                }
            }
            Wake::Redis(event) => {
                take_event(&mut hub, event, now, &mut wanted);
                for _ in 1..TURN {
                    let Ok(event) = redis.try_recv() else { break };
                    take_event(&mut hub, event, now, &mut wanted);
                }
            }
            Wake::Tick => {
                hub.tick(now, &mut wanted);
                metrics.hub(hub.sizes(), hub.take_tally());
                metrics.presence_rooms(hub.presence_rooms());
                metrics.ring_bytes(hub.ring_bytes());
            }
        }
        executor.carry_out(&mut wanted);
    }
}

enum Wake {
    Inputs,
    Redis(SubscriberEvent),
    Tick,
}

fn take_event(hub: &mut Hub, event: SubscriberEvent, now: Instant, wanted: &mut Vec<Effect>) {
    match event {
        SubscriberEvent::Message { channel, payload } => hub.message(channel, &payload, now, wanted),
        SubscriberEvent::Connected => hub.connected(now, wanted),
        SubscriberEvent::Overflow => hub.resync(now, wanted),
        SubscriberEvent::Disconnected => {}
    }
}
