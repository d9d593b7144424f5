//! A model of how a command becomes an entry on every screen, small enough to try every interleaving of every step.
//!
//! ```text
//! sender ─► chat-messages ─► persister × 2 ─► database ─► chat-events ─► broadcaster × 2 ─► Redis ─► gateway ─► client
//!                                                 └──────────── pages, heads, memberships ──────────────┘
//! ```
//!
//! One room. [`System`] is a moment of it, [`actions`] is what can happen next, [`Rules`] are the rules by which the system keeps its
//! promises, [`Bounds`] says how much may happen and go wrong, [`properties`] are the promises. stateright walks through every
//! state that can be reached. The tests show that the promises hold under the real rules, and which one falls with each rule taken away.
//!
//! Not modelled: time (anything enabled may happen at any moment, or never while something else does), batches (a batch is one
//! transaction in the database; here it is one command), rejections and outcomes for the sender, slow consumers and their queues, the ring of recent events,
//! memberships that begin again, read marks, loss of what Kafka or PostgreSQL acknowledged. The room of a gateway is a transcript of
//! `services/ws-gateway/src/hub/room`; `hub/core/tests/timeline.rs` there holds the real hub to the same promises.

#![warn(missing_docs)]

pub mod actions;
mod group;
pub mod livelock;
pub mod properties;
mod room;
mod rules;
mod state;

use stateright::{Model, Property};

pub use self::{
    actions::Action,
    group::{Group, Worker},
    room::{Phase, Purpose, Room, Told},
    rules::{Bounds, Dedupe, Faults, Rules},
    state::{Broadcasting, Client, Command, Database, Entry, Link, Persisting, System},
};

/// The model: rules and bounds.
#[derive(Debug, Clone)]
pub struct Chat {
    /// What the system does.
    pub rules: Rules,
    /// How much may happen.
    pub bounds: Bounds,
}

impl Model for Chat {
    type State = System;
    type Action = Action;

    fn init_states(&self) -> Vec<System> {
        vec![System::new(self.bounds.gateways, self.bounds.clients, self.bounds.faults)]
    }

    fn actions(&self, state: &System, actions: &mut Vec<Action>) {
        actions::possible(self, state, actions);
    }

    fn next_state(&self, last: &System, action: Action) -> Option<System> {
        let mut next = last.clone();
        actions::take(self, &mut next, action);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::promises().into_iter().chain(properties::met()).collect()
    }
}
