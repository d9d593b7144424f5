//! The load: people who talk, some of whom read slowly, come and go, or say things twice.

mod client;
mod listen;
mod outbox;
mod reads;
mod record;

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use chat_checker::history::{Client as ClientRecord, Op, Outcome, Pace, Record};
use chat_client::RestClient;
use chat_protocol::{RoomId, UserId};
use chat_store::{Store, User};
use chat_testkit::access_token;
use tokio::sync::watch;

pub use client::{Client, Stage};
pub use reads::read_all;

use crate::{history::History, world::SECRET};

/// Somebody with an account and an access token, on one device.
#[derive(Debug, Clone)]
pub struct Person {
    /// As in the history.
    pub process: String,
    pub id: UserId,
    pub token: String,
    pub role: Role,
    pub rooms: Vec<RoomId>,
}

/// How somebody behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Talks and listens.
    Steady,
    /// Listens, slowly.
    Slow,
    /// Talks, and loses its connection every few seconds.
    Restless,
    /// Talks, and says some things again that were acknowledged already.
    Impatient,
}

impl Role {
    /// One of each four is no ordinary one.
    fn of(number: usize) -> Self {
        match number % 8 {
            2 => Self::Slow,
            5 => Self::Restless,
            7 => Self::Impatient,
            _ => Self::Steady,
        }
    }
}

/// How many, and how much they talk.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub clients: usize,
    pub rooms: usize,
    /// Between two messages of one client, on average.
    pub pause: Duration,
    /// How long they talk, if that is long: their tokens must last.
    pub length: Duration,
}

/// Accounts, and rooms of which everybody is in two.
pub async fn gather(load: Load, store: &Store, address: &str, history: &History) -> anyhow::Result<Vec<Person>> {
    let mut people = Vec::new();
    for number in 0..load.clients {
        let id = UserId::generate();
        let user = User {
            id,
            email: format!("{id}@example.com"),
            nickname: format!("client {number}"),
            // No hash: nobody can log in with a password.
            password_hash: "-".to_owned(),
        };
        ensure!(store.create_user(&user).await?, "an account that exists");
        let token = access_token(SECRET, id, Duration::from_hours(1) + load.length * 2);
        let role = Role::of(number);
        let person = Person { process: format!("c{number}"), id, token, role, rooms: Vec::new() };
        let pace = if role == Role::Slow { Pace::Slow } else { Pace::Steady };
        history.put(&Record::Client(ClientRecord { process: person.process.clone(), user: id, pace }));
        people.push(person);
    }
    for number in 0..load.rooms {
        let members: Vec<usize> = (0..people.len())
            .filter(|index| index % load.rooms == number || (index / load.rooms + index + 1) % load.rooms == number)
            .collect();
        let Some((owner, others)) = members.split_first() else { continue };
        let owner = people[*owner].clone();
        let others: Vec<UserId> = others.iter().map(|index| people[*index].id).collect();
        let rest = RestClient::new(address)?.with_token(&owner.token);
        let room = rest.create_group_room(&format!("room {number}"), &others).await.context("a room")?;
        // Only now is its id known.
        for outcome in [Outcome::Invoke, Outcome::Ok] {
            let mut event = history.event(&owner.process, "", outcome, Op::Join);
            (event.room, event.sender) = (Some(room), Some(owner.id));
            history.put_event(event);
        }
        for index in members {
            people[index].rooms.push(room);
        }
    }
    Ok(people)
}

/// Starts everybody, on the gateways in turn.
pub fn start(
    people: &[Person],
    addresses: &[String],
    load: Load,
    seed: u64,
    history: &Arc<History>,
    stage: &watch::Receiver<Stage>,
) -> tokio::task::JoinSet<()> {
    let mut all = tokio::task::JoinSet::new();
    for (number, person) in people.iter().enumerate() {
        let mut addresses = addresses.to_vec();
        let first = number % addresses.len();
        addresses.rotate_left(first);
        let seed = seed.wrapping_mul(1000).wrapping_add(number as u64);
        let client = Client::new(person.clone(), addresses, load.pause, seed, Arc::clone(history));
        all.spawn(client.run(stage.clone()));
    }
    all
}
