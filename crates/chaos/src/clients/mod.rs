//! The load: people who talk, some of whom read slowly, come and go, or say things twice.

mod changes;
mod client;
mod listen;
mod outbox;
mod reads;
mod record;
mod wander;

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
pub use wander::Wandering;

use crate::{history::History, world::SECRET};

/// Somebody with an account and an access token, on one device.
#[derive(Debug, Clone)]
pub struct Person {
    /// As in the history.
    pub process: String,
    pub id: UserId,
    pub token: String,
    pub role: Role,
    /// Everywhere it is a member, at least now and then.
    pub rooms: Vec<RoomId>,
    /// One of them that it does not subscribe: it is notified of what is said there.
    pub unwatched: Option<RoomId>,
    /// One of them that it leaves and is invited to again.
    pub wanders: Option<RoomId>,
}

impl Person {
    /// The rooms it subscribes.
    pub fn watched(&self) -> Vec<RoomId> {
        self.rooms.iter().copied().filter(|room| self.unwatched != Some(*room)).collect()
    }
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
    /// Talks, leaves one of its rooms again and again, and is invited by its owner; half of them are not there at first.
    Wanderer,
    /// Talks, and does not look into one of its rooms.
    Elsewhere,
}

impl Role {
    fn of(number: usize) -> Self {
        match number % 8 {
            2 => Self::Slow,
            3 => Self::Wanderer,
            4 => Self::Elsewhere,
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

/// Accounts, rooms of which everybody is in two, and who comes and goes.
pub async fn gather(
    load: Load,
    store: &Store,
    address: &str,
    history: &History,
) -> anyhow::Result<(Vec<Person>, Vec<Wandering>)> {
    let (mut people, mut wanderers) = (Vec::new(), Vec::new());
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
        let person = Person {
            process: format!("c{number}"),
            id,
            token,
            role,
            rooms: Vec::new(),
            unwatched: None,
            wanders: None,
        };
        let pace = if role == Role::Slow { Pace::Slow } else { Pace::Steady };
        history.put(&Record::Client(ClientRecord { process: person.process.clone(), user: id, pace }));
        people.push(person);
    }
    for number in 0..load.rooms {
        let members: Vec<usize> = (0..people.len())
            .filter(|index| index % load.rooms == number || (index / load.rooms + index + 1) % load.rooms == number)
            .collect();
        let owner = members.iter().position(|index| people[*index].role != Role::Wanderer);
        let Some(owner) = owner.map(|position| people[members[position]].clone()) else { continue };
        // Of the wanderers, every other one comes later, the first time too.
        let late =
            |index: usize| people[index].role == Role::Wanderer && people[index].rooms.is_empty() && index % 16 == 3;
        let others: Vec<UserId> = members
            .iter()
            .filter(|index| !late(**index))
            .map(|index| people[*index].id)
            .filter(|id| *id != owner.id)
            .collect();
        let rest = RestClient::new(address)?.with_token(&owner.token);
        let room = rest.create_group_room(&format!("room {number}"), &others).await.context("a room")?;
        // Only now is its id known.
        for outcome in [Outcome::Invoke, Outcome::Ok] {
            let mut event = history.event(&owner.process, "", outcome, Op::Join);
            (event.room, event.sender) = (Some(room), Some(owner.id));
            history.put_event(event);
        }
        for index in members {
            let inside = others.contains(&people[index].id);
            let person = &mut people[index];
            person.rooms.push(room);
            match person.role {
                Role::Wanderer if person.wanders.is_none() => {
                    person.wanders = Some(room);
                    wanderers.push((index, room, owner.clone(), inside));
                }
                // It still has another to look into.
                Role::Elsewhere if person.rooms.len() == 2 => person.unwatched = Some(room),
                _ => {}
            }
        }
    }
    let wandering = |(index, room, owner, inside): (usize, RoomId, Person, bool)| {
        let guest = people[index].clone();
        Wandering { guest, room, owner, inside }
    };
    let wanderers = wanderers.into_iter().map(wandering).collect();
    Ok((people, wanderers))
}

/// Starts everybody, on the gateways in turn.
pub fn start(
    people: &[Person],
    wanderers: Vec<Wandering>,
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
    for (number, wandering) in wanderers.into_iter().enumerate() {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(number as u64);
        all.spawn(wandering.run(addresses.to_vec(), seed, Arc::clone(history), stage.clone()));
    }
    all
}
